// SPDX-License-Identifier: MIT
// The signal that asks the container's PID 1 to halt.
#pragma once

#include "common/base/descriptor.h"

namespace container_init {

// SIGRTMIN+3, which asks systemd to halt, systemd(1). The number is that of glibc, with which
// systemd-nspawn is built; other C libraries have another SIGRTMIN.
inline constexpr int kStopSignal = 34 + 3;

// Blocks the stop signal, so that it is not lost: the kernel drops a signal that the first process
// of a PID namespace neither handles nor blocks, but keeps a blocked one pending, also across
// execve(2).
void block_stop_signal() noexcept;

bool is_stop_signal_pending();

// A signalfd(2), which poll(2) reports as readable while the signal is pending; it need not be
// read.
Descriptor open_stop_signal();

}  // namespace container_init
