// SPDX-License-Identifier: MIT
#include "hooks/openat2.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace container_init {

Descriptor open_resolved(int directory, const std::string& path, unsigned flags, unsigned resolve) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.resolve = resolve;
  constexpr int kTries = 16;  // EAGAIN: somebody moves directories at the same time
  long fd = -1;
  for (int i = 0; i < kTries && fd < 0 && (i == 0 || errno == EAGAIN); ++i)
    fd = syscall(SYS_openat2, directory, path.c_str(), &how, sizeof(how));
  return Descriptor(static_cast<int>(fd));
}

}  // namespace container_init
