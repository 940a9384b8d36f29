// SPDX-License-Identifier: MIT
#include "hooks/start/nspawn_process.h"

#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/core.h>

#include "common/base/stop_signal.h"
#include "hooks/pidfd.h"

namespace container_init {
namespace {

// systemd-nspawn's own init with --as-pid2, nspawn-stub-pid1.c: it blocks all signals, then calls
// itself so, and waits for those that it knows.
constexpr std::string_view kInitOfNspawn = "(sd-stubinit)";

bool executes_own(const NspawnProcess& nspawn, pid_t process) {
  const auto program = program_of(process);
  return program && program != program_of(nspawn.process) && program != nspawn.container_init;
}

bool lists_children(pid_t process) {
  return access(fmt::format("/proc/{0}/task/{0}/children", process).c_str(), R_OK) == 0;
}

}  // namespace

// Its parent shows that the number is not another process' by now.
Leader open_leader(const NspawnProcess& nspawn, pid_t process) {
  Descriptor pidfd = open_process(process);
  const auto status = status_of(process);
  if (!pidfd.is_open() || !status || status->parent != nspawn.process) return {};
  return {.process = process, .pidfd = std::move(pidfd)};
}

// An init may show the signal as not blocked while it waits for it, sigwaitinfo(2).
bool keeps_stop_signal(const NspawnProcess& nspawn, const Leader& leader) {
  const auto status = status_of(leader.process);
  return status && (contains_signal(status->blocked, kStopSignal) ||
                    status->name == kInitOfNspawn || executes_own_init(nspawn, leader));
}

bool executes_own_init(const NspawnProcess& nspawn, const Leader& leader) {
  return executes_own(nspawn, leader.process);
}

bool executes_own_program(const NspawnProcess& nspawn, const Leader& leader) {
  return executes_own_init(nspawn, leader) || !lists_children(getpid()) ||
         std::ranges::any_of(children_of(leader.process),
                             [&](pid_t child) { return executes_own(nspawn, child); });
}

}  // namespace container_init
