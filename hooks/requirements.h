// SPDX-License-Identifier: MIT
// The links on the host that a configuration needs, and the variables that name them.
#pragma once

#include <string>
#include <vector>

#include "common/config/config.h"
#include "common/network/link.h"
#include "common/network/lookup.h"
#include "common/network/rtnetlink.h"

namespace container_init {

struct RequiredLink {
  std::string name;
  std::string wanted_by;  // "HOST_BRIDGE", "EXTRA_VETHS: lan0: HOST_BRIDGE", "INTERFACES", ...
  bool is_bridge = false;
};

// The host's ends of all pairs.
LinkNames host_links(const Network& network);

// The bridges of all pairs.
std::vector<RequiredLink> required_bridges(const Network& network);

// The bridges, the interfaces that move into the container and the parents of its macvlans.
std::vector<RequiredLink> required_links(const Config& config);

LinkNames names_of(const std::vector<RequiredLink>& required);

// "no link br0, wanted by HOST_BRIDGE" for each missing link, with `when` after the name.
std::vector<std::string> missing_lines(const std::vector<RequiredLink>& required,
                                       const Links& links, const std::string& when);

// Error, Exit::config, if a link that must be a bridge is of another kind. Missing links are not
// errors.
void check_bridges(const std::vector<RequiredLink>& required, const Links& links);

// Error, Exit::config, if the address of a container's end is one of this host, by a link that is
// not among the `own` ones of the container: packets to it would never leave the host.
void check_addresses(Rtnetlink& rtnetlink, const Network& network, const LinkNames& own,
                     const Links& links);

// All that can be said of the host's links before anything is changed: these checks, and that none
// of the `own` links is another's. The links are those of `own` and of required_links().
void check_host(Rtnetlink& rtnetlink, const Config& config, const LinkNames& own,
                const Links& links);

}  // namespace container_init
