// SPDX-License-Identifier: MIT
#include "hooks/reload/seccomp.h"

#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <atomic>

#include "common/base/descriptor.h"
#include "common/base/error.h"
#include "hooks/process_status.h"
#include "tests/unit/catch.h"
#include "tests/unit/child.h"

using namespace container_init;

namespace {

// Allows everything; a filter is known by its number of instructions.
SeccompFilter filter_of(std::size_t size) {
  SeccompFilter filter(size, sock_filter{BPF_LD | BPF_W | BPF_ABS, 0, 0, 0});
  filter.back() = sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
  return filter;
}

// Tells the parent when the child is ready.
class Ready {
 public:
  void say() {
    if (write(pipe_.writer.get(), "r", 1) != 1) _exit(1);
  }
  void wait() {
    char ready = 0;
    REQUIRE(read(pipe_.reader.get(), &ready, 1) == 1);
  }

 private:
  Pipe pipe_ = make_pipe();
};

bool cannot_read_filters() {
  return geteuid() != 0 || status_of(getpid())->has_system_call_filters;
}

std::vector<std::size_t> sizes_of(const std::vector<SeccompFilter>& filters) {
  std::vector<std::size_t> sizes;
  for (const auto& filter : filters) sizes.push_back(filter.size());
  return sizes;
}

volatile sig_atomic_t received = 0;

}  // namespace

TEST_CASE("filters are read as they were installed, oldest first") {
  if (cannot_read_filters()) {
    WARN("needs root and no filter");
    return;
  }
  Ready ready;
  const Child child([&] {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    install_seccomp_filters({filter_of(2), filter_of(BPF_MAXINSNS), filter_of(3)});
    ready.say();
    stay();
  });
  ready.wait();
  CHECK(sizes_of(read_seccomp_filters(child.pid())) ==
        std::vector<std::size_t>{2, BPF_MAXINSNS, 3});
  CHECK(status_of(child.pid())->has_system_call_filters);
}

TEST_CASE("a process without filters is an error") {
  if (cannot_read_filters()) {
    WARN("needs root and no filter");
    return;
  }
  const Child child(stay);
  CHECK_THROWS_AS(read_seccomp_filters(child.pid()), Error);
}

TEST_CASE("a process that is stopped for its filters loses no signal") {
  if (cannot_read_filters()) {
    WARN("needs root and no filter");
    return;
  }
  constexpr int kSignals = 300;
  Ready ready;
  Child child([&] {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    install_seccomp_filters({filter_of(2)});
    signal(SIGRTMIN, [](int) { received = received + 1; });
    ready.say();
    while (received < kSignals) usleep(1000);
    _exit(0);
  });
  ready.wait();
  for (int sent = 0; sent < kSignals; ++sent) {
    kill(child.pid(), SIGRTMIN);
    if (sent < kSignals - 1) read_seccomp_filters(child.pid());
  }
  CHECK(child.wait() == 0);
}

TEST_CASE("a process that is stopped already stays so") {
  if (cannot_read_filters()) {
    WARN("needs root and no filter");
    return;
  }
  Ready ready;
  const Child child([&] {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    install_seccomp_filters({filter_of(2)});
    ready.say();
    stay();
  });
  ready.wait();
  kill(child.pid(), SIGSTOP);
  CHECK(sizes_of(read_seccomp_filters(child.pid())) == std::vector<std::size_t>{2});
}

TEST_CASE("a process that has ended is an error") {
  Child child([] { _exit(0); });
  const pid_t ended = child.pid();
  child.wait();
  CHECK_THROWS_AS(read_seccomp_filters(ended), Error);
}
