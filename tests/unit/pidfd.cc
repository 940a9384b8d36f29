// SPDX-License-Identifier: MIT
#include "hooks/pidfd.h"

#include <fcntl.h>

#include "tests/unit/catch.h"
#include "tests/unit/child.h"
#include "tests/unit/values.h"

using namespace container_init;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

TEST_CASE("a process ends when it does") {
  Child child(stay);
  const Descriptor process = open_process(child.pid());
  REQUIRE(process.is_open());
  CHECK((fcntl(process.get(), F_GETFD) & FD_CLOEXEC) != 0);

  const auto begin = steady_clock::now();
  CHECK_FALSE(ends_within(process, 0ms));
  CHECK_FALSE(ends_within(process, 30ms));
  CHECK(steady_clock::now() - begin >= 30ms);
  CHECK(steady_clock::now() - begin < 5s);

  kill(child.pid(), SIGKILL);
  CHECK(ends_within(process, 10s));
  CHECK(ends_within(process, 0ms));  // also while it is a zombie, and once it is none
  child.wait();
  CHECK(ends_within(process, 0ms));
}

TEST_CASE("a signal gets to the process, or passes over its end") {
  Child child(stay);
  const pid_t pid = child.pid();
  const Descriptor process = open_process(pid);
  send_signal(process, 0);
  CHECK_FALSE(ends_within(process, 0ms));
  send_signal(process, SIGTERM);
  CHECK(ends_within(process, 10s));
  const int status = child.wait();
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGTERM);
  CHECK(caught_from([&] { send_signal(process, SIGTERM); }).exit == Exit::ok);
  CHECK_FALSE(open_process(pid).is_open());
}

TEST_CASE("what is no process is an error of its own") {
  CHECK(caught_from([] { open_process(0); }).exit == Exit::system);
  CHECK(caught_from([] { send_signal(Descriptor(), SIGTERM); }).lines ==
        std::vector<std::string>{"cannot send signal 15: Bad file descriptor"});
}
