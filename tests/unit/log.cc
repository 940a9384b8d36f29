// SPDX-License-Identifier: MIT
#include "common/base/log.h"

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <string>

#include <fmt/core.h>

#include "common/base/descriptor.h"
#include "common/base/file.h"
#include "common/base/notify.h"
#include "tests/unit/catch.h"
#include "tests/unit/child.h"
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

// Makes this user root in its own new user namespace, user_namespaces(7).
void become_root(uid_t user, gid_t group) {
  const auto write_file = [](const char* path, const std::string& text) {
    write_all(Descriptor(open(path, O_WRONLY | O_CLOEXEC)).get(), text);
  };
  write_file("/proc/self/setgroups", "deny");
  write_file("/proc/self/uid_map", fmt::format("0 {} 1", user));
  write_file("/proc/self/gid_map", fmt::format("0 {} 1", group));
}

// In a child whose /run holds nothing; true where the check is.
template <typename Check>
bool holds_with_empty_run(Check check) {
  const uid_t user = geteuid();
  const gid_t group = getegid();
  Child child(
      [&] {
        if (user != 0) become_root(user, group);
        mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
        _exit(mount("none", "/run", "tmpfs", 0, nullptr) == 0 && check() ? 0 : 1);
      },
      CLONE_NEWNS | (user == 0 ? 0 : CLONE_NEWUSER));
  return child.wait() == 0;
}

Descriptor bind_journal_socket() {
  std::filesystem::create_directories("/run/systemd/journal");
  Descriptor journal(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto address = parse_socket("/run/systemd/journal/socket");
  bind(journal.get(), reinterpret_cast<const sockaddr*>(&address->name), address->size);
  return journal;
}

std::string received(const Descriptor& journal) {
  std::array<char, 4096> buffer;
  const ssize_t size = recv(journal.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  return {buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
}

// The value of a field, after the size in 64 bits.
std::string sized(const std::string& value) {
  return static_cast<char>(value.size()) + std::string(7, '\0') + value + '\n';
}

constexpr std::string_view kPlain = "post-start: cannot\npost-start: should not\npost-start: has\n";

}  // namespace

TEST_CASE("a line begins with the name of the program") {
  CHECK(logged(Stream::other, "") == kPlain);
}

TEST_CASE("where no journal takes a line, it goes to standard error") {
  CHECK(holds_with_empty_run([] { return logged(Stream::own, "") == kPlain; }));
}

TEST_CASE("the journal gets a line with its level, and whose it is") {
  CHECK(holds_with_empty_run([] {
    const Descriptor journal = bind_journal_socket();
    setenv("INSTANCE", "web", 1);
    if (!logged(Stream::own, "").empty()) return false;
    const std::string text = received(journal);
    return text.starts_with("MESSAGE\n" + sized("post-start: cannot") + "PRIORITY\n" + sized("3") +
                            "SYSLOG_IDENTIFIER\n" + sized("container web")) &&
           received(journal).find("PRIORITY\n" + sized("4")) != std::string::npos &&
           received(journal).find("PRIORITY\n" + sized("5")) != std::string::npos;
  }));
}

TEST_CASE("a line of many lines is one message") {
  CHECK(holds_with_empty_run([] {
    const Descriptor journal = bind_journal_socket();
    send_to_journal("post-start", '3', "one\nPRIORITY=0");
    return received(journal).starts_with("MESSAGE\n" + sized("one\nPRIORITY=0") + "PRIORITY\n" +
                                         sized("3"));
  }));
}

TEST_CASE("the journal of another stream is not ours") {
  CHECK(logged(Stream::own, "1") == kPlain);
  for (const auto* stream : {"1:1", "x", ":"}) {
    CAPTURE(stream);
    CHECK(logged(Stream::other, stream) == kPlain);
  }
}
