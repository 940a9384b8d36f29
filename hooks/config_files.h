// SPDX-License-Identifier: MIT
// The files that a unit reads its variables from.
#pragma once

#include <optional>
#include <string>

#include "common/config/environment.h"

namespace container_init {

// CONFIG_FILES, which our unit sets: the paths of which one at least must exist. Error,
// Exit::config, where none does, where INSTANCE has its file in /etc/containers from podman, and
// where a file has what systemd ignores, as it is no assignment: a line for each of them. Units
// that do not set it may get their variables from elsewhere: nothing is checked.
void check_config_files(const Environment& environment);

// The value of PRIVATE_USERS for a container whose variables leave it open: DEFAULT_PRIVATE_USERS,
// which our unit sets. Nothing where they do not, and where the container has its file from NixOS,
// whose own default holds.
std::optional<std::string> default_private_users(const Environment& environment);

}  // namespace container_init
