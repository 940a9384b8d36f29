// SPDX-License-Identifier: MIT
#include "common/network/lookup.h"

#include <algorithm>
#include <cerrno>
#include <span>
#include <vector>

#include <fmt/core.h>

#include "common/base/error.h"
#include "common/network/codec.h"
#include "common/network/link_name.h"

namespace container_init {
namespace {

using std::chrono::steady_clock;

// A query for a link, and the name that is looked up with it.
struct Query {
  const std::string& name;
  Message message;
};

std::vector<Query> queries_for(const LinkNames& names) {
  std::vector<Query> queries;
  for (const std::string& name : names) {
    if (name.size() > kLongestLinkName)
      queries.push_back({name, encode_get_link_by_alternative_name(name)});
    queries.push_back({name, encode_get_link(short_link_name(name))});
  }
  return queries;
}

// Kernels before 5.5 have no alternative names and answer EINVAL or EOPNOTSUPP.
bool means_absent(int error) { return error == ENODEV || error == EINVAL || error == EOPNOTSUPP; }

void look_up(Rtnetlink& rtnetlink, std::span<const Query> queries, Links& links) {
  std::vector<Message> messages;
  for (const Query& query : queries) messages.push_back(query.message);
  const auto answers = rtnetlink.request(messages);
  for (std::size_t i = 0; i < queries.size(); ++i) {
    const std::string& name = queries[i].name;
    if (answers[i].error == 0) {
      if (auto link = decode_link(answers[i].message)) links.emplace(name, *std::move(link));
    } else if (!means_absent(answers[i].error)) {
      throw system_error(answers[i].error, "look up link " + name, answers[i].text);
    }
  }
}

Links wait_until(steady_clock::time_point deadline, Rtnetlink& rtnetlink, LinkEvents& events,
                 const LinkNames& names, const LinkTest& passes, int interrupt) {
  for (;;) {
    Links links = find_links(rtnetlink, names);
    if (failing(names, links, passes).empty() || !events.wait_until(deadline, interrupt))
      return links;
  }
}

}  // namespace

LinkNames names_of(const Plan& plan) {
  LinkNames names;
  const auto add = [&](const std::string& name) {
    if (!name.empty()) names.insert(name);
  };
  for (const Operation& operation : plan) {
    std::visit([&](const auto& concrete) { add(concrete.link); }, operation);
    if (const auto* set = std::get_if<SetLink>(&operation)) {
      add(set->new_name);
      add(set->master);
    }
  }
  return names;
}

Links find_links(Rtnetlink& rtnetlink, const LinkNames& names) {
  const auto queries = queries_for(names);
  Links links;
  // Of hundreds of answers, 1.5 KB each, only those of one batch are kept at a time.
  for (std::span left(queries); !left.empty();) {
    const auto batch = left.first(std::min(left.size(), Rtnetlink::kLongestBatch));
    look_up(rtnetlink, batch, links);
    left = left.subspan(batch.size());
  }
  return links;
}

std::optional<Link> find_link(Rtnetlink& rtnetlink, int index) {
  Message query = encode_get_link(index);
  return decode_link(rtnetlink.request({&query, 1}).front().message);
}

std::optional<Link> find_link_with(Rtnetlink& rtnetlink, const Address& address) {
  Message query = encode_get_route(address);
  const auto route = decode_route(rtnetlink.request({&query, 1}).front().message);
  return route && route->is_local ? find_link(rtnetlink, route->link_index) : std::nullopt;
}

LinkNames failing(const LinkNames& names, const Links& links, const LinkTest& passes) {
  LinkNames failed;
  for (const std::string& name : names) {
    const auto found = links.find(name);
    if (!passes(found == links.end() ? nullptr : &found->second)) failed.insert(name);
  }
  return failed;
}

Links wait_for_links(Rtnetlink& rtnetlink, const LinkNames& names, std::chrono::seconds timeout,
                     const LinkTest& passes, int interrupt) {
  if (names.empty()) return {};
  const auto deadline = steady_clock::now() + timeout;
  LinkEvents events(names);  // before the lookup, so that no change after it is missed
  return wait_until(deadline, rtnetlink, events, names, passes, interrupt);
}

Links wait_for_links(Rtnetlink& rtnetlink, LinkEvents& events, const LinkNames& names,
                     const LinkTest& passes, int interrupt) {
  return wait_until(steady_clock::time_point::max(), rtnetlink, events, names, passes, interrupt);
}

void check_veths(const LinkNames& names, const Links& links) {
  std::vector<std::string> faults;
  for (const std::string& name : names) {
    const auto found = links.find(name);
    if (found != links.end() && found->second.kind != "veth")
      faults.push_back(fmt::format("link {} is {}, not a veth, and so not an end of a pair", name,
                                   describe_kind(found->second)));
  }
  if (!faults.empty()) throw Error(Exit::config, std::move(faults));
}

std::string describe_kind(const Link& link) {
  return link.kind.empty() ? "a device" : "of kind " + link.kind;
}

bool is_present(const Link* link) { return link != nullptr; }
bool has_carrier(const Link* link) { return link != nullptr && link->carrier; }

std::string join(const LinkNames& names) {
  std::string joined;
  for (const std::string& name : names) joined += (joined.empty() ? "" : ", ") + name;
  return joined;
}

}  // namespace container_init
