// SPDX-License-Identifier: MIT
// Children of a test that stay until they are ended.
#pragma once

#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace container_init {

// Runs the function in a child, which must not return from it. Killed with its owner.
class Child {
 public:
  template <typename Function>
  explicit Child(Function function, int flags = 0) {
    // Catch2 would report it.
    struct sigaction terminate {};
    sigaction(SIGTERM, nullptr, &terminate);
    signal(SIGTERM, SIG_DFL);
    pid_ =
        static_cast<pid_t>(syscall(SYS_clone, flags | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
    if (pid_ == 0) {
      function();
      _exit(0);
    }
    sigaction(SIGTERM, &terminate, nullptr);
  }
  Child(Child&&) = delete;
  Child(const Child&) = delete;
  Child& operator=(Child&&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    wait();
  }

  pid_t pid() const { return pid_; }

  // As waitpid(2) gives it.
  int wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return status;
  }

 private:
  pid_t pid_ = -1;
};

[[noreturn]] inline void stay() {
  for (;;) pause();
}

// The flags of clone(2) for a PID 1 of its own namespace; without root a user namespace allows it.
inline int pid_namespace() { return CLONE_NEWPID | (geteuid() == 0 ? 0 : CLONE_NEWUSER); }

inline sigset_t signals_of(std::initializer_list<int> numbers) {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : numbers) sigaddset(&set, number);
  return set;
}

// Blocks these, too, as long as it lives.
class BlockedSignals {
 public:
  BlockedSignals(std::initializer_list<int> numbers) {
    const sigset_t set = signals_of(numbers);
    sigprocmask(SIG_BLOCK, &set, &before_);
  }
  BlockedSignals(BlockedSignals&&) = delete;
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(BlockedSignals&&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;
  ~BlockedSignals() { sigprocmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

}  // namespace container_init
