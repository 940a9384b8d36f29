// SPDX-License-Identifier: MIT
#include "hooks/reload/service_manager.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include <fmt/core.h>

#include "common/base/descriptor.h"
#include "common/base/error.h"
#include "common/base/exec.h"
#include "common/base/file.h"
#include "common/base/program.h"
#include "hooks/pidfd.h"
#include "hooks/process.h"

namespace container_init {
namespace {

// As at a login, on NixOS and elsewhere.
constexpr std::array<std::string_view, 5> kLoginEnvironment = {
    "HOME=/root", "USER=root", "LOGNAME=root", "SHELL=/bin/sh",
    "PATH=/run/wrappers/bin:/run/current-system/sw/bin:"
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};

// The service manager expands variables in arguments, systemd.service(5), "COMMAND LINES".
std::string without_expansion(std::string_view argument) {
  std::string text;
  for (const char c : argument) text += c == '$' ? std::string("$$") : std::string(1, c);
  return text;
}

// Between this process and the command, which holds the other ends.
struct Pipes {
  Pipe input = make_pipe();
  Pipe output = make_pipe();
  Pipe errors = make_pipe();
};

sigset_t interrupting_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  return signals;
}

// systemd-run(1), with no signal blocked and the pipes as its standard streams.
pid_t spawn(const std::vector<std::string>& command, Pipes& pipes) {
  const auto arguments = argument_pointers(command);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipes.input.reader.get(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, pipes.output.writer.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, pipes.errors.writer.get(), STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  pid_t process = 0;
  const int error =
      posix_spawnp(&process, arguments[0], &actions, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw system_error(error, "start " + command.front());
  pipes.input = Pipe();
  pipes.output.writer = Descriptor();
  pipes.errors.writer = Descriptor();
  return process;
}

// Copies what can be read at once, `most` bytes at most. Closes the reader at the end of the text.
void copy_available(Descriptor& reader, int to, std::size_t most) {
  std::array<char, 4096> buffer;
  while (most > 0 && reader.is_open()) {
    const ssize_t size = read(reader.get(), buffer.data(), std::min(most, buffer.size()));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) {
      reader = Descriptor();
      return;
    }
    write_all(to, {buffer.data(), static_cast<std::size_t>(size)});
    most -= static_cast<std::size_t>(size);
  }
}

constexpr std::size_t kLargestPipe = 1 << 20;  // fs.pipe-max-size, unless root has raised it

// The signal that interrupted it; 0 at the end of the process. Processes of the container may hold
// the pipes for ever, write to them and read from them: afterwards no more is copied than what can
// be in a pipe.
int copy_until_end(Pipes& pipes, const Descriptor& process, const Descriptor& signals) {
  Descriptor& output = pipes.output.reader;
  Descriptor& errors = pipes.errors.reader;
  signalfd_siginfo interrupt{};
  for (bool ended = false; !ended && interrupt.ssi_signo == 0;) {
    std::array<pollfd, 4> watched{{{process.get(), POLLIN, 0},
                                   {signals.get(), POLLIN, 0},
                                   {output.get(), POLLIN, 0},
                                   {errors.get(), POLLIN, 0}}};
    if (poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR)
      throw system_error(errno, "wait for a process");
    ended = watched[0].revents != 0;
    if (watched[1].revents != 0 &&
        read(signals.get(), &interrupt, sizeof(interrupt)) != sizeof(interrupt))
      throw system_error(errno, "read a signal");
    const std::size_t most = ended ? kLargestPipe : 4096;
    copy_available(output, STDOUT_FILENO, most);
    copy_available(errors, STDERR_FILENO, most);
  }
  return static_cast<int>(interrupt.ssi_signo);
}

Descriptor open_signals() {
  const sigset_t signals = interrupting_signals();
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  Descriptor opened = above_standard_streams(Descriptor(signalfd(-1, &signals, SFD_CLOEXEC)));
  if (!opened.is_open()) throw system_error(errno, "wait for signals");
  return opened;
}

void make_non_blocking(const Descriptor& reader) {
  if (fcntl(reader.get(), F_SETFL, O_NONBLOCK) != 0) throw system_error(errno, "make a pipe");
}

// What systemd gives for a program that it cannot execute, systemd.exec(5).
constexpr int kCannotExecute = 203;

int run_until_interrupted(const std::string& instance, const std::vector<std::string>& command,
                          const Descriptor& signals, const Log& log) {
  Pipes pipes;
  make_non_blocking(pipes.output.reader);
  make_non_blocking(pipes.errors.reader);
  const std::string unit = fmt::format("container-reload-{}.service", getpid());
  const pid_t process = spawn(systemd_run_command(instance, unit, command), pipes);
  const Descriptor pidfd = open_process(process);
  const int interrupt = copy_until_end(pipes, pidfd, signals);
  if (interrupt == 0) {
    const int status = wait_for_child(process);
    if (status == kCannotExecute)
      log.error(fmt::format("container {0} cannot execute {1}: see journalctl --machine={0}",
                            instance, command.front()));
    return status;
  }
  run_process({"systemctl", "--machine=" + instance, "stop", unit});
  send_signal(pidfd, SIGKILL);
  wait_for_child(process);
  return 128 + interrupt;
}

}  // namespace

void require_service_manager(const std::string& instance, const std::string& hint) {
  // The state of a manager that answers, whatever it is; the error of systemctl(1) would be a line
  // more.
  const auto asked = run_process({"env", "SYSTEMD_LOG_LEVEL=emerg", "systemctl",
                                  "--machine=" + instance, "is-system-running"});
  const bool answers = !asked.output.empty() && !asked.output.starts_with("offline") &&
                       !asked.output.starts_with("unknown");
  if (!answers)
    throw Error(
        Exit::unavailable,
        fmt::format("the service manager of container {} does not answer: {}", instance,
                    asked.status == kNotInstalled ? "systemctl is not found in PATH" : hint));
}

std::vector<std::string> systemd_run_command(const std::string& instance, const std::string& unit,
                                             const std::vector<std::string>& command) {
  std::vector<std::string> words = {"systemd-run",    "--machine=" + instance,
                                    "--unit=" + unit, "--service-type=exec",
                                    "--pipe",         "--wait",
                                    "--quiet",        "--collect"};
  for (const auto assignment : kLoginEnvironment)
    words.push_back(fmt::format("--setenv={}", assignment));
  words.emplace_back("--");
  for (const std::string& word : command)
    words.push_back(&word == &command.front() ? word : without_expansion(word));
  return words;
}

// A service manager that ends a reload for its time kills this process without a signal before: the
// child, which gets SIGTERM then, stops the command.
int run_under_service_manager(const std::string& instance, const std::vector<std::string>& command,
                              const Log& log) {
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) throw system_error(errno, "fork");
  if (child == 0)
    _exit(report_errors(log, [&] {
      const Descriptor signals = open_signals();
      prctl(PR_SET_PDEATHSIG, SIGTERM);
      if (getppid() != parent) return 128 + SIGTERM;
      signal(SIGPIPE, SIG_IGN);
      return run_until_interrupted(instance, command, signals, log);
    }));
  signal(SIGINT, SIG_IGN);  // a terminal sends it to the child too
  return wait_for_child(child);
}

}  // namespace container_init
