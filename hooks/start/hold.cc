// SPDX-License-Identifier: MIT
#include "hooks/start/hold.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>

namespace container_init {
namespace {

Descriptor open_child_events() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  return above_standard_streams(Descriptor(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)));
}

// PTRACE_EVENT_STOP of linux/ptrace.h, which cannot be included beside sys/ptrace.h.
constexpr int kEventStop = 128;

bool is_event(const siginfo_t& stop) { return stop.si_status >> 8 == kEventStop; }

bool is_group_stop(const siginfo_t& stop) {
  return is_event(stop) && (stop.si_status & 0xff) != SIGTRAP;
}

// The signal at which it stopped, which it is given; 0 for none.
std::uintptr_t signal_of(const siginfo_t& stop) {
  return is_event(stop) ? 0 : static_cast<std::uintptr_t>(stop.si_status);
}

}  // namespace

Hold::Hold(pid_t process) : process_(process) {
  if (ptrace(PTRACE_SEIZE, process, nullptr, nullptr) == 0) events_ = open_child_events();
}

// Only a process that is stopped can be let go. One that has ended is given to its parent when
// this process ends, which is soon.
Hold::~Hold() {
  siginfo_t stop{};
  if (!events_.is_open() || ptrace(PTRACE_INTERRUPT, process_, nullptr, nullptr) != 0) return;
  const auto process = static_cast<id_t>(process_);
  if (waitid(P_PID, process, &stop, WSTOPPED | WEXITED | WNOWAIT | __WALL) != 0) return;
  ptrace(PTRACE_DETACH, process_, nullptr, signal_of(stop));
}

// Gives it the signal, or lets a stop of the whole process, as by SIGSTOP, last. Its end is left
// for its parent.
void Hold::let_run() const {
  signalfd_siginfo ignored;
  while (events_.is_open() && read(events_.get(), &ignored, sizeof(ignored)) > 0) continue;
  siginfo_t stop{};
  while (waitid(P_PID, static_cast<id_t>(process_), &stop, WSTOPPED | WNOHANG | __WALL) == 0 &&
         stop.si_pid != 0) {
    ptrace(is_group_stop(stop) ? PTRACE_LISTEN : PTRACE_CONT, process_, nullptr, signal_of(stop));
    stop = {};
  }
}

}  // namespace container_init
