// SPDX-License-Identifier: MIT
#include "common/base/descriptor.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "common/base/error.h"

namespace container_init {

Descriptor above_standard_streams(Descriptor opened) {
  if (!opened.is_open() || opened.get() > STDERR_FILENO) return opened;
  return Descriptor(fcntl(opened.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
}

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) throw system_error(errno, "make a pipe");
  Pipe pipe{above_standard_streams(Descriptor(ends[0])),
            above_standard_streams(Descriptor(ends[1]))};
  if (!pipe.reader.is_open() || !pipe.writer.is_open()) throw system_error(errno, "make a pipe");
  return pipe;
}

bool close_all_but(std::vector<int> kept) {
  std::ranges::sort(kept);
  unsigned first = STDERR_FILENO + 1;
  for (const int fd : kept) {
    const auto next = static_cast<unsigned>(fd);
    if (next > first) syscall(SYS_close_range, first, next - 1, 0);
    first = next + 1;
  }
  return syscall(SYS_close_range, first, ~0U, 0) == 0;
}

}  // namespace container_init
