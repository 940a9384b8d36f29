// SPDX-License-Identifier: MIT
#include "common/network/apply.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <vector>

#include <fmt/core.h>

#include "common/base/error.h"
#include "common/network/codec.h"
#include "common/network/lookup.h"
#include "common/network/sysctl.h"

namespace container_init {
namespace {

// The kernel's text and a hint, either of which may be empty.
std::string joined(const std::string& kernel_text, const std::string& hint) {
  if (kernel_text.empty() || hint.empty()) return kernel_text + hint;
  return kernel_text + ": " + hint;
}

const std::string& link_of(const Operation& operation) {
  return std::visit([](const auto& concrete) -> const std::string& { return concrete.link; },
                    operation);
}

bool is_ipv6(const Operation& operation) {
  if (const auto* added = std::get_if<AddAddress>(&operation))
    return added->address.address.family == Family::ipv6;
  if (const auto* added = std::get_if<AddRoute>(&operation))
    return added->destination.address.family == Family::ipv6;
  return false;
}

std::string hint_for(const Operation& operation, int error) {
  const std::string& link = link_of(operation);
  if (error == EPERM) return "CAP_NET_ADMIN is needed, which root has";
  if (error == ENODEV) return link + " is gone";
  // do_set_master() in net/core/rtnetlink.c; a bridge itself never refuses a veth with EINVAL.
  const auto* set = std::get_if<SetLink>(&operation);
  if (error == EINVAL && set && !set->master.empty()) return set->master + " is gone";
  if (is_ipv6(operation) && error == EACCES)
    return fmt::format("IPv6 is off, see sysctl net.ipv6.conf.{}.disable_ipv6", link);
  if (is_ipv6(operation) && (error == EOPNOTSUPP || error == EAFNOSUPPORT))
    return "the kernel runs without IPv6";
  return {};
}

std::string destination_text(const Prefix& destination) {
  if (destination.length == 0) return "the default route";
  return destination.is_host() ? to_string(destination.address) : to_string(destination);
}

// Looks up what the kernel reported as existing (EEXIST).
class Existing {
 public:
  Existing(Rtnetlink& rtnetlink, const Links& links) : rtnetlink_(rtnetlink), links_(links) {}

  // Empty if what exists is what the operation would have made, else how it differs.
  std::string conflict_with(const AddAddress& added) {
    const Prefix& wanted = added.address;
    // The kernel compares IPv4 addresses with their prefix length, IPv6 addresses without.
    if (wanted.address.family == Family::ipv4) return {};
    const auto found = decode_address(
        ask(encode_get_address(wanted.address, links_.find(added.link)->second.index)));
    if (!found || found->length == wanted.length) return {};
    return fmt::format("{} already has it with /{}", added.link, found->length);
  }

  std::string conflict_with(const AddRoute& added) {
    const auto route = find_route(added.destination);
    if (!route) return "a route to it exists, but is not found";
    const std::string destination = destination_text(added.destination);
    if (!route->refusal.empty())
      return fmt::format("{} already has a route of type {}", destination, route->refusal);
    if (route->link_index == 0) return destination + " already leads over several links";
    const auto wanted_index = links_.find(added.link)->second.index;
    if (route->link_index == wanted_index && route->gateway == added.gateway) return {};
    const std::string via =
        route->gateway ? fmt::format(" via {}", to_string(*route->gateway)) : std::string{};
    return fmt::format("{} already leads to {}{}", destination, link_name(route->link_index), via);
  }

 private:
  std::vector<std::byte> ask(Message query) {
    return std::move(rtnetlink_.request({&query, 1}).front().message);
  }

  // The route to a single address is found by a lookup, which is fast however many routes there
  // are. A lookup of a network may find a longer prefix instead: for networks the table is dumped.
  std::optional<Route> find_route(const Prefix& destination) {
    const auto matches = [&](const std::optional<Route>& route) {
      return route && route->in_main_table && route->has_our_metric &&
             route->destination == destination;
    };
    if (destination.is_host()) {
      if (const auto route = decode_route(ask(encode_get_route(destination.address)));
          matches(route))
        return route;
    }
    std::optional<Route> found;
    rtnetlink_.dump(encode_dump_routes(destination.address.family), [&](auto message) {
      if (const auto route = decode_route(message); !found && matches(route)) found = route;
    });
    return found;
  }

  std::string link_name(int index) {
    const auto link = find_link(rtnetlink_, index);
    return link ? link->name : fmt::format("link {}", index);
  }

  Rtnetlink& rtnetlink_;
  const Links& links_;
};

// Whether the error says that what is to be deleted does not exist: in the kernel,
// fib_table_delete() and ip6_route_del(), inet_rtm_deladdr() and inet6_addr_del(), and
// neigh_delete().
bool is_gone(const Operation& operation, int error) {
  if (std::holds_alternative<DeleteLink>(operation)) return error == ENODEV;
  if (std::holds_alternative<DeleteRoute>(operation)) return error == ESRCH;
  if (std::holds_alternative<DeleteAddress>(operation))
    return error == EADDRNOTAVAIL || error == ENXIO;  // ENXIO: the link has no IPv6 at all
  return std::holds_alternative<DeleteNeighbour>(operation) && error == ENOENT;
}

// Why the operation failed; nothing if its result is there.
std::optional<std::string> failure(const Operation& operation, const Answer& answer,
                                   Existing& existing) {
  if (answer.error == 0) return std::nullopt;
  if (is_gone(operation, answer.error)) return std::nullopt;
  if (answer.error != EEXIST) return joined(answer.text, hint_for(operation, answer.error));

  std::string conflict = answer.text;
  if (const auto* address = std::get_if<AddAddress>(&operation)) {
    conflict = existing.conflict_with(*address);
    if (conflict.empty()) return std::nullopt;
  } else if (const auto* route = std::get_if<AddRoute>(&operation)) {
    conflict = existing.conflict_with(*route);
    if (conflict.empty()) return std::nullopt;
  }
  return conflict;
}

void set_sysctls(const Plan& plan, const Links& links) {
  for (const Operation& operation : plan)
    if (const auto* set = std::get_if<SetLink>(&operation); set && set->distrusts_peer)
      distrust_peer(links.at(set->link).name);
}

// Once the MTU has been too small for IPv6, a larger one begins it anew, with the settings of a new
// link.
bool sets_mtu(const Plan& plan) {
  return std::ranges::any_of(plan, [](const Operation& operation) {
    const auto* set = std::get_if<SetLink>(&operation);
    return set != nullptr && set->mtu != 0;
  });
}

}  // namespace

std::vector<bool> apply(Rtnetlink& rtnetlink, const Plan& plan, const Links& links) {
  std::vector<Message> messages;
  messages.reserve(plan.size());
  for (const Operation& operation : plan) messages.push_back(encode(operation, links));
  set_sysctls(plan, links);  // before any link is up
  const auto answers = rtnetlink.request(messages);
  if (sets_mtu(plan)) set_sysctls(plan, links);
  Existing existing(rtnetlink, links);
  std::vector<bool> carried_out;
  for (std::size_t i = 0; i < plan.size(); ++i) {
    if (const auto why = failure(plan[i], answers[i], existing))
      throw system_error(answers[i].error, describe(plan[i]), *why);
    carried_out.push_back(answers[i].error == 0);
  }
  return carried_out;
}

}  // namespace container_init
