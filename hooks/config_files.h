// SPDX-License-Identifier: MIT
// The files that a unit reads its variables from.
#pragma once

#include "common/config/environment.h"

namespace container_init {

// CONFIG_FILES, which our unit sets: the paths of which one at least must exist. Error,
// Exit::config, where none does, or where INSTANCE has its file in /etc/containers from podman.
// Units that do not set it may get their variables from elsewhere: nothing is checked.
void check_config_files(const Environment& environment);

}  // namespace container_init
