// SPDX-License-Identifier: MIT
#include "common/base/notify.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <vector>

#include "common/base/descriptor.h"
#include "tests/unit/catch.h"
#include "tests/unit/child.h"
#include "tests/unit/temporary_directory.h"

using namespace container_init;

namespace {

struct Received {
  std::string text;
  pid_t sender = 0;
  bool operator==(const Received&) const = default;
};

// The service manager's end.
class Manager {
 public:
  // As NOTIFY_SOCKET names it.
  explicit Manager(const std::string& name) : socket_(socket(AF_UNIX, SOCK_DGRAM, 0)) {
    const int on = 1;
    setsockopt(socket_.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name.copy(address.sun_path, name.size());
    if (name.front() == '@') address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    REQUIRE(bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
    setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;
  ~Manager() { unsetenv("NOTIFY_SOCKET"); }

  // The next message; empty where there is none.
  Received receive() {
    std::array<char, 8192> buffer;
    alignas(cmsghdr) std::array<char, 128> control;
    iovec content{buffer.data(), buffer.size()};
    msghdr message{};
    message.msg_iov = &content;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t size = recvmsg(socket_.get(), &message, MSG_DONTWAIT);
    if (size < 0) return {};
    const auto* credentials = reinterpret_cast<const ucred*>(CMSG_DATA(CMSG_FIRSTHDR(&message)));
    return {std::string(buffer.data(), static_cast<std::size_t>(size)), credentials->pid};
  }

 private:
  Descriptor socket_;
};

std::string own_number() { return std::to_string(getpid()); }

std::string status_after(const Error& error, std::string_view before = {}) {
  Manager manager("@container-init/" + own_number());
  CHECK_THROWS_AS(run_with_status([&]() -> int { throw error; }, before), Error);
  return manager.receive().text;
}

}  // namespace

TEST_CASE("a status goes to the socket of the service manager") {
  const TemporaryDirectory directory;
  for (const std::string& name : {directory.path("notify"), "@container-init/" + own_number()}) {
    Manager manager(name);
    notify_status("waiting for br0");
    CHECK(manager.receive() == Received{"STATUS=waiting for br0", getpid()});
    notify_status({});
    CHECK(manager.receive() == Received{"STATUS=", getpid()});
    CHECK(manager.receive() == Received{});
  }
}

TEST_CASE("without a service manager a status is lost") {
  for (const std::string& name :
       {std::string(), std::string("@"), std::string("vsock:2:1"), std::string("relative"),
        std::string("/no/such/socket"), '/' + std::string(200, 'x')}) {
    setenv("NOTIFY_SOCKET", name.c_str(), 1);
    CHECK_NOTHROW(notify_status("waiting"));
  }
  unsetenv("NOTIFY_SOCKET");
  CHECK_NOTHROW(notify_status("waiting"));
}

TEST_CASE("a message in the name of another process") {
  // Which CAP_SYS_ADMIN is for.
  if (geteuid() != 0 || prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN) != 1) return;
  Manager manager("@container-init/" + own_number());
  const Child other(stay);
  notify(other.pid(), "READY=1\nSTATUS=up");
  CHECK(manager.receive() == Received{"READY=1\nSTATUS=up", other.pid()});
}

namespace {

// The status in a message as systemd takes it apart: up to 252 a backslash is removed, and what
// follows it stands for itself.
std::string status_of(std::string_view message, bool removes_backslashes) {
  std::vector<std::string> lines(1);
  for (std::size_t i = 0; i < message.size(); ++i) {
    if (message[i] == '\\' && removes_backslashes) {
      REQUIRE(++i < message.size());  // else it drops the message
      lines.back() += message[i];
    } else if (message[i] == '\n') {
      lines.emplace_back();
    } else {
      lines.back() += message[i];
    }
  }
  for (const std::string& line : lines)
    if (line.starts_with("STATUS=")) return line.substr(7);
  return "none";
}

}  // namespace

TEST_CASE("every systemd shows a backslash as it is") {
  for (const std::string text :
       {"", "waiting", "\\", "my\\x20container", "a\\", "\\\\b", "\"\\\""}) {
    CAPTURE(text);
    CHECK(status_of(status_line(text), true) == text);
    CHECK(status_of(status_line(text), false) == text);
  }
}

TEST_CASE("what runs well has no status") {
  Manager manager("@container-init/" + own_number());
  CHECK(run_with_status([] { return 7; }) == 7);
  CHECK(manager.receive() == Received{});
}

TEST_CASE("an Error is the status, with all of its lines, and thrown further") {
  CHECK(status_after(Error(Exit::config, "one")) == "STATUS=one");
  CHECK(status_after(Error(Exit::config, std::vector<std::string>{"one", "two"})) ==
        "STATUS=one; two");
  CHECK(status_after(Error(Exit::config, "one\nMAINPID=1")) == "STATUS=one MAINPID=1");
  CHECK(status_after(Error(Exit::config, "one"), "container-init: ") ==
        "STATUS=container-init: one");
}

TEST_CASE("a long status is cut between two characters") {
  CHECK(status_after(Error(Exit::config, std::string(1000, 'x'))) ==
        "STATUS=" + std::string(1000, 'x'));
  CHECK(status_after(Error(Exit::config, std::string(1001, 'x'))) ==
        "STATUS=" + std::string(1000, 'x') + "...");
  CHECK(status_after(Error(Exit::config, std::string(999, 'x') + "\u00e9")) ==
        "STATUS=" + std::string(999, 'x') + "...");
}
