// SPDX-License-Identifier: MIT
#include "hooks/journal.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <string>

#include <fmt/core.h>

#include "common/base/error.h"
#include "common/base/file.h"
#include "tests/unit/catch.h"
#include "tests/unit/child.h"

using namespace container_init;

namespace {

constexpr const char* kSocket = "/run/systemd/journal/stdout";

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
  Descriptor journal(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, kSocket);
  bind(journal.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  return journal;
}

std::string received(const Descriptor& journal) {
  const Descriptor stream(accept4(journal.get(), nullptr, nullptr, SOCK_CLOEXEC));
  return read_file(stream).value_or("");
}

}  // namespace

TEST_CASE("a stream to the journal: its header, then lines that have no level of their own") {
  CHECK(holds_with_empty_run([] {
    const Descriptor journal = bind_journal_socket();
    listen(journal.get(), 1);
    {
      const Descriptor stream = open_journal_stream("container web", 6);
      write_all(stream.get(), "<0>everybody\n");
    }
    const std::string text = received(journal);
    const auto unit = text.find('\n') + 1;
    return text.starts_with("container web\n") &&
           text.substr(text.find('\n', unit)) == "\n6\n0\n0\n0\n0\n<0>everybody\n";
  }));
}

TEST_CASE("there is no stream where there is no journal") {
  CHECK(holds_with_empty_run([] { return !open_journal_stream("container web", 6).is_open(); }));
  CHECK(holds_with_empty_run([] {
    const Descriptor nobody_listens = bind_journal_socket();
    return !open_journal_stream("container web", 6).is_open();
  }));
}

TEST_CASE("a journal that cannot be reached is an error") {
  CHECK(holds_with_empty_run([] {
    const Descriptor file(creat("/run/systemd", 0600));
    try {
      open_journal_stream("container web", 6);
    } catch (const Error& error) {
      return error.lines().front() == "cannot open a stream to the journal: Not a directory";
    }
    return false;
  }));
}
