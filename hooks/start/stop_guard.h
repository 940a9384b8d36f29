// SPDX-License-Identifier: MIT
// Makes sure that a stop in the first moments of a container is not lost.
//
// Asked to stop, SIGTERM, systemd-nspawn sends its kill signal to the container's PID 1. Until
// container-init has blocked that signal, PID 1 is still systemd-nspawn's own child, which takes
// default actions: the kernel drops the signal, and nobody sends it again.
//
// systemd sends SIGCONT after SIGTERM, systemd.kill(5). It is blocked before systemd-nspawn is
// executed and so stays pending there: whoever looks at it later sees that a stop was asked for.
#pragma once

#include <chrono>
#include <optional>

#include "hooks/start/nspawn_process.h"

namespace container_init {

// Blocks SIGCONT, also across execve(2).
void keep_trace_of_stop();

// In another process.
class StopGuard {
 public:
  // When to look again, from now; nothing while PID 1 is not known, and once a stop reaches the
  // container, and one that was asked for before has been repeated. While PID 1 still is
  // container-init, and the kill signal not the one that it keeps, systemd-nspawn is asked a second
  // time, and ends at once.
  std::optional<std::chrono::milliseconds> look(const NspawnProcess& nspawn, const Leader& leader);

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point begin_ = Clock::now();
  std::optional<Clock::time_point> kept_since_;
  bool done_ = false;
};

// How long to wait until the next look at a process that has been watched for so long.
std::chrono::milliseconds next_pause(std::chrono::steady_clock::duration elapsed);

}  // namespace container_init
