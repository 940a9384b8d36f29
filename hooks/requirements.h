// The links on the host that a configuration needs, and the variables that name them.
#pragma once

#include <string>
#include <vector>

#include "common/config.h"
#include "common/link.h"

namespace container_init {

struct RequiredLink {
  std::string name;
  std::string wanted_by;  // "HOST_BRIDGE", "EXTRA_VETHS lan0: HOST_BRIDGE", "INTERFACES", ...
  bool is_bridge = false;
};

// The bridges of all pairs.
std::vector<RequiredLink> required_bridges(const Network& network);

// These, the interfaces that move into the container and the parents of its macvlans.
std::vector<RequiredLink> required_links(const Config& config);

// Error, Exit::config, where a link that should be a bridge is of another kind. A link that is
// absent passes.
void check_bridges(const std::vector<RequiredLink>& required, const Links& links);

}  // namespace container_init
