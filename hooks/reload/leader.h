// SPDX-License-Identifier: MIT
// The leader of a container, its PID 1, as a process of the host.
#pragma once

#include <sys/types.h>

#include <string>

namespace container_init {

// The number of the leader of a container that runs, as systemd-machined has it. Error,
// Exit::system, where there is none or check_leader() refuses it.
pid_t require_leader(const std::string& instance);

// Any user may have a machine registered, under any name. Error, Exit::system, unless the process
// is the PID 1 of a container, and is in the unit that this program runs for or a child of a
// systemd-nspawn(1) of root.
void check_leader(pid_t leader);

// Whether the root directory of a process has no file of this path. The path is resolved as that
// process would, but nothing is opened; where this is refused the file may exist.
bool has_no_file(pid_t leader, const std::string& path);

}  // namespace container_init
