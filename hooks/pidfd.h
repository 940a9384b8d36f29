// SPDX-License-Identifier: MIT
// Processes referred to by a descriptor, pidfd_open(2): unlike a PID it is never reused.
#pragma once

#include <sys/types.h>

#include <chrono>

#include "common/base/descriptor.h"

namespace container_init {

// Not open if there is no such process. Error, Exit::system, with a kernel before 5.3.
Descriptor open_process(pid_t process);

// Waits that long at most. Whether the process has ended.
bool ends_within(const Descriptor& process, std::chrono::milliseconds time);

// Does nothing if the process has ended. Error, Exit::system.
void send_signal(const Descriptor& process, int signal);

}  // namespace container_init
