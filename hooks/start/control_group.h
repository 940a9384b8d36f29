// SPDX-License-Identifier: MIT
// Control groups of the unified hierarchy, cgroups(7).
#pragma once

#include <string>

#include "common/base/descriptor.h"

namespace container_init {

struct Subgroup {
  std::string path{};      // of its directory; empty where no group is needed
  Descriptor processes{};  // its cgroup.procs: a process that writes "0" there moves into the group
};

// Makes a control group below that of this process. None is needed in the legacy hierarchy, or
// where other processes are in the control group of this one. Error, Exit::system.
//
// The kernel enables controllers only below a control group that has no processes. systemd-nspawn
// moves out of the unit's group for this; another process that stayed there would leave the
// container without controllers.
Subgroup make_subgroup(const std::string& name);

// In the only process of the group, which is about to end: moves it to the group "supervisor" that
// systemd-nspawn has made for itself, and removes the empty one. Does nothing where there is no
// such group yet; the group then goes with the unit.
void remove_subgroup(const std::string& path);

}  // namespace container_init
