#include "hooks/stop_guard.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "common/stop_signal.h"
#include "hooks/pidfd.h"
#include "hooks/process_status.h"

namespace container_init {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// systemd's SIGCONT follows its SIGTERM; it may be interrupted between the two.
constexpr milliseconds kBetweenSignals{100};

// A stage 2 that takes over before we look again may let go of the signal.
constexpr std::chrono::seconds kLongestStart{1};

// Longer the longer it lasts: that many containers start slowly must not slow them further.
milliseconds next_pause(steady_clock::duration elapsed) {
  return std::clamp(std::chrono::duration_cast<milliseconds>(elapsed / 8), milliseconds{1},
                    milliseconds{250});
}

enum class Leader { absent, starting, guarded };

Leader find_leader(pid_t nspawn) {
  for (const pid_t child : children_of(nspawn)) {
    const auto status = status_of(child);
    if (!status || !status->is_init) continue;
    if (contains_signal(status->blocked, kStopSignal)) return Leader::guarded;
    if (!execute_the_same(child, nspawn)) return Leader::starting;
  }
  return Leader::absent;
}

// False where systemd-nspawn ends before.
bool wait_for_leader(pid_t nspawn, const Descriptor& nspawn_end) {
  const auto begin = steady_clock::now();
  std::optional<steady_clock::time_point> started;
  for (;;) {
    const auto now = steady_clock::now();
    const Leader leader = find_leader(nspawn);
    if (leader == Leader::guarded) return true;
    if (leader == Leader::starting && !started) started = now;
    if (started && now - *started > kLongestStart) return true;
    if (ends_within(nspawn_end, next_pause(now - begin))) return false;
  }
}

}  // namespace

bool is_unit_process() {
  const char* process = std::getenv("SYSTEMD_EXEC_PID");
  return process != nullptr && process == std::to_string(getpid());
}

void keep_trace_of_stop() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCONT);
  sigprocmask(SIG_BLOCK, &set, nullptr);
}

void repeat_lost_stop(pid_t nspawn, const Descriptor& nspawn_end) {
  if (!wait_for_leader(nspawn, nspawn_end) || ends_within(nspawn_end, kBetweenSignals)) return;
  const auto status = status_of(nspawn);
  if (status && contains_signal(status->pending, SIGCONT)) send_signal(nspawn_end, SIGTERM);
}

}  // namespace container_init
