// SPDX-License-Identifier: MIT
#include "hooks/process.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "tests/unit/catch.h"
#include "tests/unit/values.h"

using namespace container_init;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

TEST_CASE("a process gives its status and its output") {
  const ProcessResult result = run_process({"sh", "-c", "echo one; echo two; exit 3"});
  CHECK(result.status == 3);
  CHECK(result.output == "one\ntwo\n");

  const ProcessResult silent = run_process({"true"});
  CHECK(silent.status == 0);
  CHECK(silent.output.empty());
}

TEST_CASE("arguments are handed over as they are") {
  const ProcessResult result = run_process({"printf", "%s|", "a b", "", "$HOME", "'"});
  CHECK(result.status == 0);
  CHECK(result.output == "a b||$HOME|'|");
}

TEST_CASE("a program that is not installed is status 127") {
  CHECK(kNotInstalled == 127);
  CHECK(run_process({"/no/such/program"}).status == kNotInstalled);

  const std::string path = std::getenv("PATH");
  setenv("PATH", "/no/such/directory", 1);
  const ProcessResult result = run_process({"sh"});
  setenv("PATH", path.c_str(), 1);
  CHECK(result.status == kNotInstalled);
}

TEST_CASE("what cannot be executed is not installed") {
  CHECK(run_process({"/"}).status == kNotInstalled);
  CHECK(run_process({"/dev/null/program"}).status == kNotInstalled);
}

TEST_CASE("a signal is 128 and its number") {
  CHECK(run_process({"sh", "-c", "kill -KILL $$"}).status == 128 + SIGKILL);
  CHECK(run_process({"sh", "-c", "kill -TERM $$"}).status == 128 + SIGTERM);
}

TEST_CASE("of a long output the beginning is kept and the writer never waits") {
  alarm(10);
  const ProcessResult result = run_process({"sh", "-c", "head -c 1000000 /dev/zero; exit 5"});
  alarm(0);
  CHECK(result.status == 5);
  CHECK(result.output.size() >= 4096);
  CHECK(result.output.size() < 8192);
  CHECK(std::all_of(result.output.begin(), result.output.end(), [](char c) { return c == 0; }));
}

TEST_CASE("output is kept up to the end of the process") {
  const ProcessResult result = run_process({"sh", "-c", "printf a; sleep 0.05; printf b"});
  CHECK(result.output == "ab");
}

TEST_CASE("a process that is not done in time is killed") {
  const auto begin = steady_clock::now();
  CHECK(run_process({"sleep", "60"}, 1s).status == 128 + SIGKILL);
  // Also one that has closed its output.
  CHECK(run_process({"sh", "-c", "exec sleep 60 >&-"}, 0s).status == 128 + SIGKILL);
  CHECK(steady_clock::now() - begin < 10s);
}

TEST_CASE("the status of a child is that which a shell has") {
  const auto status_of = [](auto end) {
    const pid_t child = fork();
    if (child == 0) end();
    return wait_for_child(child);
  };
  CHECK(status_of([] { _exit(0); }) == 0);
  CHECK(status_of([] { _exit(133); }) == 133);
  CHECK(status_of([] { kill(getpid(), SIGKILL); }) == 128 + SIGKILL);
  const Caught caught = caught_from([] { wait_for_child(getpid()); });
  CHECK(caught.exit == Exit::system);
  CHECK(caught.lines ==
        std::vector{"cannot wait for a process: " + std::string(std::strerror(ECHILD))});
}
