#include "hooks/requirements.h"

#include "common/error.h"
#include "common/format.h"
#include "common/words.h"

namespace container_init {

std::vector<RequiredLink> required_bridges(const Network& network) {
  std::vector<RequiredLink> required;
  if (network.pair && !network.pair->bridge.empty())
    required.push_back({network.pair->bridge, "HOST_BRIDGE", true});
  for (const Pair& pair : network.extra_pairs)
    if (!pair.bridge.empty())
      required.push_back(
          {pair.bridge, format("EXTRA_VETHS: {}: HOST_BRIDGE", pair.host_link), true});
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

void check_bridges(const std::vector<RequiredLink>& required, const Links& links) {
  std::vector<std::string> faults;
  for (const auto& [name, wanted_by, is_bridge] : required) {
    const auto found = links.find(name);
    if (!is_bridge || found == links.end() || found->second.kind == "bridge") continue;
    const std::string& kind = found->second.kind;
    faults.push_back(format("{}={}: the link is {}, not a bridge", wanted_by, quote(name),
                            kind.empty() ? "a device" : "of kind " + kind));
  }
  if (!faults.empty()) throw Error(Exit::config, std::move(faults));
}

}  // namespace container_init
