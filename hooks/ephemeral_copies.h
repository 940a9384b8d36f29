// SPDX-License-Identifier: MIT
// Copies of a root that a systemd-nspawn with --ephemeral has left behind because it was killed.
#pragma once

#include <string>
#include <vector>

#include "common/base/log.h"

namespace container_init {

// The paths of those beside the root that nobody uses. Of a root that is not there, none.
std::vector<std::string> find_ephemeral_copies(const std::string& root);

// Removes them, not across mounts. A warning for each one that is left.
void remove_ephemeral_copies(const std::string& root, const Log& log);

// The command of a shell that removes one.
std::string removal_command(const std::string& copy);

}  // namespace container_init
