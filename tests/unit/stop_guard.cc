// SPDX-License-Identifier: MIT
#include "hooks/start/stop_guard.h"

#include <poll.h>
#include <sys/prctl.h>

#include <chrono>
#include <cstdlib>

#include "common/base/stop_signal.h"
#include "hooks/pidfd.h"
#include "tests/unit/catch.h"
#include "tests/unit/child.h"

using namespace container_init;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

bool can_guard_stop_with(const char* value) {
  value != nullptr ? setenv("SYSTEMD_EXEC_PID", value, 1) : unsetenv("SYSTEMD_EXEC_PID");
  const bool result = can_guard_stop();
  unsetenv("SYSTEMD_EXEC_PID");
  return result;
}

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

// Has one child, the container, and its exit status. Forgets a stop that it is asked for.
void run_nspawn(bool is_asked_to_stop, void (*run_init)(int)) {
  keep_trace_of_stop();
  if (is_asked_to_stop) kill(getpid(), SIGCONT);
  Child container([=] { run_init(is_asked_to_stop ? kUntilItComes : kLongEnough); },
                  pid_namespace());
  _exit(WEXITSTATUS(container.wait()));
}

// As waitpid(2) gives it, of systemd-nspawn under the eyes of the guard.
int guarded(bool is_asked_to_stop, bool sends_stop_signal, void (*run_init)(int) = run_container) {
  Child nspawn([=] { run_nspawn(is_asked_to_stop, run_init); });
  repeat_lost_stop({.process = nspawn.pid(),
                    .pidfd = open_process(nspawn.pid()),
                    .container_init = {},
                    .sends_stop_signal = sends_stop_signal});
  return nspawn.wait();
}

bool has_pid_namespaces() { return Child(stay, pid_namespace()).pid() > 0; }

}  // namespace

TEST_CASE("systemd names the process of a unit") {
  CHECK(can_guard_stop_with(std::to_string(getpid()).c_str()));
  CHECK_FALSE(can_guard_stop_with(nullptr));
  for (const std::string& value :
       {std::string{}, std::to_string(getppid()), std::to_string(getpid()) + '0',
        ' ' + std::to_string(getpid())}) {
    CAPTURE(value);
    CHECK_FALSE(can_guard_stop_with(value.c_str()));
  }
}

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
  const int status = guarded(true, true);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == kStopped);
}

TEST_CASE("also to systemd-nspawn's own init") {
  if (!has_pid_namespaces()) return;
  CHECK(WEXITSTATUS(guarded(true, true, run_init_of_nspawn)) == kStopped);
  CHECK(WEXITSTATUS(guarded(false, true, run_init_of_nspawn)) == kNotStopped);
}

TEST_CASE("or to systemd-nspawn, where it sends another signal") {
  if (!has_pid_namespaces()) return;
  const int status = guarded(true, false);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGTERM);
}

TEST_CASE("nothing is stopped that nobody asked to stop") {
  if (!has_pid_namespaces()) return;
  for (const bool sends_stop_signal : {true, false}) {
    const int status = guarded(false, sends_stop_signal);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == kNotStopped);
  }
}

TEST_CASE("the guard ends with systemd-nspawn, though it never had a container") {
  Child nspawn([] { nanosleep(&kMoment, nullptr); });
  const auto begin = steady_clock::now();
  repeat_lost_stop({.process = nspawn.pid(),
                    .pidfd = open_process(nspawn.pid()),
                    .container_init = {},
                    .sends_stop_signal = true});
  CHECK(steady_clock::now() - begin < 5s);
}

TEST_CASE("a child that is no container is not taken for one") {
  Child nspawn([] {
    keep_trace_of_stop();
    kill(getpid(), SIGCONT);
    Child helper([] { run_container(kLongEnough); });  // in no namespace of its own
    _exit(WEXITSTATUS(helper.wait()));
  });
  repeat_lost_stop({.process = nspawn.pid(),
                    .pidfd = open_process(nspawn.pid()),
                    .container_init = {},
                    .sends_stop_signal = true});
  CHECK(WEXITSTATUS(nspawn.wait()) == kNotStopped);
}
