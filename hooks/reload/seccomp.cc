// SPDX-License-Identifier: MIT
#include "hooks/reload/seccomp.h"

#include <linux/seccomp.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>

#include <fmt/core.h>

#include "common/base/error.h"

namespace container_init {
namespace {

using std::chrono::steady_clock;
constexpr std::chrono::seconds kPatience{5};
constexpr std::chrono::milliseconds kPause{1};

// The status of waitpid(2) once the process stops.
int wait_for_stop(pid_t process) {
  const auto deadline = steady_clock::now() + kPatience;
  for (;;) {
    int status = 0;
    const pid_t found = waitpid(process, &status, __WALL | WNOHANG);
    if (found == process && WIFSTOPPED(status)) return status;
    if (found == process || (found < 0 && errno != EINTR))
      throw Error(Exit::system, fmt::format("cannot stop process {}: it has ended", process));
    if (steady_clock::now() >= deadline)
      throw Error(Exit::system, fmt::format("cannot stop process {} to read its system call "
                                            "filters: it does not react within {} s",
                                            process, kPatience.count()));
    std::this_thread::sleep_for(kPause);
  }
}

// A process is stopped as long as this lives.
class StoppedProcess {
 public:
  explicit StoppedProcess(pid_t process) : process_(process) {
    if (ptrace(PTRACE_SEIZE, process, nullptr, nullptr) != 0 ||
        ptrace(PTRACE_INTERRUPT, process, nullptr, nullptr) != 0)
      throw system_error(errno, fmt::format("trace process {}", process),
                         errno == EPERM ? "another program may be tracing it, as strace(1) does, "
                                          "or CAP_SYS_PTRACE is missing"
                                        : "");
    const int status = wait_for_stop(process);
    const bool stopped_at_signal = status >> 16 == 0;  // and not by PTRACE_INTERRUPT
    if (stopped_at_signal) signal_ = WSTOPSIG(status);
  }
  StoppedProcess(StoppedProcess&&) = delete;
  StoppedProcess(const StoppedProcess&) = delete;
  StoppedProcess& operator=(StoppedProcess&&) = delete;
  StoppedProcess& operator=(const StoppedProcess&) = delete;
  // A signal that it was stopped at is delivered only if it is given back.
  ~StoppedProcess() {
    ptrace(PTRACE_DETACH, process_, nullptr, static_cast<std::uintptr_t>(signal_));
  }

 private:
  pid_t process_;
  int signal_ = 0;
};

std::string explain_refusal(int error) {
  if (error == EACCES)
    return "reload needs CAP_SYS_ADMIN and must not be under a filter itself, see "
           "SystemCallFilter= in systemd.exec(5)";
  if (error == EIO || error == EINVAL)
    return "the kernel needs CONFIG_CHECKPOINT_RESTORE; systemd-run(1) --machine= works without";
  return {};
}

}  // namespace

std::vector<SeccompFilter> read_seccomp_filters(pid_t process) {
  const StoppedProcess stopped(process);
  std::vector<SeccompFilter> filters;
  std::array<sock_filter, BPF_MAXINSNS> buffer;  // the longest that there can be
  for (;;) {
    const long size = ptrace(PTRACE_SECCOMP_GET_FILTER, process, filters.size(), buffer.data());
    if (size < 0 && errno == ENOENT) return filters;
    if (size < 0)
      throw system_error(errno, fmt::format("read the system call filters of process {}", process),
                         explain_refusal(errno));
    filters.emplace_back(buffer.begin(), buffer.begin() + size);
  }
}

void install_seccomp_filters(const std::vector<SeccompFilter>& filters) {
  for (const SeccompFilter& filter : filters) {
    const sock_fprog program{static_cast<unsigned short>(filter.size()),
                             const_cast<sock_filter*>(filter.data())};
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
      throw system_error(errno, "take over the system call filters of the container");
  }
}

}  // namespace container_init
