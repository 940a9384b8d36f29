// SPDX-License-Identifier: MIT
// Encodes operations and queries as rtnetlink messages and decodes the kernel's: the only place
// that uses the constants RTM_, IFLA_, IFA_ and RTA_, beside link_filter. Sources: rtnetlink(7),
// linux/rtnetlink.h, linux/if_link.h, linux/if_addr.h.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/network/address.h"
#include "common/network/link.h"
#include "common/network/message.h"
#include "common/network/plan.h"

namespace container_init {

// An entry of the kernel's routing table.
struct Route {
  Prefix destination;
  std::optional<Address> gateway;
  int link_index = 0;  // 0: none, or more than one
  bool in_main_table = false;
  bool is_local = false;  // packets to it go no further: an address of this host, or a broadcast
  bool has_our_metric =
      false;  // that of the routes we add; with another metric it is a different route
  std::string_view refusal;  // "blackhole", "unreachable", ...; empty for a route that forwards
};

// Queries, each answered by one message. A link is looked up by its name (up to 15 characters),
// by an alternative name, or by its index.
Message encode_get_link(const std::string& name);
Message encode_get_link_by_alternative_name(const std::string& name);
Message encode_get_link(int index);
// The entry that the kernel uses for `destination`, with its table.
Message encode_get_route(const Address& destination);
// An IPv6 address on a link; the kernel has no such query for IPv4.
Message encode_get_address(const Address& address, int link_index);
// Answered by one message for each route of every table, then NLMSG_DONE.
Message encode_dump_routes(Family family);

// Error if the operation names a link that is not among the links.
Message encode(const Operation& operation, const Links& links);

// The index of a link that may lack what is to be configured on it: an address or a route was
// removed, or the link was taken out of a bridge or brought up. 0 for all other messages.
int decode_loss(std::span<const std::byte> message);
// Whether such a message says that the link was brought up.
bool is_brought_up(std::span<const std::byte> message);

// Nothing if the message has another type or is malformed.
std::optional<Link> decode_link(std::span<const std::byte> message);
std::optional<Route> decode_route(std::span<const std::byte> message);
std::optional<Prefix> decode_address(std::span<const std::byte> message);

}  // namespace container_init
