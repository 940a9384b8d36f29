// SPDX-License-Identifier: MIT
#include "hooks/start/plain_journal_output.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include <fmt/core.h>

#include "common/base/error.h"
#include "common/base/log.h"
#include "hooks/journal.h"

namespace container_init {
namespace {

// Not open where the descriptor does not lead to the journal.
Descriptor save_journal_stream(int fd) {
  if (!is_journal(fd)) return Descriptor();
  Descriptor copy(fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (!copy.is_open()) throw system_error(errno, "keep a standard stream");
  return copy;
}

void replace(int fd, const Descriptor& saved, const Descriptor& stream) {
  if (saved.is_open() && dup2(stream.get(), fd) < 0)
    throw system_error(errno, "replace a standard stream");
}

void name_journal_stream(int fd) {
  struct stat status {};
  if (fstat(fd, &status) != 0) throw system_error(errno, "look at the stream to the journal");
  const std::string name = fmt::format("{}:{}", status.st_dev, status.st_ino);
  if (setenv("JOURNAL_STREAM", name.c_str(), 1) != 0)
    throw system_error(errno, "set JOURNAL_STREAM");
}

}  // namespace

PlainJournalOutput::PlainJournalOutput(const std::string& identifier)
    : output_(save_journal_stream(STDOUT_FILENO)), error_(save_journal_stream(STDERR_FILENO)) {
  if (!output_.is_open() && !error_.is_open()) return;
  constexpr int kInfo = 6;
  const Descriptor stream = open_journal_stream(identifier, kInfo);
  if (!stream.is_open())
    throw Error(
        Exit::system,
        "cannot open a stream to the journal: nobody listens at /run/systemd/journal/stdout");
  replace(STDOUT_FILENO, output_, stream);
  replace(STDERR_FILENO, error_, stream);
  name_journal_stream(stream.get());
}

// For the one line that says why the other program was not executed.
PlainJournalOutput::~PlainJournalOutput() {
  if (output_.is_open()) dup2(output_.get(), STDOUT_FILENO);
  if (error_.is_open()) dup2(error_.get(), STDERR_FILENO);
}

}  // namespace container_init
