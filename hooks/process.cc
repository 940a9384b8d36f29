#include "hooks/process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "common/descriptor.h"
#include "common/error.h"

namespace container_init {
namespace {

constexpr std::size_t kLongestOutput = 4096;

// To the end, keeping the beginning, so that the writer never blocks.
std::string read_all(const Descriptor& pipe) {
  std::string text;
  std::array<char, 1024> buffer;
  for (;;) {
    const ssize_t size = read(pipe.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return text;
    if (text.size() < kLongestOutput) text.append(buffer.data(), static_cast<std::size_t>(size));
  }
}

int wait_for(pid_t process) {
  int status = 0;
  while (waitpid(process, &status, 0) < 0)
    if (errno != EINTR) throw system_error(errno, "wait for a process");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

ProcessResult run_process(const std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);

  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) throw system_error(errno, "make a pipe");
  const Descriptor reader(ends[0]);
  Descriptor writer(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, writer.get(), STDOUT_FILENO);
  pid_t process = 0;
  const int error = posix_spawnp(&process, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error == ENOENT) return {kNotInstalled, {}};
  if (error != 0) throw system_error(error, "start " + arguments.front());
  writer = Descriptor();
  std::string output = read_all(reader);
  return {wait_for(process), std::move(output)};
}

}  // namespace container_init
