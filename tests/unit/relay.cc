// SPDX-License-Identifier: MIT
#include "hooks/reload/relay.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>

#include "common/base/error.h"
#include "common/base/file.h"
#include "tests/unit/catch.h"
#include "tests/unit/temporary_directory.h"

using namespace container_init;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

// One of our streams is a file as long as this lives.
class Redirected {
 public:
  Redirected(int stream, const std::string& path)
      : stream_(stream), before_(fcntl(stream, F_DUPFD_CLOEXEC, 0)) {
    const Descriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    dup2(file.get(), stream);
  }
  Redirected(Redirected&&) = delete;
  Redirected(const Redirected&) = delete;
  Redirected& operator=(Redirected&&) = delete;
  Redirected& operator=(const Redirected&) = delete;
  ~Redirected() { dup2(before_.get(), stream_); }

 private:
  int stream_;
  Descriptor before_;
};

struct Relayed {
  int status = 0;
  std::string output;
  std::string errors;
};

Relayed relay(
    const std::vector<std::string>& command, const std::vector<std::string>& environment = {},
    const std::function<void()>& enter = [] {}) {
  const TemporaryDirectory directory;
  Relayed relayed;
  {
    const Redirected output(STDOUT_FILENO, directory.path("output"));
    const Redirected errors(STDERR_FILENO, directory.path("errors"));
    relayed.status = run_relayed(command, environment, Log("reload"), {}, enter);
  }
  relayed.output = read_file(directory.path("output")).value_or("");
  relayed.errors = read_file(directory.path("errors")).value_or("");
  return relayed;
}

Relayed relay_script(const std::string& script) { return relay({"/bin/sh", "-c", script}); }

}  // namespace

TEST_CASE("both streams and the status come through") {
  const Relayed relayed = relay_script("echo one; echo two >&2; echo three; exit 7");
  CHECK(relayed.status == 7);
  CHECK(relayed.output == "one\nthree\n");
  CHECK(relayed.errors == "two\n");
  CHECK(relay_script("kill -TERM $$").status == 128 + SIGTERM);
  CHECK(relay_script("").status == 0);
}

TEST_CASE("the command has the environment that it is given, and no other") {
  CHECK(relay({"/usr/bin/env"}, {"A=1", "B=a b"}).output == "A=1\nB=a b\n");
  CHECK(relay({"/usr/bin/env"}).output.empty());
}

TEST_CASE("the command has nothing to read") {
  CHECK(relay_script("cat; echo end").output == "end\n");
}

TEST_CASE("the command has no file of ours, nor one that we were given") {
  const Descriptor given(open("/dev/null", O_RDONLY));  // NOLINT(android-cloexec-open)
  CHECK(relay({"/bin/ls", "/proc/self/fd"}).output == "0\n1\n2\n3\n");  // the last is of ls
}

TEST_CASE("much is copied whole") {
  const Relayed relayed = relay_script(
      "head -c 60000 /dev/zero & head -c 50000 /dev/zero >&2; wait; head -c 5000 /dev/zero");
  CHECK(relayed.status == 0);
  CHECK(relayed.output.size() == 65000);
  CHECK(relayed.errors.size() == 50000);
}

TEST_CASE("the end of the command is the end, though others hold its streams") {
  const auto begin = steady_clock::now();
  const Relayed relayed = relay_script("sleep 20 & echo $!");
  CHECK(relayed.status == 0);
  CHECK(steady_clock::now() - begin < 10s);
  kill(std::stoi(relayed.output), SIGKILL);
}

TEST_CASE("the end of the command is the end, though others go on writing") {
  const Relayed relayed = relay_script("echo first; yes & yes >&2 & exit 5");
  CHECK(relayed.status == 5);
  CHECK(relayed.output.starts_with("first\n"));
}

TEST_CASE("output goes to the streams that are given") {
  const TemporaryDirectory directory;
  const auto open_new = [&](const char* name) {
    return Descriptor(open(directory.path(name).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  };
  const Descriptor output = open_new("output");
  const Descriptor errors = open_new("errors");
  CHECK(run_relayed({"/bin/sh", "-c", "echo one; echo two >&2"}, {}, Log("reload"),
                    {.output = output.get(), .errors = errors.get()}) == 0);
  CHECK(read_file(directory.path("output")) == "one\n");
  CHECK(read_file(directory.path("errors")) == "two\n");
}

TEST_CASE("an error of what enters is reported, and nothing executed") {
  const Relayed relayed = relay({"/bin/echo", "executed"}, {}, [] {
    throw Error(Exit::config, std::vector<std::string>{"one", "<0>two\x1b[2J"});
  });
  CHECK(relayed.status == 78);
  CHECK(relayed.output.empty());
  CHECK(relayed.errors == "reload: one\nreload: <0>two?[2J\n");
}

TEST_CASE("a command that closes its streams is waited for") {
  const Relayed relayed = relay_script("exec >&- 2>&-; sleep 0.1; exit 3");
  CHECK(relayed.status == 3);
}

TEST_CASE("what cannot be executed says so, and that is the status") {
  const Relayed missing = relay({"/no/such/program", "test"});
  CHECK(missing.status == 127);
  CHECK(missing.output.empty());
  CHECK(missing.errors == "reload: cannot execute /no/such/program: No such file or directory\n");
  CHECK(relay({"/"}).status == 126);
}

TEST_CASE("signals that systemd ignores for us are not ignored by the command") {
  const auto before = signal(SIGPIPE, SIG_IGN);
  const Relayed relayed = relay_script("kill -PIPE $$; echo survived");
  signal(SIGPIPE, before);
  CHECK(relayed.status == 128 + SIGPIPE);
  CHECK(relayed.output.empty());
}
