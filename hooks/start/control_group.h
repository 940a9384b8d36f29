// SPDX-License-Identifier: MIT
// Control groups of the unified hierarchy, cgroups(7).
#pragma once

#include <string>

#include "common/base/descriptor.h"

namespace container_init {

// Makes a control group below that of this process and opens its cgroup.procs: a process that
// writes "0" there moves into the group. Not open where no group is needed: in the legacy
// hierarchy, or where other processes are in the control group of this one.
//
// The kernel enables controllers only below a control group that has no processes. systemd-nspawn
// moves out of the unit's group for this; another process that stayed there would leave the
// container without controllers.
Descriptor open_subgroup(const std::string& name);

}  // namespace container_init
