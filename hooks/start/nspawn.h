// SPDX-License-Identifier: MIT
// The systemd-nspawn(1) command of a container.
#pragma once

#include <string>
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

// The whole command, without a path. `container_init` is the program on the host; of the
// environment the values that container-init reads, and PATH, are handed over. The journal of the
// container is linked to the host's unless that is not wanted, or the container ephemeral.
std::vector<std::string> make_nspawn_command(const Config& config, const Environment& environment,
                                             const Nix& nix, const std::string& container_init,
                                             bool links_journal);

// The paths inside at which the command binds or overlays something, without the program of
// container-init.
std::vector<std::string> bound_paths(const std::vector<std::string>& nspawn_command);

}  // namespace container_init
