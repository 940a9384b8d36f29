// Between our values and rtnetlink's bytes: the one place that knows RTM_, IFLA_, IFA_ and RTA_.
// Sources: rtnetlink(7), linux/rtnetlink.h, linux/if_link.h, linux/if_addr.h.
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

// The route that serves a destination, as the kernel's table has it.
struct Route {
  Prefix destination;
  std::optional<Address> gateway;
  int link_index = 0;  // 0: none, or more than one
  bool in_main_table = false;
  bool has_our_metric = false;  // that of the routes we add; another one is another route
  std::string_view refusal;     // "blackhole", "unreachable", ...; empty for one that leads on
};

// Queries, each answered by one message. A link is looked up by its name (up to 15 characters),
// by an alternative name, or by its index.
Message encode_get_link(const std::string& name);
Message encode_get_link_by_alternative_name(const std::string& name);
Message encode_get_link(int index);
// The entry that `destination` itself falls under, with its table.
Message encode_get_route(const Address& destination);
// An IPv6 address on a link; for IPv4 the kernel has no such query.
Message encode_get_address(const Address& address, int link_index);
// Answered by a message a route, of all tables, and NLMSG_DONE.
Message encode_dump_routes(Family family);

// Error where the links lack one that the operation names.
Message encode(const Operation& operation, const Links& links);

// Nothing where the message is of another type, or malformed.
std::optional<Link> decode_link(std::span<const std::byte> message);
std::optional<Route> decode_route(std::span<const std::byte> message);
std::optional<Prefix> decode_address(std::span<const std::byte> message);

}  // namespace container_init
