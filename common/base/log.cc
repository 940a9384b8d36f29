// SPDX-License-Identifier: MIT
#include "common/base/log.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include <fmt/core.h>

namespace container_init {

bool is_journal(int fd) {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  return stream != nullptr && fstat(fd, &status) == 0 &&
         fmt::format("{}:{}", status.st_dev, status.st_ino) == stream;
}

Log::Log(std::string_view program) : program_(program), to_journal_(is_journal(STDERR_FILENO)) {}

void Log::write(char level, std::string_view text) const {
  std::string line = to_journal_ ? std::string{'<', level, '>'} : std::string{};
  line += fmt::format("{}: {}\n", program_, text);
  // One call for each line, so that lines of several programs do not mix. If standard error cannot
  // be written, there is nowhere to report it.
  while (::write(STDERR_FILENO, line.data(), line.size()) < 0 && errno == EINTR) continue;
}

}  // namespace container_init
