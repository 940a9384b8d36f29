// SPDX-License-Identifier: MIT
#include "hooks/process_status.h"

#include <sys/prctl.h>

#include <algorithm>

#include "tests/unit/catch.h"
#include "tests/unit/child.h"
#include "tests/unit/temporary_directory.h"

using namespace container_init;

namespace {

// A number that no process has any more.
pid_t ended_process() {
  Child child([] {});
  const pid_t pid = child.pid();
  child.wait();
  return pid;
}

}  // namespace

TEST_CASE("a set has a bit for every signal") {
  CHECK(contains_signal(1, 1));
  CHECK_FALSE(contains_signal(2, 1));
  CHECK(contains_signal(std::uint64_t{1} << 63, 64));
  CHECK(contains_signal(std::uint64_t{1} << 36, 37));
  CHECK_FALSE(contains_signal(~(std::uint64_t{1} << 36), 37));
}

TEST_CASE("signals are blocked and pending") {
  const auto before = status_of(getpid());
  REQUIRE(before);
  CHECK_FALSE(contains_signal(before->blocked, SIGUSR1));
  CHECK_FALSE(contains_signal(before->pending, SIGUSR1));

  const BlockedSignals blocked{SIGUSR1, 64};
  kill(getpid(), SIGUSR1);
  const auto pending = status_of(getpid());
  REQUIRE(pending);
  CHECK(contains_signal(pending->blocked, SIGUSR1));
  CHECK(contains_signal(pending->blocked, 64));
  CHECK_FALSE(contains_signal(pending->blocked, SIGUSR2));
  CHECK(contains_signal(pending->pending, SIGUSR1));
  CHECK_FALSE(contains_signal(pending->pending, 64));

  const sigset_t usr1 = signals_of({SIGUSR1});
  int taken = 0;
  sigwait(&usr1, &taken);
  CHECK_FALSE(contains_signal(status_of(getpid())->pending, SIGUSR1));
}

TEST_CASE("the first process of a namespace is its init, and nobody else is") {
  CHECK_FALSE(status_of(getpid())->is_init);
  const Child child(stay);
  CHECK_FALSE(status_of(child.pid())->is_init);
  const Child first(stay, pid_namespace());
  if (first.pid() < 0) return;  // not allowed here
  CHECK(status_of(first.pid())->is_init);
  CHECK_FALSE(status_of(first.pid())->is_second);
}

TEST_CASE("a process has a name and a parent") {
  const Child child(stay);
  const auto status = status_of(child.pid());
  REQUIRE(status);
  CHECK(status->name == "unit-tests");
  CHECK(status->parent == getpid());
  CHECK(status_of(getpid())->parent == getppid());
}

TEST_CASE("a process has the time of its start, whatever its name is") {
  const auto own = start_time_of(getpid());
  REQUIRE(own);
  CHECK(*own > 0);
  const Child child([] {
    prctl(PR_SET_NAME, "a) S 1 (2 3 4");
    stay();
  });
  const auto later = start_time_of(child.pid());
  REQUIRE(later);
  CHECK(*later >= *own);
  CHECK(*later < *own + 100 * 3600);  // clock ticks
  CHECK_FALSE(start_time_of(ended_process()));
}

TEST_CASE("children are those that there are") {
  CHECK(children_of(getpid()).empty());
  const Child first(stay);
  const Child second(stay);
  auto found = children_of(getpid());
  std::ranges::sort(found);
  std::vector<pid_t> wanted{first.pid(), second.pid()};
  std::ranges::sort(wanted);
  CHECK(found == wanted);
  CHECK(children_of(first.pid()).empty());
}

TEST_CASE("a process that has ended has nothing") {
  const pid_t ended = ended_process();
  CHECK_FALSE(status_of(ended));
  CHECK(children_of(ended).empty());
  CHECK_FALSE(program_of(ended));
  CHECK_FALSE(status_of(0));
}

TEST_CASE("a program is the file that it was started from") {
  CHECK(program_of(getpid()) == identify("/proc/self/exe"));
  const Child child(stay);
  CHECK(program_of(child.pid()) == program_of(getpid()));
  CHECK(program_of(getpid()) != identify("/bin/sh"));
}

TEST_CASE("a file is itself by every path") {
  const TemporaryDirectory directory;
  const std::string file = directory.write("file", "");
  std::filesystem::create_symlink(file, directory.path("link"));
  std::filesystem::create_hard_link(file, directory.path("second"));
  CHECK(identify(file));
  CHECK(identify(directory.path("link")) == identify(file));
  CHECK(identify(directory.path("second")) == identify(file));
  CHECK(identify(directory.write("other", "")) != identify(file));
  CHECK_FALSE(identify(directory.path("missing")));
}
