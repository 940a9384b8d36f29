#include "common/descriptor.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

namespace container_init {

Descriptor above_standard_streams(Descriptor opened) {
  if (!opened.is_open() || opened.get() > STDERR_FILENO) return opened;
  return Descriptor(fcntl(opened.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
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
