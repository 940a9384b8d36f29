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
#include "hooks/pidfd.h"
#include "hooks/process.h"
#include "hooks/start/control_group.h"
#include "hooks/start/stop_guard.h"

namespace container_init {
namespace {

// What the waiter has from us.
struct Waiter {
  const Network& network;
  const Log& log;
  Nspawn nspawn;
  bool guards_stop = can_guard_stop();
  Rtnetlink rtnetlink{};
  LinkEvents events{};
};

// Also the default.
bool is_stop_signal(const std::string& name) {
  return name.empty() || name == "SIGRTMIN+3" || name == "RTMIN+3" ||
         name == std::to_string(kStopSignal);
}

// We, after execve(2).
Nspawn make_nspawn(const Config& config, const std::string& container_init) {
  return {.process = getpid(),
          .end = open_process(getpid()),
          .container_init = container_init,
          .sends_stop_signal = is_stop_signal(config.kill_signal)};
}

void configure(Waiter& waiter) {
  const LinkNames names = names_of(make_host_plan(waiter.network));
  const Links links =
      wait_for_links(waiter.rtnetlink, waiter.events, names, is_present, waiter.nspawn.end.get());
  if (!failing(names, links, is_present).empty()) return;
  try {
    configure_host_end(waiter.rtnetlink, waiter.network, links);
  } catch (const Error&) {
    // With the container go its links; that it ended, and why, is for systemd-nspawn to say.
    if (!ends_within(waiter.nspawn.end, std::chrono::milliseconds{50})) throw;
  }
}

// systemd-nspawn takes the first SIGTERM to the container, and ends at the second.
void end_nspawn(const Descriptor& nspawn_end) {
  using std::chrono::milliseconds;
  for (const milliseconds patience : {milliseconds{200}, milliseconds{3000}}) {
    send_signal(nspawn_end, SIGTERM);
    if (ends_within(nspawn_end, patience)) return;
  }
  send_signal(nspawn_end, SIGKILL);
}

void wait_and_configure(Waiter& waiter) {
  const int status = report_errors(waiter.log, [&] {
    configure(waiter);
    if (waiter.guards_stop) repeat_lost_stop(waiter.nspawn);
    return 0;
  });
  if (status != 0) end_nspawn(waiter.nspawn.end);
}

// Standard error stays, for the errors. False, with errno, where that cannot be.
bool let_go_of_descriptors(const Waiter& waiter) {
  const Descriptor null = above_standard_streams(Descriptor(open("/dev/null", O_RDWR | O_CLOEXEC)));
  if (dup2(null.get(), STDIN_FILENO) < 0 || dup2(null.get(), STDOUT_FILENO) < 0) return false;
  close_all_but({null.get(), waiter.nspawn.end.get(), waiter.rtnetlink.descriptor(),
                 waiter.events.descriptor()});
  return true;
}

// Forks a second time: the waiter becomes a child of the service manager, as systemd-nspawn would
// count one of its own parent's with its own. Gives errno, 0 where all went well.
int fork_waiter(Waiter& waiter, const Descriptor& control_group) {
  if (control_group.is_open() && !write_all(control_group.get(), "0")) return errno;
  if (!let_go_of_descriptors(waiter)) return errno;
  const pid_t child = fork();
  if (child < 0) return errno;
  if (child == 0) wait_and_configure(waiter);
  return 0;
}

}  // namespace

void leave_waiter(const Config& config, const std::string& container_init, const Log& log) {
  Waiter waiter{
      .network = config.network, .log = log, .nspawn = make_nspawn(config, container_init)};
  if (make_host_plan(config.network).empty() && !waiter.guards_stop) return;
  const Descriptor control_group = open_subgroup("waiter");
  const pid_t child = fork();
  if (child == 0) _exit(fork_waiter(waiter, control_group));
  const int error = child < 0 ? errno : wait_for_end(child);
  if (error != 0)  // from 128 on a signal ended it
    throw system_error(error < 128 ? error : ECHILD,
                       "leave a process that waits for the links of the container");
  if (waiter.guards_stop) keep_trace_of_stop();
}

}  // namespace container_init
