// SPDX-License-Identifier: MIT
// A systemd-nspawn that runs, or that this process is about to become.
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
  bool sends_stop_signal = false;        // as its kill signal
};

// Waits until the container's PID 1 keeps the stop signal, as container-init does and
// systemd-nspawn's own init: from then on a stop is not lost, and the program's file is no longer
// looked up. Gives a pidfd of PID 1; not open where systemd-nspawn has ended before.
Descriptor wait_for_init(const NspawnProcess& nspawn);

}  // namespace container_init
