// SPDX-License-Identifier: MIT
#include "hooks/requirements.h"

#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include "common/base/error.h"
#include "common/base/words.h"
#include "hooks/running_containers.h"

namespace container_init {

LinkNames host_links(const Network& network) {
  LinkNames names;
  if (network.pair) names.insert(network.pair->host_link);
  for (const Pair& pair : network.extra_pairs) names.insert(pair.host_link);
  return names;
}

std::vector<RequiredLink> required_bridges(const Network& network) {
  std::vector<RequiredLink> required;
  if (network.pair && !network.pair->bridge.empty())
    required.push_back({network.pair->bridge, "HOST_BRIDGE", true});
  for (const Pair& pair : network.extra_pairs)
    if (!pair.bridge.empty())
      required.push_back(
          {pair.bridge, fmt::format("EXTRA_VETHS: {}: HOST_BRIDGE", pair.host_link), true});
  return required;
}

std::vector<RequiredLink> required_links(const Config& config) {
  std::vector<RequiredLink> required = required_bridges(config.network);
  const auto add = [&](const std::vector<std::string>& links, const std::string& variable) {
    for (const std::string& link : links)
      required.push_back({link.substr(0, link.find(':')), variable, false});
  };
  add(config.interfaces, "INTERFACES");
  add(config.macvlans, "MACVLANS");
  return required;
}

LinkNames names_of(const std::vector<RequiredLink>& required) {
  LinkNames names;
  for (const RequiredLink& link : required) names.insert(link.name);
  return names;
}

std::vector<std::string> missing_lines(const std::vector<RequiredLink>& required,
                                       const Links& links, const std::string& when) {
  std::vector<std::string> lines;
  for (const auto& [name, wanted_by, is_bridge] : required)
    if (!links.contains(name))
      lines.push_back(fmt::format("no link {}{}, wanted by {}", name, when, wanted_by));
  return lines;
}

void check_bridges(const std::vector<RequiredLink>& required, const Links& links) {
  std::vector<std::string> faults;
  for (const auto& [name, wanted_by, is_bridge] : required) {
    const auto found = links.find(name);
    if (is_bridge && found != links.end() && found->second.kind != "bridge")
      faults.push_back(fmt::format("{}={}: the link is {}, not a bridge", wanted_by, quote(name),
                                   describe_kind(found->second)));
  }
  if (!faults.empty()) throw Error(Exit::config, std::move(faults));
}

namespace {

std::string not_a_veth(const std::string& name, const Link& link) {
  constexpr std::string_view kHint =
      "one of INTERFACES that has come back from a container keeps its name of there";
  std::string fault = fmt::format("link {} is {}, not a veth, and so not an end of a pair", name,
                                  describe_kind(link));
  if (link.kind.empty()) fault += fmt::format("; {}: ip link set {} name NEW", kHint, link.name);
  return fault;
}

// Why the link of this name is not the container's; empty where it may be, or is not there.
std::string reason_against(Rtnetlink& rtnetlink, const std::string& instance,
                           const std::string& name, const Links& links) {
  if (const auto claimant = find_claimant(name); claimant && claimant->instance != instance)
    return fmt::format("link {} belongs to container {}, which runs", name, claimant->instance);
  const auto found = links.find(name);
  if (found == links.end()) return {};
  const Link& link = found->second;
  if (link.kind != "veth") return not_a_veth(name, link);
  // A container's end is in a namespace of its own, and is deleted with it.
  const auto peer = link.peer != 0 ? find_link(rtnetlink, link.peer) : std::nullopt;
  return !peer ? ""
               : fmt::format(
                     "link {} is an end of a pair whose other end, {}, is on the host too, "
                     "and so no container's",
                     name, peer->name);
}

// Error, Exit::config, if one of the names is that of somebody else's link.
void check_own(Rtnetlink& rtnetlink, const std::string& instance, const LinkNames& own,
               const Links& links) {
  std::vector<std::string> faults;
  for (const std::string& name : own)
    if (auto reason = reason_against(rtnetlink, instance, name, links); !reason.empty())
      faults.push_back(std::move(reason));
  if (!faults.empty()) throw Error(Exit::config, std::move(faults));
}

bool is_among(const Link& link, const LinkNames& names, const Links& links) {
  return std::ranges::any_of(names, [&](const std::string& name) {
    const auto found = links.find(name);
    return found != links.end() && found->second.index == link.index;
  });
}

}  // namespace

void check_addresses(Rtnetlink& rtnetlink, const Network& network, const LinkNames& own,
                     const Links& links) {
  std::vector<std::string> faults;
  const auto check = [&](const Pair& pair, const std::string& where) {
    for (const FamilyConfig* family : {&pair.ipv4, &pair.ipv6}) {
      if (!family->local || family->local->address.is_link_local()) continue;
      const auto link = find_link_with(rtnetlink, family->local->address);
      if (link && !is_among(*link, own, links))
        faults.push_back(fmt::format(
            "{}LOCAL_ADDRESS{}: {} is an address of this host, by link {}; "
            "wanted: one that nobody else has",
            where, family == &pair.ipv6 ? "6" : "", to_string(family->local->address), link->name));
    }
  };
  if (network.pair) check(*network.pair, "");
  for (const Pair& pair : network.extra_pairs)
    check(pair, fmt::format("EXTRA_VETHS: {}: ", pair.host_link));
  if (!faults.empty()) throw Error(Exit::config, std::move(faults));
}

void check_host(Rtnetlink& rtnetlink, const Config& config, const LinkNames& own,
                const Links& links) {
  Checks checks;
  checks.run([&] { check_own(rtnetlink, config.instance, own, links); });
  checks.run([&] { check_bridges(required_links(config), links); });
  checks.run([&] { check_addresses(rtnetlink, config.network, own, links); });
  checks.end();
}

}  // namespace container_init
