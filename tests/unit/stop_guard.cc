// SPDX-License-Identifier: MIT
#include "hooks/start/stop_guard.h"

#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <chrono>

#include "common/base/stop_signal.h"
#include "hooks/pidfd.h"
#include "hooks/process_status.h"
#include "tests/unit/catch.h"
#include "tests/unit/child.h"

using namespace container_init;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

bool is_blocked(int number) {
  sigset_t mask;
  sigprocmask(SIG_BLOCK, nullptr, &mask);
  return sigismember(&mask, number) == 1;
}

// Exit statuses of what stands for systemd-nspawn.
constexpr int kStopped = 10;
constexpr int kNotStopped = 11;

constexpr timespec kMoment{0, 20'000'000};

// How long the container waits for a stop, in milliseconds: one that comes may come late on a
// machine that is busy, and one that must not come would be there soon.
constexpr int kUntilItComes = 20'000;
constexpr int kLongEnough = 400;

// PID 1 of the container: takes the stop signal after a while, as if it had to start first.
void run_container(int patience) {
  nanosleep(&kMoment, nullptr);
  block_stop_signal();
  const Descriptor stop = open_stop_signal();
  pollfd readable{stop.get(), POLLIN, 0};
  _exit(poll(&readable, 1, patience) == 1 ? kStopped : kNotStopped);
}

// The same of systemd-nspawn's own init: the signals that it waits for do not show as blocked.
void run_init_of_nspawn(int patience) {
  nanosleep(&kMoment, nullptr);
  block_stop_signal();
  prctl(PR_SET_NAME, "(sd-stubinit)");
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, kStopSignal);
  const timespec time{patience / 1000, patience % 1000 * 1'000'000L};
  _exit(sigtimedwait(&stop, nullptr, &time) == kStopSignal ? kStopped : kNotStopped);
}

// An init of the container's own, which keeps the signal that it gets.
void run_own_init(int) {
  nanosleep(&kMoment, nullptr);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  execl("/bin/sleep", "sleep", "20", nullptr);
  _exit(1);
}

// Has one child, the container, and its exit status. Forgets a stop that it is asked for.
void run_nspawn(bool is_asked_to_stop, void (*run_init)(int)) {
  keep_trace_of_stop();
  if (is_asked_to_stop) kill(getpid(), SIGCONT);
  Child container([=] { run_init(is_asked_to_stop ? kUntilItComes : kLongEnough); },
                  pid_namespace());
  _exit(WEXITSTATUS(container.wait()));
}

NspawnProcess nspawn_of(const Child& child, int kill_signal = kStopSignal) {
  return {.process = child.pid(),
          .pidfd = open_process(child.pid()),
          .container_init = {},
          .kill_signal = kill_signal};
}

// Until it is done, or systemd-nspawn has ended.
void guard(const NspawnProcess& nspawn, pid_t container) {
  const Leader leader = open_leader(nspawn, container);
  StopGuard guard;
  while (const auto pause = guard.look(nspawn, leader))
    if (ends_within(nspawn.pidfd, *pause)) return;
}

// The first child, once it is there.
pid_t child_of(const NspawnProcess& nspawn) {
  for (;;) {
    if (const auto children = children_of(nspawn.process); !children.empty())
      return children.front();
    if (ends_within(nspawn.pidfd, 1ms)) return 0;
  }
}

// As waitpid(2) gives it, of systemd-nspawn under the eyes of the guard.
int guarded(bool is_asked_to_stop, int kill_signal, void (*run_init)(int) = run_container) {
  Child child([=] { run_nspawn(is_asked_to_stop, run_init); });
  const NspawnProcess nspawn = nspawn_of(child, kill_signal);
  guard(nspawn, child_of(nspawn));
  return child.wait();
}

bool has_pid_namespaces() { return Child(stay, pid_namespace()).pid() > 0; }

}  // namespace

TEST_CASE("only SIGCONT is blocked, beside those that are") {
  const BlockedSignals restored{SIGUSR1};
  CHECK_FALSE(is_blocked(SIGCONT));
  keep_trace_of_stop();
  for (int number = 1; number < 32; ++number) {
    CAPTURE(number);
    CHECK(is_blocked(number) == (number == SIGCONT || number == SIGUSR1));
  }
}

TEST_CASE("a stop that came too early is repeated to the container") {
  if (!has_pid_namespaces()) return;
  const int status = guarded(true, kStopSignal);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == kStopped);
}

TEST_CASE("also to systemd-nspawn's own init") {
  if (!has_pid_namespaces()) return;
  CHECK(WEXITSTATUS(guarded(true, kStopSignal, run_init_of_nspawn)) == kStopped);
  CHECK(WEXITSTATUS(guarded(false, kStopSignal, run_init_of_nspawn)) == kNotStopped);
}

TEST_CASE("or to systemd-nspawn, where it sends another signal") {
  if (!has_pid_namespaces()) return;
  const int status = guarded(true, SIGUSR2);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGTERM);
}

TEST_CASE("an init that takes another signal gets that a second time") {
  if (!has_pid_namespaces()) return;
  Child child([] { run_nspawn(true, run_own_init); });
  const NspawnProcess nspawn = nspawn_of(child, SIGUSR2);
  const pid_t container = child_of(nspawn);
  guard(nspawn, container);
  const auto status = status_of(container);
  kill(container, SIGKILL);
  REQUIRE(status.has_value());
  CHECK(contains_signal(status->pending, SIGUSR2));
  CHECK(WIFEXITED(child.wait()));
}

TEST_CASE("nothing is stopped that nobody asked to stop") {
  if (!has_pid_namespaces()) return;
  for (const int kill_signal : {kStopSignal, SIGUSR2}) {
    const int status = guarded(false, kill_signal);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == kNotStopped);
  }
}

TEST_CASE("the guard needs a PID 1, and does not take another process for it") {
  const Child child(stay);
  const Child other(stay);
  const NspawnProcess nspawn = nspawn_of(child);
  CHECK(open_leader(nspawn, other.pid()).process == 0);
  CHECK_FALSE(StopGuard().look(nspawn, Leader{}).has_value());
}

TEST_CASE("a process is looked at less often the longer it takes") {
  CHECK(next_pause(0s) == 1ms);
  CHECK(next_pause(80ms) == 10ms);
  CHECK(next_pause(1h) == 250ms);
}
