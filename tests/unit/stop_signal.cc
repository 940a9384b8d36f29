// SPDX-License-Identifier: MIT
#include "common/base/stop_signal.h"

#include <poll.h>
#include <signal.h>

#include "tests/unit/catch.h"

using namespace container_init;

namespace {

bool can_be_read(const Descriptor& descriptor) {
  pollfd watched{descriptor.get(), POLLIN, 0};
  return poll(&watched, 1, 0) == 1;
}

sigset_t signal_mask() {
  sigset_t mask;
  sigprocmask(SIG_BLOCK, nullptr, &mask);
  return mask;
}

sigset_t set_of(int number) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, number);
  return set;
}

}  // namespace

#ifdef __GLIBC__
TEST_CASE("the stop signal is SIGRTMIN+3") { CHECK(kStopSignal == SIGRTMIN + 3); }
#endif

TEST_CASE("a stop stays pending from the moment that it is blocked") {
  const sigset_t before = signal_mask();
  block_stop_signal();
  const Descriptor stop = open_stop_signal();
  REQUIRE(stop.is_open());
  CHECK_FALSE(is_stop_signal_pending());
  CHECK_FALSE(can_be_read(stop));

  raise(kStopSignal);
  CHECK(is_stop_signal_pending());
  CHECK(can_be_read(stop));
  CHECK(is_stop_signal_pending());

  int taken = 0;
  const sigset_t set = set_of(kStopSignal);
  sigwait(&set, &taken);
  CHECK_FALSE(is_stop_signal_pending());
  sigprocmask(SIG_SETMASK, &before, nullptr);
}

TEST_CASE("the stop signal is blocked beside those that are") {
  const sigset_t before = signal_mask();
  const sigset_t set = set_of(SIGUSR1);
  sigprocmask(SIG_SETMASK, &set, nullptr);
  block_stop_signal();
  const sigset_t after = signal_mask();
  sigprocmask(SIG_SETMASK, &before, nullptr);
  for (int number = 1; number <= kStopSignal; ++number) {
    CAPTURE(number);
    CHECK(sigismember(&after, number) == (number == SIGUSR1 || number == kStopSignal ? 1 : 0));
  }
}
