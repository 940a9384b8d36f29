#include "hooks/start/stop_guard.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>

#include <fmt/core.h>

#include "common/base/stop_signal.h"
#include "hooks/pidfd.h"
#include "hooks/process_status.h"

namespace container_init {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// systemd's SIGCONT follows its SIGTERM; it may be interrupted between the two.
constexpr milliseconds kBetweenSignals{100};

// Longer the longer it lasts: that many containers start slowly must not slow them further.
milliseconds next_pause(steady_clock::duration elapsed) {
  return std::clamp(std::chrono::duration_cast<milliseconds>(elapsed / 8), milliseconds{1},
                    milliseconds{250});
}

// Whether PID 1 is past container-init's first step. Stage 2 may show the signal as not blocked
// while it waits for it, sigwaitinfo(2).
bool takes_signals(pid_t leader, const Nspawn& nspawn) {
  const auto status = status_of(leader);
  if (!status || !status->is_init) return false;
  if (contains_signal(status->blocked, kStopSignal)) return true;
  const auto program = program_of(leader);
  return program && program != program_of(nspawn.process) &&
         program != identify(nspawn.container_init);
}

std::optional<pid_t> find_leader(const Nspawn& nspawn) {
  for (const pid_t child : children_of(nspawn.process))
    if (takes_signals(child, nspawn)) return child;
  return std::nullopt;
}

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

void repeat_lost_stop(const Nspawn& nspawn) {
  const auto begin = steady_clock::now();
  std::optional<pid_t> leader;
  while (!(leader = find_leader(nspawn)))
    if (ends_within(nspawn.end, next_pause(steady_clock::now() - begin))) return;
  const Descriptor container = open_process(*leader);
  if (!container.is_open()) return;
  if (ends_within(nspawn.end, kBetweenSignals) || !was_asked_to_stop(nspawn.process)) return;
  if (nspawn.sends_stop_signal) {
    send_signal(container, kStopSignal);
  } else {
    send_signal(nspawn.end, SIGTERM);
  }
}

}  // namespace container_init
