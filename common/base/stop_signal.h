// The signal that asks the container's PID 1 to halt.
#pragma once

#include "common/base/descriptor.h"

namespace container_init {

// SIGRTMIN+3, which asks systemd to halt, systemd(1). The number is the one of glibc, in which
// systemd-nspawn counts; other C libraries place SIGRTMIN elsewhere.
inline constexpr int kStopSignal = 34 + 3;

// From here on a stop is not lost: the kernel drops a signal that the first process of a PID
// namespace neither handles nor blocks, but keeps one that is blocked, also across execve(2).
void block_stop_signal() noexcept;

bool is_stop_signal_pending();

// Can be read, see signalfd(2), as long as the signal is pending; reading is not needed.
Descriptor open_stop_signal();

}  // namespace container_init
