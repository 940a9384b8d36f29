// What a host with Nix gives to its containers, all below /nix.
#pragma once

#include <string>

#include "common/config/config.h"

namespace container_init {

struct Nix {
  bool has_store = false;  // without it there is nothing else
  bool has_database = false;
  bool has_daemon_socket = false;
  bool has_system = false;  // in the profiles of this container
  bool is_i686 = false;     // the system that is to run
};

// The directories of this container that its /nix/var/nix/profiles and gcroots are.
std::string nix_profiles(const std::string& instance);
std::string nix_gcroots(const std::string& instance);

Nix look_at_nix(const Config& config);

}  // namespace container_init
