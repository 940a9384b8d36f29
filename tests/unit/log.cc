#include "common/log.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "common/descriptor.h"
#include "tests/unit/catch.h"
#include "tests/unit/values.h"

using namespace container_init;

namespace {

// Standard error goes to a file in memory, until the end.
class CapturedError {
 public:
  CapturedError()
      : original_(dup(STDERR_FILENO)), file_(memfd_create("standard error", MFD_CLOEXEC)) {
    dup2(file_.get(), STDERR_FILENO);
  }
  CapturedError(const CapturedError&) = delete;
  CapturedError& operator=(const CapturedError&) = delete;
  ~CapturedError() { dup2(original_.get(), STDERR_FILENO); }

  std::string text() const {
    std::array<char, 4096> buffer;
    const ssize_t size = pread(file_.get(), buffer.data(), buffer.size(), 0);
    return {buffer.data(), static_cast<std::size_t>(size)};
  }

  // As JOURNAL_STREAM names it, see systemd.exec(5).
  std::string stream() const {
    struct stat status {};
    fstat(file_.get(), &status);
    return format("{}:{}", status.st_dev, status.st_ino);
  }

 private:
  Descriptor original_;
  Descriptor file_;
};

// What is logged while JOURNAL_STREAM has a value, or none.
template <typename Stream>
std::string logged(Stream journal_stream) {
  const CapturedError captured;
  const std::string stream = journal_stream(captured);
  if (!stream.empty()) setenv("JOURNAL_STREAM", stream.c_str(), 1);
  const Log log("post-start");
  unsetenv("JOURNAL_STREAM");
  log.error("cannot");
  log.warning("should not");
  log.notice("has");
  return captured.text();
}

constexpr std::string_view kPlain = "post-start: cannot\npost-start: should not\npost-start: has\n";

}  // namespace

TEST_CASE("a line begins with the name of the program") {
  CHECK(logged([](const auto&) { return ""; }) == kPlain);
}

TEST_CASE("on the journal a line begins with its level") {
  CHECK(logged([](const auto& captured) { return captured.stream(); }) ==
        "<3>post-start: cannot\n<4>post-start: should not\n<5>post-start: has\n");
}

TEST_CASE("the journal of another stream is not ours") {
  for (const std::string stream : {"1:1", "x", ":"}) {
    CAPTURE(stream);
    CHECK(logged([&](const auto&) { return stream; }) == kPlain);
  }
  CHECK(logged([](const auto& captured) { return captured.stream() + "1"; }) == kPlain);
}
