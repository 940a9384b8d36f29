// SPDX-License-Identifier: MIT
// The control groups of processes, cgroups(7): one, or in older set-ups one in each hierarchy.
#pragma once

#include <sys/types.h>

namespace container_init {

// Moves this process into the control groups of another one. Error, Exit::system, where it cannot
// be in all of them.
void join_control_groups_of(pid_t process);

// Whether a process is in a control group below the one of the unit that this process belongs to.
bool is_in_own_unit(pid_t process);

}  // namespace container_init
