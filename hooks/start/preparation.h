// SPDX-License-Identifier: MIT
// What start makes and changes before it executes systemd-nspawn.
#pragma once

#include <optional>
#include <string>

#include "common/base/log.h"
#include "common/config/config.h"
#include "hooks/start/nix.h"
#include "hooks/start/root.h"

namespace container_init {

// Makes the directories of the host that the container needs. Builds the system of FLAKE where the
// profile has none, and gives what the host has then. Error, Exit::system.
Nix prepare_host(const Config& config, const Nix& nix);

// Makes the root, and in it what systemd-nspawn and an init expect. Error, Exit::system.
void prepare_root(const Config& config, const Log& log);

// The commands of a shell that would do the same, a line each. `root` is the root as it is.
std::string preparation_commands(const Config& config, const std::optional<Root>& root,
                                 const Nix& nix);

}  // namespace container_init
