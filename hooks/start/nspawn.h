// SPDX-License-Identifier: MIT
// The systemd-nspawn(1) command of a container.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/config/config.h"
#include "common/config/environment.h"
#include "hooks/start/nix.h"

namespace container_init {

// What container-init executes, with its arguments: the real init, or the one program. The first is
// a path inside.
std::vector<std::string> stage2_command(const Config& config, const Nix& nix);

// Whether the container finds the program where the host has it. Else it is bound into it.
bool sees_program(const Nix& nix, const std::string& program);

// What is not configured, but found on the host.
struct Findings {
  std::string container_init;  // the path of the program
  bool links_journal = true;   // the journal of a container that is not ephemeral to the host's
  bool opens_all_families = false;  // see opens_all_families()
};

// Whether systemd-nspawn is told that sockets of every address family may be opened inside, as its
// versions before 261 have it. Later ones know an option for it, print a warning without it, and
// will then allow AF_INET, AF_INET6 and AF_UNIX alone, where container-init needs AF_NETLINK. Not
// where a flag or a settings file, systemd.nspawn(5), may say otherwise.
bool opens_all_families(const Config& config, const std::string& nspawn);

// The whole command, without a path. Of the environment the values that container-init reads, and
// PATH, are handed over.
std::vector<std::string> make_nspawn_command(const Config& config, const Environment& environment,
                                             const Nix& nix, const Findings& findings);

// The paths inside at which the command binds or overlays something, without the program of
// container-init.
std::vector<std::string> bound_paths(const std::vector<std::string>& nspawn_command);

}  // namespace container_init
