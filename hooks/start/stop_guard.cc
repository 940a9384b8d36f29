// SPDX-License-Identifier: MIT
#include "hooks/start/stop_guard.h"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <string>

#include <fmt/core.h>

#include "common/base/stop_signal.h"
#include "hooks/pidfd.h"
#include "hooks/process_status.h"

namespace container_init {
namespace {

// systemd's SIGCONT follows its SIGTERM; it may be interrupted between the two.
constexpr std::chrono::milliseconds kBetweenSignals{100};

bool was_asked_to_stop(pid_t nspawn) {
  const auto status = status_of(nspawn);
  return status && contains_signal(status->pending, SIGCONT);
}

}  // namespace

bool can_guard_stop() {
  const std::string own = std::to_string(getpid());
  const char* process = std::getenv("SYSTEMD_EXEC_PID");
  return process != nullptr && process == own &&
         access(fmt::format("/proc/self/task/{}/children", own).c_str(), R_OK) == 0;
}

void keep_trace_of_stop() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCONT);
  sigprocmask(SIG_BLOCK, &set, nullptr);
}

void repeat_lost_stop(const NspawnProcess& nspawn) {
  const Descriptor init = wait_for_init(nspawn);
  if (!init.is_open()) return;
  if (ends_within(nspawn.pidfd, kBetweenSignals) || !was_asked_to_stop(nspawn.process)) return;
  if (nspawn.sends_stop_signal) {
    send_signal(init, kStopSignal);
  } else {
    send_signal(nspawn.pidfd, SIGTERM);
  }
}

}  // namespace container_init
