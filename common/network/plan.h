// SPDX-License-Identifier: MIT
// The changes to the network, as a list of operations made from the configuration alone. Links are
// named, not looked up: a plan can be printed and tested anywhere.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/network/address.h"
#include "common/network/link_name.h"
#include "common/network/network.h"

namespace container_init {

// Gives the link what is set here, then brings it up.
struct SetLink {
  std::string link;
  std::string new_name;
  std::optional<MacAddress> address;
  std::string master;           // the bridge that it becomes a port of
  bool distrusts_peer = false;  // see distrusting_sysctls(); before it is up
  std::uint32_t mtu = 0;        // 0: as it is
  bool leaves_master = false;   // no port of a bridge any more

  bool operator==(const SetLink&) const = default;
};

struct DeleteLink {
  std::string link;

  bool operator==(const DeleteLink&) const = default;
};

// IPv6 addresses are added without duplicate address detection: usable at once.
struct AddAddress {
  std::string link;
  Prefix address;

  bool operator==(const AddAddress&) const = default;
};

struct DeleteAddress {
  std::string link;
  Prefix address;

  bool operator==(const DeleteAddress&) const = default;
};

struct AddRoute {
  std::string link;
  Prefix destination;              // host bits clear
  std::optional<Address> gateway;  // without one the destination is on-link

  bool operator==(const AddRoute&) const = default;
};

struct DeleteRoute {
  std::string link;
  Prefix destination;
  std::optional<Address> gateway;

  bool operator==(const DeleteRoute&) const = default;
};

// The MAC address that the kernel has learnt for an address.
struct DeleteNeighbour {
  std::string link;
  Address address;

  bool operator==(const DeleteNeighbour&) const = default;
};

using Operation = std::variant<SetLink, DeleteLink, AddAddress, DeleteAddress, AddRoute,
                               DeleteRoute, DeleteNeighbour>;
using Plan = std::vector<Operation>;

// The container's end of every pair, and the default routes. `main_link` is the name that the main
// pair's end has now.
Plan make_container_plan(const Network& network, std::string_view main_link = kNspawnLink);

// The host's end of every pair.
Plan make_host_plan(const Network& network);

// What leads from the plans of `before` to the wanted one, all of them of one end: what only they
// add is deleted, and what all of them have is left alone. Each of `before` may have been carried
// out in part only; then the result is right nevertheless.
Plan make_change_plan(const std::vector<Plan>& before, const Plan& wanted);

// For messages: "add route 10.0.0.2 dev ve-web".
std::string describe(const Operation& operation);

// The ip(8) command that does the same: "ip route add 10.0.0.2 dev ve-web". Without the settings of
// sysctl(8) that go before it.
std::string ip_command(const Operation& operation);
// The commands of a whole plan, one a line, with those of sysctl(8).
std::string ip_commands(const Plan& plan);

}  // namespace container_init
