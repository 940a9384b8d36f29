// SPDX-License-Identifier: MIT
#include "hooks/start/waiter.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>

#include "common/base/descriptor.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/program.h"
#include "common/base/stop_signal.h"
#include "common/network/lookup.h"
#include "common/network/plan.h"
#include "common/network/rtnetlink.h"
#include "hooks/host_end.h"
#include "hooks/notify.h"
#include "hooks/pidfd.h"
#include "hooks/process.h"
#include "hooks/start/control_group.h"
#include "hooks/start/nspawn_process.h"
#include "hooks/start/stop_guard.h"
#include "hooks/unix_export.h"

namespace container_init {
namespace {

// What the waiter is left with.
struct Waiter {
  const std::string& instance;
  const Network& network;
  const Log& log;
  const BoundProgram& program;
  NspawnProcess nspawn;
  LinkNames links = names_of(make_host_plan(network));  // that it waits for
  bool guards_stop = can_guard_stop();
  Rtnetlink rtnetlink{};
  LinkEvents events{links};
};

// An empty name is the default, which is that signal.
bool is_stop_signal(const std::string& name) {
  return name.empty() || name == "SIGRTMIN+3" || name == "RTMIN+3" ||
         name == std::to_string(kStopSignal);
}

// This process keeps its number when it becomes systemd-nspawn.
NspawnProcess this_as_nspawn(const Config& config, const BoundProgram& program) {
  return {.process = getpid(),
          .pidfd = open_process(getpid()),
          .container_init = identify(program.path),
          .sends_stop_signal = is_stop_signal(config.kill_signal)};
}

void configure(Waiter& waiter) {
  const Links links = wait_for_links(waiter.rtnetlink, waiter.events, waiter.links, is_present,
                                     waiter.nspawn.pidfd.get());
  if (!failing(waiter.links, links, is_present).empty()) return;
  try {
    configure_host_end(waiter.rtnetlink, waiter.network, links);
  } catch (const Error&) {
    // The links disappear when the container ends. systemd-nspawn itself then says why it ended.
    if (!ends_within(waiter.nspawn.pidfd, std::chrono::milliseconds{50})) throw;
  }
}

// systemd-nspawn takes the first SIGTERM to the container, and ends at the second.
void end_nspawn(const Descriptor& nspawn) {
  using std::chrono::milliseconds;
  for (const milliseconds patience : {milliseconds{200}, milliseconds{3000}}) {
    send_signal(nspawn, SIGTERM);
    if (ends_within(nspawn, patience)) return;
  }
  send_signal(nspawn, SIGKILL);
  ends_within(nspawn, std::chrono::seconds{1});
}

// What systemd-nspawn leaves when it is killed. pre-start would remove it, but after the last
// attempt it does not run.
int remove_unix_exports(const std::string& instance) {
  for (const std::string& path : find_unix_exports(instance)) unmount_unix_export(path);
  return 0;
}

// systemd-nspawn makes the links after all binds. Where there is none, PID 1 shows that it is done.
void remove_copy(const Waiter& waiter) {
  if (!waiter.program.is_copy) return;
  if (waiter.links.empty()) wait_for_init(waiter.nspawn);
  unlink(waiter.program.path.c_str());
}

// A failure is the unit's: it ends with our status and shows our reason. systemd-nspawn, as its
// main process, would replace that with one of its own when it ends.
int wait_and_configure(Waiter& waiter) {
  const int status = report_errors(waiter.log, [&] {
    try {
      configure(waiter);
      remove_copy(waiter);
      if (waiter.guards_stop) repeat_lost_stop(waiter.nspawn);
    } catch (const Error& error) {
      // Where post-start has failed too, systemd stops the main process, which this one becomes.
      signal(SIGTERM, SIG_IGN);
      take_over_unit(waiter.nspawn.process, summarize(error));
      throw;
    }
    return 0;
  });
  if (status == 0) return status;
  end_nspawn(waiter.nspawn.pidfd);
  if (waiter.program.is_copy) unlink(waiter.program.path.c_str());
  report_errors(waiter.log, [&] { return remove_unix_exports(waiter.instance); });
  return status;
}

// Standard error stays, for the errors. False, with errno, where that cannot be.
bool close_other_descriptors(const Waiter& waiter) {
  const Descriptor null = above_standard_streams(Descriptor(open("/dev/null", O_RDWR | O_CLOEXEC)));
  if (dup2(null.get(), STDIN_FILENO) < 0 || dup2(null.get(), STDOUT_FILENO) < 0) return false;
  close_all_but({null.get(), waiter.nspawn.pidfd.get(), waiter.rtnetlink.descriptor(),
                 waiter.events.descriptor()});
  return true;
}

// Forks a second time, so that the waiter becomes a child of the service manager: systemd-nspawn
// would take one of its own for a process of the container. Gives errno, 0 where all went well.
int fork_waiter(Waiter& waiter, const Subgroup& group) {
  if (group.processes.is_open() && !write_all(group.processes.get(), "0")) return errno;
  if (!close_other_descriptors(waiter)) return errno;
  const pid_t child = fork();
  if (child < 0) return errno;
  if (child == 0) {
    const int status = wait_and_configure(waiter);
    if (status == 0) remove_subgroup(group.path);
    _exit(status);
  }
  return 0;
}

}  // namespace

void leave_waiter(const Config& config, const BoundProgram& program, const Log& log) {
  Waiter waiter{.instance = config.instance,
                .network = config.network,
                .log = log,
                .program = program,
                .nspawn = this_as_nspawn(config, program)};
  if (waiter.links.empty() && !program.is_copy && !waiter.guards_stop) return;
  const Subgroup group = make_subgroup("waiter");
  const pid_t child = fork();
  if (child == 0) _exit(fork_waiter(waiter, group));
  const int error = child < 0 ? errno : wait_for_child(child);
  if (error != 0)  // from 128 on a signal ended it
    throw system_error(error < 128 ? error : ECHILD,
                       "leave a process that waits for the links of the container");
  if (waiter.guards_stop) keep_trace_of_stop();
}

}  // namespace container_init
