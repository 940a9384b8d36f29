// SPDX-License-Identifier: MIT
#include "hooks/process.h"

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/descriptor.h"
#include "common/base/error.h"
#include "common/base/exec.h"
#include "common/base/file.h"

namespace container_init {
namespace {

constexpr std::size_t kLongestOutput = 4096;

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kPause{5};

// Reads until the end or the deadline and keeps the beginning: the writer never blocks.
std::string read_output(const Descriptor& pipe, steady_clock::time_point deadline) {
  std::string text;
  std::array<char, 1024> buffer;
  pollfd readable{pipe.get(), POLLIN, 0};
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now()).count();
    if (left <= 0) return text;
    if (poll(&readable, 1, static_cast<int>(left)) <= 0) continue;
    const ssize_t size = read(pipe.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return text;
    if (text.size() < kLongestOutput) text.append(buffer.data(), static_cast<std::size_t>(size));
  }
}

int shell_status(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Kills the child if it has not ended by the deadline.
int wait_or_kill(pid_t process, steady_clock::time_point deadline) {
  int status = 0;
  for (int options = WNOHANG;;) {
    const pid_t ended = waitpid(process, &status, options);
    if (ended == process) return shell_status(status);
    if (ended < 0 && errno != EINTR) throw system_error(errno, "wait for a process");
    if (steady_clock::now() < deadline) {
      std::this_thread::sleep_for(kPause);
    } else {
      kill(process, SIGKILL);
      options = 0;
    }
  }
}

// systemd's tools tell $NOTIFY_SOCKET how they ended, which systemd takes from the main process
// alone.
std::vector<char*> environment_of_child() {
  std::vector<char*> passed;
  for (char** variable = environ; *variable != nullptr; ++variable)
    if (!std::string_view(*variable).starts_with("NOTIFY_SOCKET=")) passed.push_back(*variable);
  passed.push_back(nullptr);
  return passed;
}

bool means_not_installed(int error) {
  // A directory in PATH may not be searchable, or not be a directory.
  return error == ENOENT || error == EACCES || error == ENOTDIR;
}

}  // namespace

ProcessResult run_process(const std::vector<std::string>& arguments, std::chrono::seconds patience,
                          std::string_view input) {
  const auto argv = argument_pointers(arguments);
  Pipe pipe = make_pipe();
  Pipe text = make_pipe();
  if (!write_all(text.writer.get(), input)) throw system_error(errno, "write to a pipe");
  text.writer = Descriptor();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe.writer.get(), STDOUT_FILENO);
  if (!input.empty()) posix_spawn_file_actions_adddup2(&actions, text.reader.get(), STDIN_FILENO);
  const auto environment = environment_of_child();
  pid_t process = 0;
  const int error =
      posix_spawnp(&process, argv[0], &actions, nullptr, argv.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  if (means_not_installed(error)) return {kNotInstalled, {}};
  if (error != 0) throw system_error(error, "start " + arguments.front());
  pipe.writer = Descriptor();
  const auto deadline = steady_clock::now() + patience;
  std::string output = read_output(pipe.reader, deadline);
  return {wait_or_kill(process, deadline), std::move(output)};
}

int wait_for_child(pid_t process) {
  int status = 0;
  while (waitpid(process, &status, 0) < 0)
    if (errno != EINTR) throw system_error(errno, "wait for a process");
  return shell_status(status);
}

}  // namespace container_init
