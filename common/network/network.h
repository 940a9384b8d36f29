// SPDX-License-Identifier: MIT
// The network of a container: its pairs of links, with the addresses of both ends.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/network/address.h"

namespace container_init {

// One address family of a pair of links.
struct FamilyConfig {
  std::optional<Prefix> host;      // HOST_ADDRESS, HOST_ADDRESS6
  std::optional<Prefix> local;     // LOCAL_ADDRESS, LOCAL_ADDRESS6
  std::optional<Address> gateway;  // LOCAL_GATEWAY, LOCAL_GATEWAY6; the main pair only

  bool operator==(const FamilyConfig&) const = default;
};

// A veth pair with one end on the host and the other in the container.
struct Pair {
  std::string host_link;
  std::string container_link;
  FamilyConfig ipv4;
  FamilyConfig ipv6;
  std::optional<MacAddress> local_mac_address;
  std::string bridge;     // HOST_BRIDGE; empty for none
  std::uint32_t mtu = 0;  // of both ends; 0: what the kernel gives them

  bool operator==(const Pair&) const = default;
};

// The network of a container.
struct Network {
  std::optional<Pair> pair;
  std::vector<Pair> extra_pairs;
  std::chrono::seconds wait_carrier{0};

  bool operator==(const Network&) const = default;
};

// What a running container can have of the wanted network: its pairs keep their links, with
// addresses, bridge and MTU as wanted. Pairs that are new, gone or renamed are as they run, and a
// MAC address that is not wanted any more stays.
Network with_same_links(const Network& running, const Network& wanted);

}  // namespace container_init
