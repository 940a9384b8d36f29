// SPDX-License-Identifier: MIT
#include "hooks/start/hold.h"

#include <signal.h>
#include <sys/wait.h>

#include <chrono>
#include <string>
#include <thread>

#include "common/base/file.h"
#include "hooks/pidfd.h"
#include "tests/unit/catch.h"
#include "tests/unit/child.h"

using namespace container_init;
using namespace std::chrono_literals;

namespace {

// A tracer holds the process until it is killed, and lets it take its signals.
void hold_and_wait(pid_t process) {
  const Hold hold(process);
  if (!hold.events().is_open()) _exit(1);
  for (;;) {
    ends_within(hold.events(), 1h);
    hold.let_run();
  }
}

bool is_traced(pid_t process, pid_t tracer) {
  return read_file("/proc/" + std::to_string(process) + "/status")
             .value_or("")
             .find("TracerPid:\t" + std::to_string(tracer) + '\n') != std::string::npos;
}

// Whether waitpid(2) has anything of the child; its end is left there.
bool is_reported(const Child& child) {
  siginfo_t info{};
  return waitid(P_PID, static_cast<id_t>(child.pid()), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid != 0;
}

}  // namespace

TEST_CASE("the parent learns of the end when the holder has gone") {
  if (geteuid() != 0) return;
  Child held([] {
    sleep(1);
    _exit(7);
  });
  const Descriptor end = open_process(held.pid());
  Child holder([&] { hold_and_wait(held.pid()); });
  while (!is_traced(held.pid(), holder.pid())) std::this_thread::sleep_for(1ms);
  REQUIRE(ends_within(end, 20s));
  CHECK_FALSE(is_reported(held));
  kill(holder.pid(), SIGKILL);
  holder.wait();
  CHECK(WEXITSTATUS(held.wait()) == 7);
}

TEST_CASE("what is held takes its signals") {
  if (geteuid() != 0) return;
  Child held(stay);
  Child holder([&] { hold_and_wait(held.pid()); });
  while (!is_traced(held.pid(), holder.pid())) std::this_thread::sleep_for(1ms);
  kill(held.pid(), SIGTERM);
  REQUIRE(ends_within(open_process(held.pid()), 20s));
  kill(holder.pid(), SIGKILL);
  holder.wait();
  CHECK(WTERMSIG(held.wait()) == SIGTERM);
}

TEST_CASE("a process that is let go runs on, and its end is its parent's") {
  if (geteuid() != 0) return;
  Child held(stay);
  Child holder([&] {
    { const Hold hold(held.pid()); }
    stay();
  });
  const Descriptor end = open_process(held.pid());
  CHECK_FALSE(ends_within(end, 50ms));
  kill(held.pid(), SIGTERM);
  CHECK(WTERMSIG(held.wait()) == SIGTERM);
}
