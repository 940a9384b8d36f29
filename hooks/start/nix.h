// What a host with Nix gives to its containers, all below /nix.
#pragma once

#include <string>
#include <string_view>

#include "common/config/config.h"

namespace container_init {

struct Nix {
  bool has_store = false;  // without it there is nothing else
  bool has_database = false;
  bool has_daemon_socket = false;
  bool has_system = false;  // in the profiles of this container
  bool is_i686 = false;     // the system that is to run
};

// Of all containers. Only root may search them: each container owns its directory below, and what
// is setuid there is so on the host too.
inline constexpr std::string_view kNixProfiles = "/nix/var/nix/profiles/per-container";
inline constexpr std::string_view kNixGcroots = "/nix/var/nix/gcroots/per-container";

// The directories of this container that its /nix/var/nix/profiles and gcroots are.
std::string nix_profiles(const std::string& instance);
std::string nix_gcroots(const std::string& instance);

Nix look_at_nix(const Config& config);

}  // namespace container_init
