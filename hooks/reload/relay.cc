#include "hooks/reload/relay.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "common/base/descriptor.h"
#include "common/base/error.h"
#include "common/base/exec.h"
#include "common/base/file.h"
#include "common/base/program.h"
#include "hooks/pidfd.h"
#include "hooks/process.h"

namespace container_init {
namespace {

// Closes the reader at the end of its text.
void copy_available(Descriptor& reader, int to) {
  std::array<char, 4096> buffer;
  const ssize_t size = read(reader.get(), buffer.data(), buffer.size());
  if (size > 0) {
    write_all(to, {buffer.data(), static_cast<std::size_t>(size)});
  } else if (size == 0 || errno != EINTR) {
    reader = Descriptor();
  }
}

// Until the process has ended, though others may hold the pipes, and what it wrote is copied.
void copy_until_end(Descriptor& output, Descriptor& errors, const Descriptor& process) {
  for (bool ended = false;;) {
    std::array<pollfd, 3> watched{{{output.get(), POLLIN, 0},
                                   {errors.get(), POLLIN, 0},
                                   {ended ? -1 : process.get(), POLLIN, 0}}};
    const int ready = poll(watched.data(), watched.size(), ended ? 0 : -1);
    if (ready < 0) continue;
    if (ready == 0) return;
    if (watched[0].revents != 0) copy_available(output, STDOUT_FILENO);
    if (watched[1].revents != 0) copy_available(errors, STDERR_FILENO);
    ended = ended || watched[2].revents != 0;
  }
}

// The process in the container: a child, as only these are in a PID namespace that is entered.
int execute(const std::vector<std::string>& command, const std::vector<std::string>& environment,
            const Log& log) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGPIPE, SIG_DFL);  // systemd ignores it
  clearenv();
  for (const std::string& assignment : environment) putenv(const_cast<char*>(assignment.c_str()));
  return report_errors(log, [&]() -> int { exec_program(command); });
}

// Nothing of ours is left to this process: neither descriptors nor, as it leads a session of its
// own, a terminal.
void stand_apart(const Pipe& input, const Pipe& output, const Pipe& errors) {
  setsid();
  dup2(input.reader.get(), STDIN_FILENO);
  dup2(output.writer.get(), STDOUT_FILENO);
  dup2(errors.writer.get(), STDERR_FILENO);
  if (!close_all_but({}))
    throw system_error(errno, "close all descriptors", "Linux 5.9 or later is needed");
}

int enter_and_execute(const std::function<void()>& enter, const std::vector<std::string>& command,
                      const std::vector<std::string>& environment, const Log& log) {
  enter();
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // lost where credentials change
  const pid_t child = fork();
  if (child < 0) throw system_error(errno, "fork");
  if (child == 0) _exit(execute(command, environment, log));
  return wait_for_child(child);
}

}  // namespace

int run_relayed(const std::vector<std::string>& command,
                const std::vector<std::string>& environment, const Log& log,
                const std::function<void()>& enter) {
  Pipe input = make_pipe();
  Pipe output = make_pipe();
  Pipe errors = make_pipe();
  const pid_t child = fork();
  if (child < 0) throw system_error(errno, "fork");
  if (child == 0)
    _exit(report_errors(log, [&] {
      stand_apart(input, output, errors);
      return enter_and_execute(enter, command, environment, log);
    }));
  input.writer = Descriptor();
  output.writer = Descriptor();
  errors.writer = Descriptor();
  copy_until_end(output.reader, errors.reader, open_process(child));
  return wait_for_child(child);
}

}  // namespace container_init
