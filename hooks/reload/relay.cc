// SPDX-License-Identifier: MIT
#include "hooks/reload/relay.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <string_view>

#include "common/base/descriptor.h"
#include "common/base/error.h"
#include "common/base/exec.h"
#include "common/base/file.h"
#include "common/base/words.h"
#include "hooks/pidfd.h"
#include "hooks/process.h"

namespace container_init {
namespace {

// Between this process and the child that enters. Its own errors do not come by standard error:
// what the command prints there is not ours.
struct Pipes {
  Pipe input = make_pipe();
  Pipe output = make_pipe();
  Pipe errors = make_pipe();
  Pipe faults = make_pipe();
};

// Gives the number of bytes; 0 at the end of the text, where the reader is closed.
std::size_t copy_available(Descriptor& reader, int to, std::size_t most) {
  std::array<char, 4096> buffer;
  const ssize_t size = read(reader.get(), buffer.data(), std::min(most, buffer.size()));
  if (size < 0 && errno == EINTR) return 0;
  if (size <= 0) {
    reader = Descriptor();
    return 0;
  }
  write_all(to, {buffer.data(), static_cast<std::size_t>(size)});
  return static_cast<std::size_t>(size);
}

std::size_t bytes_in(const Descriptor& pipe) {
  int size = 0;
  return ioctl(pipe.get(), FIONREAD, &size) == 0 ? static_cast<std::size_t>(size) : 0;
}

// What is in the pipe now. Others may hold it, and write more for ever.
void copy_rest(Descriptor& reader, int to) {
  std::size_t left = bytes_in(reader);
  while (left > 0 && reader.is_open()) left -= copy_available(reader, to, left);
}

void copy_until_end(Pipes& pipes, const Streams& streams, const Descriptor& process) {
  Descriptor& output = pipes.output.reader;
  Descriptor& errors = pipes.errors.reader;
  for (;;) {
    std::array<pollfd, 3> watched{
        {{process.get(), POLLIN, 0}, {output.get(), POLLIN, 0}, {errors.get(), POLLIN, 0}}};
    if (poll(watched.data(), watched.size(), -1) < 0) continue;
    if (watched[0].revents != 0) break;
    if (watched[1].revents != 0) copy_available(output, streams.output, SIZE_MAX);
    if (watched[2].revents != 0) copy_available(errors, streams.errors, SIZE_MAX);
  }
  copy_rest(output, streams.output);
  copy_rest(errors, streams.errors);
}

// A container without a user namespace may have written them in the child's place.
void log_faults(const Descriptor& faults, const Log& log) {
  std::array<char, 4096> buffer;
  const ssize_t size = bytes_in(faults) > 0 ? read(faults.get(), buffer.data(), buffer.size()) : 0;
  if (size <= 0) return;
  std::string text(buffer.data(), static_cast<std::size_t>(size));
  std::ranges::replace_if(
      text, [](char c) { return c < ' ' && c != '\n'; }, '?');
  for (const auto line : split_list(text, '\n'))
    if (!line.empty()) log.error(line);
}

// Gives the exit status.
int report_faults(const Descriptor& faults, const std::function<int()>& function) {
  const auto write_line = [&](std::string_view line) {
    write_all(faults.get(), std::string(line) + '\n');
  };
  try {
    return function();
  } catch (const Error& error) {
    std::ranges::for_each(error.lines(), write_line);
    return static_cast<int>(error.exit());
  } catch (const std::exception& error) {
    write_line(describe(error));
    return static_cast<int>(Exit::system);
  }
}

// The process in the container: a child, as only these are in a PID namespace that is entered.
[[noreturn]] void execute(const std::vector<std::string>& command,
                          const std::vector<std::string>& environment) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGPIPE, SIG_DFL);  // systemd ignores it
  clearenv();
  for (const std::string& assignment : environment) putenv(const_cast<char*>(assignment.c_str()));
  exec_program(command);
}

// Leaves this process no descriptor but its pipes and, as it leads a session of its own, no
// terminal.
void detach(const Pipes& pipes) {
  setsid();
  dup2(pipes.input.reader.get(), STDIN_FILENO);
  dup2(pipes.output.writer.get(), STDOUT_FILENO);
  dup2(pipes.errors.writer.get(), STDERR_FILENO);
  if (!close_all_but({pipes.faults.writer.get()}))
    throw system_error(errno, "close all descriptors", "Linux 5.9 or later is needed");
}

// A page that is filled in a process and empty in its children, madvise(2).
class OwnPage {
 public:
  OwnPage() : page_(mmap(nullptr, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
    if (page_ == MAP_FAILED || madvise(page_, 1, MADV_WIPEONFORK) != 0)
      throw system_error(errno, "allocate memory");
    *mark() = 1;
  }
  OwnPage(OwnPage&&) = delete;
  OwnPage(const OwnPage&) = delete;
  OwnPage& operator=(OwnPage&&) = delete;
  OwnPage& operator=(const OwnPage&) = delete;
  ~OwnPage() { munmap(page_, 1); }

  bool is_in_child() const { return *mark() == 0; }

 private:
  volatile char* mark() const { return static_cast<volatile char*>(page_); }

  void* page_;
};

// A filter of system calls, which is entered too, may let fork(2) give 0 and make no child. This
// process, in the PID namespace of the host, would execute the command.
pid_t fork_checked(const OwnPage& page) {
  const pid_t child = fork();
  if (child < 0) throw system_error(errno, "fork");
  if (child == 0 && !page.is_in_child())
    throw Error(Exit::system, "cannot fork: the container's system call filter prevents it");
  return child;
}

int enter_and_execute(const std::function<void()>& enter, const std::vector<std::string>& command,
                      const std::vector<std::string>& environment) {
  const OwnPage page;
  enter();
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // lost where credentials change
  const pid_t child = fork_checked(page);
  if (child == 0) execute(command, environment);
  return wait_for_child(child);
}

}  // namespace

int run_relayed(const std::vector<std::string>& command,
                const std::vector<std::string>& environment, const Log& log, const Streams& streams,
                const std::function<void()>& enter) {
  Pipes pipes;
  const pid_t child = fork();
  if (child < 0) throw system_error(errno, "fork");
  if (child == 0)
    _exit(report_faults(pipes.faults.writer, [&] {
      detach(pipes);
      return enter_and_execute(enter, command, environment);
    }));
  for (Descriptor* end : {&pipes.input.writer, &pipes.output.writer, &pipes.errors.writer})
    *end = Descriptor();
  copy_until_end(pipes, streams, open_process(child));
  log_faults(pipes.faults.reader, log);
  return wait_for_child(child);
}

}  // namespace container_init
