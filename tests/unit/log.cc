// SPDX-License-Identifier: MIT
#include "common/base/log.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include <fmt/core.h>

#include "common/base/descriptor.h"
#include "tests/unit/catch.h"
#include "tests/unit/values.h"

using namespace container_init;

namespace {

std::string content_of(const Descriptor& file) {
  std::array<char, 4096> buffer;
  const ssize_t size = pread(file.get(), buffer.data(), buffer.size(), 0);
  return {buffer.data(), static_cast<std::size_t>(size)};
}

// As JOURNAL_STREAM names a file, see systemd.exec(5).
std::string stream_of(const Descriptor& file) {
  struct stat status {};
  fstat(file.get(), &status);
  return fmt::format("{}:{}", status.st_dev, status.st_ino);
}

// What is logged to standard error; JOURNAL_STREAM is its stream and `more`, or `more` alone.
enum class Stream { own, other };

std::string logged(Stream stream, const std::string& more) {
  const Descriptor file(memfd_create("standard error", MFD_CLOEXEC));
  const Descriptor original(dup(STDERR_FILENO));
  dup2(file.get(), STDERR_FILENO);
  setenv("JOURNAL_STREAM", ((stream == Stream::own ? stream_of(file) : "") + more).c_str(), 1);
  const Log log("post-start");
  unsetenv("JOURNAL_STREAM");
  log.error("cannot");
  log.warning("should not");
  log.notice("has");
  dup2(original.get(), STDERR_FILENO);
  return content_of(file);
}

constexpr std::string_view kPlain = "post-start: cannot\npost-start: should not\npost-start: has\n";

}  // namespace

TEST_CASE("a line begins with the name of the program") {
  CHECK(logged(Stream::other, "") == kPlain);
}

TEST_CASE("on the journal a line begins with its level") {
  CHECK(logged(Stream::own, "") ==
        "<3>post-start: cannot\n<4>post-start: should not\n<5>post-start: has\n");
}

TEST_CASE("the journal of another stream is not ours") {
  CHECK(logged(Stream::own, "1") == kPlain);
  for (const auto* stream : {"1:1", "x", ":"}) {
    CAPTURE(stream);
    CHECK(logged(Stream::other, stream) == kPlain);
  }
}
