// SPDX-License-Identifier: MIT
// Entering a running container, confined as its own processes are.
#pragma once

#include <sys/types.h>

namespace container_init {

// Enters every namespace in which the leader, see check_leader(), is apart from this process, and
// becomes root there, in its control groups and with its security label, bounding set of
// capabilities, "no new privileges" and system call filters. From then on a system call may fail or
// do nothing as the container wants.
//
// Only children of this process are in the PID namespace: until one of them is made, nothing inside
// sees it. Its memory cannot be read by the container until the next program is executed, except
// with CAP_SYS_PTRACE in the host's user namespace. Error, Exit::system; after one this process
// must end.
void enter_container(pid_t leader);

}  // namespace container_init
