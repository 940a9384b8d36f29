// SPDX-License-Identifier: MIT
// The configuration of a container, read from the environment and checked as a whole. variables.h
// is the table of the variables, container.conf(5) their documentation.
#pragma once

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
  std::vector<std::string> command;  // a program with its arguments in place of an init, or empty
  bool copy_resolv_conf = true;
  std::string flake;
  std::string kill_signal;
  std::chrono::seconds device_timeout{10};
  std::vector<std::string> extra_nspawn_flags;
  std::vector<std::string> reload_command;  // with its arguments, or empty
  int reload_signal = 0;                    // 0: none
  std::vector<std::string> warnings;        // of what has another effect than was probably meant
};

// Whether the container gets a network namespace apart from the host's.
bool has_private_network(const Config& config);

// Whether the user IDs of the container are others on the host.
bool has_shifted_users(const Config& config);

// The system of a NixOS container if SYSTEM_PATH is not set.
inline constexpr std::string_view kNixosSystem = "/nix/var/nix/profiles/system";

// Each throws one Error, Exit::config, with a line for every fault there is. On the host a variable
// that the program acts on must not be misspelt, see find_misspelt(); container-init is given what
// start passes, and shares its environment with stage 2.
//
// The network as container-init sees it: INSTANCE is not known, and the host_link of the main pair
// empty.
Network parse_network(const Environment& environment);
// The network as post-start sees it, of the container INSTANCE.
Network parse_host_network(const Environment& environment);
// Every variable, for pre-start, start and reload.
Config parse_config(const Environment& environment);

}  // namespace container_init
