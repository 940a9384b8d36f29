// SPDX-License-Identifier: MIT
// Processes of a container that runs, as the host sees them.
#pragma once

#include <sys/types.h>

#include "common/base/descriptor.h"
#include "common/network/rtnetlink.h"
#include "hooks/running_containers.h"

namespace container_init {

struct ContainerProcess {
  pid_t process = 0;
  Descriptor pidfd;
};

// PID 1: the child of systemd-nspawn that is the first in a PID namespace. Error, Exit::system, if
// it has ended.
ContainerProcess open_init(const RunningContainer& container);

// The program of COMMAND, which is PID 2 below the init of systemd-nspawn. Error, Exit::system, if
// it has ended, or is not executed yet.
ContainerProcess open_program(const RunningContainer& container);

// A socket in the network namespace of a process. This process is there only until it is open, and
// must not go on after an Error, Exit::system.
Rtnetlink open_rtnetlink_of(const ContainerProcess& process);

}  // namespace container_init
