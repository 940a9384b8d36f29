// Control groups of the unified hierarchy, cgroups(7).
#pragma once

#include <string>

#include "common/base/descriptor.h"

namespace container_init {

// Makes a control group below ours and opens its file that takes processes in: "0" moves the
// writer. Not open where nothing needs it: in another hierarchy, or where other processes share
// our control group.
//
// The kernel gives controllers only to control groups without processes. systemd-nspawn moves
// itself out of the unit's, so that the container gets them; whoever stays would take them away.
Descriptor open_subgroup(const std::string& name);

}  // namespace container_init
