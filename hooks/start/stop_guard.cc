// SPDX-License-Identifier: MIT
#include "hooks/start/stop_guard.h"

#include <signal.h>

#include <algorithm>

#include "common/base/stop_signal.h"
#include "hooks/pidfd.h"
#include "hooks/process_status.h"

namespace container_init {
namespace {

using std::chrono::milliseconds;

// systemd's SIGCONT follows its SIGTERM; it may be interrupted between the two.
constexpr milliseconds kBetweenSignals{100};

bool was_asked_to_stop(pid_t nspawn) {
  const auto status = status_of(nspawn);
  return status && contains_signal(status->pending, SIGCONT);
}

bool takes_kill_signal(const NspawnProcess& nspawn, const Leader& leader) {
  return nspawn.kill_signal == kStopSignal || executes_own_init(nspawn, leader);
}

void repeat_stop(const NspawnProcess& nspawn, const Leader& leader) {
  if (!was_asked_to_stop(nspawn.process)) return;
  if (takes_kill_signal(nspawn, leader)) {
    send_signal(leader.pidfd, nspawn.kill_signal);
  } else {
    send_signal(nspawn.pidfd, SIGTERM);
  }
}

}  // namespace

void keep_trace_of_stop() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCONT);
  sigprocmask(SIG_BLOCK, &set, nullptr);
}

std::optional<milliseconds> StopGuard::look(const NspawnProcess& nspawn, const Leader& leader) {
  if (done_ || leader.process == 0) return std::nullopt;
  const auto now = Clock::now();
  if (!kept_since_ && keeps_stop_signal(nspawn, leader)) kept_since_ = now;
  if (!kept_since_) return next_pause(now - begin_);
  const auto left = std::chrono::ceil<milliseconds>(*kept_since_ + kBetweenSignals - now);
  if (left.count() > 0) return left;
  repeat_stop(nspawn, leader);
  done_ = true;
  return std::nullopt;
}

// An eighth of that time: many containers that start slowly, all at once, must not be slowed
// further by those that watch them.
milliseconds next_pause(std::chrono::steady_clock::duration elapsed) {
  return std::clamp(std::chrono::duration_cast<milliseconds>(elapsed / 8), milliseconds{1},
                    milliseconds{250});
}

}  // namespace container_init
