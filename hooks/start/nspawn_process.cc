// SPDX-License-Identifier: MIT
#include "hooks/start/nspawn_process.h"

#include <algorithm>
#include <chrono>
#include <string_view>

#include "common/base/stop_signal.h"
#include "hooks/pidfd.h"

namespace container_init {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// An eighth of the time that has passed: many containers that start slowly, all at once, must not
// be slowed further by those that watch them.
milliseconds next_pause(steady_clock::duration elapsed) {
  return std::clamp(std::chrono::duration_cast<milliseconds>(elapsed / 8), milliseconds{1},
                    milliseconds{250});
}

// systemd-nspawn's own init with --as-pid2, nspawn-stub-pid1.c: it blocks all signals, then calls
// itself so, and waits for those that it knows.
constexpr std::string_view kInitOfNspawn = "(sd-stubinit)";

// Whether PID 1 is past container-init's first step. An init may show the signal as not blocked
// while it waits for it, sigwaitinfo(2).
bool keeps_stop_signal(pid_t init, const NspawnProcess& nspawn) {
  const auto status = status_of(init);
  if (!status || !status->is_init) return false;
  if (contains_signal(status->blocked, kStopSignal) || status->name == kInitOfNspawn) return true;
  const auto program = program_of(init);
  return program && program != program_of(nspawn.process) && program != nspawn.container_init;
}

std::optional<pid_t> find_init(const NspawnProcess& nspawn) {
  for (const pid_t child : children_of(nspawn.process))
    if (keeps_stop_signal(child, nspawn)) return child;
  return std::nullopt;
}

}  // namespace

Descriptor wait_for_init(const NspawnProcess& nspawn) {
  const auto begin = steady_clock::now();
  std::optional<pid_t> init;
  while (!(init = find_init(nspawn)))
    if (ends_within(nspawn.pidfd, next_pause(steady_clock::now() - begin))) return Descriptor();
  return open_process(*init);
}

}  // namespace container_init
