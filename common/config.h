// The configuration of a container, read from the environment and checked as a whole.
// container.conf(5) documents every variable; this is the same list as values.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "common/address.h"
#include "common/environment.h"

namespace container_init {

// One address family of a pair of links.
struct FamilyConfig {
  std::optional<Prefix> host;      // HOST_ADDRESS, HOST_ADDRESS6
  std::optional<Prefix> local;     // LOCAL_ADDRESS, LOCAL_ADDRESS6
  std::optional<Address> gateway;  // LOCAL_GATEWAY, LOCAL_GATEWAY6; only of the main pair
};

// A veth pair with one end on the host and the other in the container.
struct Pair {
  std::string host_link;
  std::string container_link;
  FamilyConfig ipv4;
  FamilyConfig ipv6;
  std::optional<MacAddress> local_mac_address;
  std::string bridge;  // HOST_BRIDGE; empty for none
};

// The network of a container.
struct Network {
  std::optional<Pair> pair;
  std::vector<Pair> extra_pairs;
  std::chrono::seconds wait_carrier{0};
};

// All that the programs on the host read.
struct Config {
  std::string instance;
  Network network;
  std::string root;
  bool private_network = false;
  std::string private_users;
  std::string network_namespace_path;
  std::vector<std::string> host_ports;
  std::vector<std::string> interfaces;
  std::vector<std::string> macvlans;
  std::vector<std::string> capabilities;
  std::vector<std::string> tmpfs;
  bool ephemeral = false;
  std::string system_path;
  std::string stage2;
  bool copy_resolv_conf = true;
  std::string flake;
  std::string kill_signal;
  std::chrono::seconds device_timeout{10};
  std::vector<std::string> extra_nspawn_flags;
};

// Each throws one Error, Exit::config, with a line for every fault there is.
//
// The network as container-init sees it: INSTANCE is not known, and the host_link of the main pair
// empty.
Network parse_network(const Environment& environment);
// The network as the host sees it, of the container INSTANCE.
Network parse_host_network(const Environment& environment);
// Every variable.
Config parse_config(const Environment& environment);

}  // namespace container_init
