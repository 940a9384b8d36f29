// SPDX-License-Identifier: MIT
// What a host with Nix gives to its containers, all below /nix.
#pragma once

#include <string>
#include <string_view>

#include "common/config/config.h"

namespace container_init {

struct Nix {
  bool has_store = false;  // if not, all others are false
  bool has_database = false;
  bool has_daemon_socket = false;
  bool has_system = false;  // in the profiles of this container
  bool is_i686 = false;     // the system is one of 32 bits
};

// The profiles and gcroots of all containers. Only root may search these two directories: each
// container owns its own directory below, and a file that it makes setuid there is setuid on the
// host.
inline constexpr std::string_view kNixProfiles = "/nix/var/nix/profiles/per-container";
inline constexpr std::string_view kNixGcroots = "/nix/var/nix/gcroots/per-container";

// The directories of one container: its /nix/var/nix/profiles and /nix/var/nix/gcroots.
std::string nix_profiles(const std::string& instance);
std::string nix_gcroots(const std::string& instance);

Nix look_at_nix(const Config& config);

}  // namespace container_init
