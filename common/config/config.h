// The configuration of a container, read from the environment and checked as a whole.
// container.conf(5) documents every variable; this is the same list as values.
#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/environment.h"
#include "common/network/network.h"

namespace container_init {

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

// Whether systemd-nspawn gives the container a network apart from the host's.
bool has_private_network(const Config& config);

// What reload runs in a container.
struct Reload {
  std::string instance;
  std::vector<std::string> command;  // with its arguments; not empty
  bool is_default = false;           // RELOAD_COMMAND is not set: switch-to-configuration of NixOS
};

// A NixOS inside, where SYSTEM_PATH does not name another.
inline constexpr std::string_view kNixosSystem = "/nix/var/nix/profiles/system";

// What container-init reads, and start hands over to it.
inline constexpr std::array<std::string_view, 10> kContainerVariables = {
    "HOST_ADDRESS",   "HOST_ADDRESS6",     "LOCAL_ADDRESS", "LOCAL_ADDRESS6", "LOCAL_GATEWAY",
    "LOCAL_GATEWAY6", "LOCAL_MAC_ADDRESS", "HOST_BRIDGE",   "EXTRA_VETHS",    "WAIT_CARRIER"};

// Each throws one Error, Exit::config, with a line for every fault there is.
//
// The network as container-init sees it: INSTANCE is not known, and the host_link of the main pair
// empty.
Network parse_network(const Environment& environment);
// The network as the host sees it, of the container INSTANCE.
Network parse_host_network(const Environment& environment);
// INSTANCE and the variables that reload reads.
Reload parse_reload(const Environment& environment);
// Every variable.
Config parse_config(const Environment& environment);

}  // namespace container_init
