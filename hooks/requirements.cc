// SPDX-License-Identifier: MIT
#include "hooks/requirements.h"

#include <fmt/core.h>

#include "common/base/error.h"
#include "common/base/words.h"

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

}  // namespace container_init
