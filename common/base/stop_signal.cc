// SPDX-License-Identifier: MIT
#include "common/base/stop_signal.h"

#include <signal.h>
#include <sys/signalfd.h>

namespace container_init {
namespace {

sigset_t stop_signal_set() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, kStopSignal);
  return set;
}

}  // namespace

// sigprocmask(2) fails only for invalid arguments.
void block_stop_signal() noexcept {
  const sigset_t stop = stop_signal_set();
  sigprocmask(SIG_BLOCK, &stop, nullptr);
}

Descriptor open_stop_signal() {
  const sigset_t stop = stop_signal_set();
  return Descriptor(signalfd(-1, &stop, SFD_CLOEXEC));
}

bool is_stop_signal_pending() {
  sigset_t pending;
  return sigpending(&pending) == 0 && sigismember(&pending, kStopSignal) == 1;
}

}  // namespace container_init
