// SPDX-License-Identifier: MIT
// A systemd-nspawn that runs, or that this process is about to become, and its container.
#pragma once

#include <sys/types.h>

#include <optional>

#include "common/base/descriptor.h"
#include "hooks/process_status.h"

namespace container_init {

struct NspawnProcess {
  pid_t process = 0;
  Descriptor pidfd;                      // of the process, pidfd_open(2)
  std::optional<FileId> container_init;  // the program that the container starts with
  int kill_signal = 0;                   // that it sends to PID 1 to stop the container
};

// PID 1 of the container.
struct Leader {
  pid_t process = 0;  // 0: not known
  Descriptor pidfd{};
};

// The process that systemd-nspawn names. Not known where it has ended already.
Leader open_leader(const NspawnProcess& nspawn, pid_t process);

// Whether PID 1 keeps the stop signal, as container-init does and systemd-nspawn's own init: from
// then on a stop is not lost.
bool keeps_stop_signal(const NspawnProcess& nspawn, const Leader& leader);

// Whether PID 1 executes a program of the container's own by now.
bool executes_own_init(const NspawnProcess& nspawn, const Leader& leader);

// Whether the container executes a program of its own, as PID 1 or below systemd-nspawn's own init,
// --as-pid2. True as well where that cannot be known, with a kernel without CONFIG_PROC_CHILDREN.
bool executes_own_program(const NspawnProcess& nspawn, const Leader& leader);

}  // namespace container_init
