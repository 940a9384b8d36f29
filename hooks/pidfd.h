// Processes held by a descriptor, pidfd_open(2): their number cannot come to mean another one.
#pragma once

#include <sys/types.h>

#include <chrono>

#include "common/base/descriptor.h"

namespace container_init {

// Not open where there is no such process. Error, Exit::system, with a kernel before 5.3.
Descriptor open_process(pid_t process);

// Waits that long at most, and tells whether the process has ended.
bool ends_within(const Descriptor& process, std::chrono::milliseconds time);

// A process that has ended is passed over.
void send_signal(const Descriptor& process, int signal);

}  // namespace container_init
