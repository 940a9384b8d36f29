// SPDX-License-Identifier: MIT
#include "hooks/pidfd.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include <fmt/core.h>

#include "common/base/error.h"

namespace container_init {

// Neither call has a wrapper in every C library. The descriptor is close-on-exec by itself.
Descriptor open_process(pid_t process) {
  Descriptor opened =
      above_standard_streams(Descriptor(static_cast<int>(syscall(SYS_pidfd_open, process, 0))));
  if (!opened.is_open() && errno != ESRCH)
    throw system_error(errno, fmt::format("watch process {}", process),
                       errno == ENOSYS ? "Linux 5.3 or later is needed" : "");
  return opened;
}

bool ends_within(const Descriptor& process, std::chrono::milliseconds time) {
  pollfd ended{process.get(), POLLIN, 0};
  return poll(&ended, 1, static_cast<int>(time.count())) == 1;
}

void send_signal(const Descriptor& process, int signal) {
  if (syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0) != 0 && errno != ESRCH)
    throw system_error(errno, fmt::format("send signal {}", signal));
}

}  // namespace container_init
