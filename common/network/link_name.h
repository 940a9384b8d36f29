// SPDX-License-Identifier: MIT
// Names of network links, and those that systemd-nspawn gives to the links of a container.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/base/parsed.h"

namespace container_init {

// The longest name the kernel takes; IFNAMSIZ in linux/if.h counts the final NUL.
inline constexpr std::size_t kLongestLinkName = 15;

inline constexpr std::string_view kContainerLink =
    "eth0";  // the container's end, after container-init has renamed it
inline constexpr std::string_view kNspawnLink = "host0";  // as systemd-nspawn names it

// What both the kernel (dev_valid_name) and systemd (ifname_valid) accept.
Parsed<std::string> parse_link_name(std::string_view text);
bool is_link_name(std::string_view text);

// The host's end of the pair: ve-INSTANCE, or vb-INSTANCE in a bridge. If it is too long for a link
// name, it is the link's alternative name, and the link's name is short_link_name() of it.
std::string host_link_name(std::string_view instance, bool in_bridge);

// The name under which systemd-nspawn creates a link: names over 15 characters are cut to 11 and
// four characters of their hash follow (systemd.net-naming-scheme(7), v247).
std::string short_link_name(std::string_view name);

}  // namespace container_init
