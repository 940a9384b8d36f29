// SPDX-License-Identifier: MIT
#include "hooks/start/waiter.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/core.h>

#include "common/base/descriptor.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/notify.h"
#include "common/base/program.h"
#include "common/base/stop_signal.h"
#include "common/config/text_values.h"
#include "common/network/lookup.h"
#include "common/network/plan.h"
#include "common/network/rtnetlink.h"
#include "hooks/host_end.h"
#include "hooks/network_status.h"
#include "hooks/pidfd.h"
#include "hooks/process.h"
#include "hooks/start/control_group.h"
#include "hooks/start/hold.h"
#include "hooks/start/nspawn_message.h"
#include "hooks/start/nspawn_process.h"
#include "hooks/start/stop_guard.h"

namespace container_init {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// What the waiter is left with.
struct Waiter {
  const Config& config;
  const Programs& programs;
  const NotifySocket& socket;
  const Log& log;
  NspawnProcess nspawn;
  Descriptor wake;  // epoll(7): systemd-nspawn has ended or says something, or PID 1 has ended
  LinkNames links = names_of(make_host_plan(config.network));  // that it waits for
  Rtnetlink rtnetlink{};
  LinkEvents events{links};
  std::optional<Hold> hold{};  // of systemd-nspawn
};

// An empty name is the default.
int number_of_signal(const std::string& name) {
  return name.empty() ? kStopSignal : std::get<int>(parse_signal(name));
}

// This process keeps its number when it becomes systemd-nspawn.
NspawnProcess this_as_nspawn(const Config& config, const Programs& programs) {
  return {.process = getpid(),
          .pidfd = open_process(getpid()),
          .container_init = identify(programs.container_init),
          .kill_signal = number_of_signal(config.kill_signal)};
}

void wake_by(const Descriptor& wake, const Descriptor& source, std::uint32_t how = 0) {
  epoll_event event{};
  event.events = EPOLLIN | how;
  if (epoll_ctl(wake.get(), EPOLL_CTL_ADD, source.get(), &event) != 0)
    throw system_error(errno, "watch systemd-nspawn");
}

Descriptor make_wake(const NspawnProcess& nspawn, const NotifySocket& socket) {
  Descriptor wake = above_standard_streams(Descriptor(epoll_create1(EPOLL_CLOEXEC)));
  if (!wake.is_open()) throw system_error(errno, "watch systemd-nspawn");
  wake_by(wake, nspawn.pidfd);
  if (socket.is_open()) wake_by(wake, socket.receiver());
  return wake;
}

// What is said in the name of systemd-nspawn arrives before its end.
void hold_nspawn(Waiter& waiter) {
  waiter.hold.emplace(waiter.nspawn.process);
  if (waiter.hold->events().is_open()) wake_by(waiter.wake, waiter.hold->events());
}

// Until something happens, or the time is over; -1 for none.
void wait(const Waiter& waiter, int timeout) {
  epoll_event ignored{};
  if (epoll_wait(waiter.wake.get(), &ignored, 1, timeout) < 0 && errno != EINTR)
    throw system_error(errno, "wait for systemd-nspawn");
  if (waiter.hold) waiter.hold->let_run();
}

bool has_ended(const Waiter& waiter) { return ends_within(waiter.nspawn.pidfd, milliseconds{0}); }

bool ends_within(const Waiter& waiter, milliseconds time) {
  const auto deadline = steady_clock::now() + time;
  while (!has_ended(waiter)) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now()).count();
    if (left <= 0) return false;
    wait(waiter, static_cast<int>(left));
  }
  return true;
}

// What systemd-nspawn and its container have said.
class Conversation {
 public:
  explicit Conversation(const Waiter& waiter) : waiter_(waiter) {}

  // Takes what has come. Not all of it at once, which may never end.
  void hear() {
    constexpr int kMost = 64;
    for (int i = 0; i < kMost; ++i) {
      const auto text = waiter_.socket.receive(waiter_.nspawn.process);
      if (!text) return;
      hear(parse_nspawn_message(*text));
    }
  }

  bool is_ready() const { return ready_since_.has_value(); }
  steady_clock::time_point ready_since() const { return *ready_since_; }
  bool is_stopping() const { return stopping_; }
  bool has_failed() const { return failed_; }  // container-init has
  bool has_run() const { return has_run_; }    // the container
  const Leader& leader() const { return leader_; }

  // In the name of systemd-nspawn.
  void say(std::string status, std::string_view before = {}) const {
    notify(waiter_.nspawn.process, std::string(before) + status_line(std::move(status)));
  }

  // Shows a new status of the container, if that is the first in a second. When to call it again.
  std::optional<milliseconds> show_status_of_container() {
    if (status_.empty()) return std::nullopt;
    const auto left = std::chrono::ceil<milliseconds>(next_status_ - steady_clock::now());
    if (left.count() > 0) return left;
    say(fit_status(fmt::format("{}: {}", waiter_.programs.stage2, status_)));
    status_.clear();
    next_status_ = steady_clock::now() + std::chrono::seconds{1};
    return std::nullopt;
  }

 private:
  void hear(const NspawnMessage& message) {
    if (message.leader != 0) {
      has_run_ = true;
      leader_ = open_leader(waiter_.nspawn, message.leader);
      if (leader_.pidfd.is_open()) wake_by(waiter_.wake, leader_.pidfd, EPOLLONESHOT);
    }
    if (message.is_ready && !ready_since_) ready_since_ = steady_clock::now();
    stopping_ = stopping_ || message.is_stopping;
    if (!message.status.empty()) hear_status(message.status);
  }

  // container-init speaks only where it fails, and then the container ends.
  void hear_status(const std::string& status) {
    if (failed_) return;
    failed_ = status.starts_with("container-init: ");
    if (failed_) return say(status);
    status_ = status;
  }

  const Waiter& waiter_;
  Leader leader_;
  bool has_run_ = false;
  std::optional<steady_clock::time_point> ready_since_;
  bool stopping_ = false;
  bool failed_ = false;
  std::string status_;  // of the container, yet to be shown
  steady_clock::time_point next_status_;
};

void configure(Waiter& waiter, const Links& links) {
  try {
    configure_host_end(waiter.rtnetlink, waiter.config.network, links);
    warn_of_redirects(waiter.config.network, links, waiter.log);
  } catch (const Error&) {
    // The links disappear when the container ends. systemd-nspawn itself then says why it ended.
    if (!ends_within(waiter, milliseconds{50})) throw;
  }
}

// Ends without that where systemd-nspawn ends first. When it names PID 1, it has made all links.
void wait_and_configure(Waiter& waiter, Conversation& conversation) {
  while (!conversation.is_stopping() && !has_ended(waiter)) {
    const bool all_made = conversation.has_run();
    const Links links = all_made ? find_links(waiter.rtnetlink, waiter.links)
                                 : wait_for_links(waiter.rtnetlink, waiter.events, waiter.links,
                                                  is_present, waiter.wake.get());
    const LinkNames missing = failing(waiter.links, links, is_present);
    if (missing.empty()) return configure(waiter, links);
    if (all_made)
      throw system_error(ENODEV, "find link " + join(missing),
                         "systemd-nspawn has made all that it makes");
    wait(waiter, 0);
    conversation.hear();
  }
}

// A bridge may be down on purpose, and a link that is gone has gone with the container.
bool is_usable(const Link* link) { return link == nullptr || !link->is_up || link->carrier; }

// What is sent before may be answered only a second later, when the kernel asks again who has the
// address. That it takes long is not the start's failure.
void wait_for_carrier(Waiter& waiter) {
  constexpr std::chrono::seconds kPatience{1};
  wait_for_links(waiter.rtnetlink, waiter.links, kPatience, is_usable, waiter.nspawn.pidfd.get());
}

// A program may have ended before it was seen. container-init has said so, if it could not execute
// it. A systemd-nspawn that does not name PID 1 is believed.
bool is_ready(const Waiter& waiter, const Conversation& conversation) {
  if (!conversation.is_ready() || conversation.has_failed()) return false;
  const Leader& leader = conversation.leader();
  return !conversation.has_run() || conversation.is_stopping() ||
         (leader.process != 0 && executes_own_program(waiter.nspawn, leader));
}

// The first of these times in milliseconds; -1 where there is none.
int first_of(std::initializer_list<std::optional<milliseconds>> times) {
  int first = -1;
  for (const auto& time : times)
    if (time && (first < 0 || time->count() < first)) first = static_cast<int>(time->count());
  return first;
}

std::string reason_of_end(const Waiter& waiter, const Conversation& conversation) {
  return conversation.has_run()
             ? fmt::format("the container has ended before READY=1 of {}", waiter.programs.stage2)
             : "systemd-nspawn did not start the container: see the journal";
}

std::optional<milliseconds> until_next_look(const Conversation& conversation) {
  if (!conversation.is_ready()) return std::nullopt;
  return next_pause(steady_clock::now() - conversation.ready_since());
}

// A program that may end at once, and is no failure then.
bool is_job(const Waiter& waiter) { return !waiter.config.command.empty(); }

// False where systemd-nspawn ends first.
bool wait_until_ready(Waiter& waiter, Conversation& conversation, StopGuard& guard) {
  for (;;) {
    conversation.hear();
    if (conversation.has_run() && !is_job(waiter)) waiter.hold.reset();
    if (is_ready(waiter, conversation)) return true;
    if (conversation.is_stopping() && !conversation.has_failed())
      conversation.say(fit_status(reason_of_end(waiter, conversation)));
    if (conversation.is_stopping() || has_ended(waiter)) return false;
    wait(waiter,
         first_of({guard.look(waiter.nspawn, conversation.leader()), until_next_look(conversation),
                   conversation.show_status_of_container()}));
  }
}

void speak_for_unit(Waiter& waiter, Conversation& conversation) {
  StopGuard guard;
  if (!conversation.is_stopping())
    conversation.say(fit_status(fmt::format("{}waiting for READY=1 of {}",
                                            waiter.links.empty() ? "" : "network is up, ",
                                            waiter.programs.stage2)));
  if (!wait_until_ready(waiter, conversation, guard)) return;
  wait_for_carrier(waiter);
  conversation.say(describe_network(waiter.config), "READY=1\n");
  waiter.socket.close();
  if (conversation.is_stopping()) return;
  while (const auto pause = guard.look(waiter.nspawn, conversation.leader()))
    if (ends_within(waiter, *pause)) return;
}

// The unit then ends as this process does, whatever becomes of systemd-nspawn, and shows the
// status. A stop of the unit comes to this process, which ends systemd-nspawn anyway.
void take_over_unit(const Waiter& waiter, const Error& error) {
  signal(SIGTERM, SIG_IGN);
  notify(waiter.nspawn.process,
         fmt::format("MAINPID={}\n{}", getpid(), status_line(summarize(error))));
}

// systemd-nspawn takes the first SIGTERM to the container, and ends at the second.
void end_nspawn(const Waiter& waiter) {
  for (const milliseconds patience : {milliseconds{200}, milliseconds{3000}}) {
    send_signal(waiter.nspawn.pidfd, SIGTERM);
    if (ends_within(waiter, patience)) return;
  }
  send_signal(waiter.nspawn.pidfd, SIGKILL);
  ends_within(waiter, std::chrono::seconds{1});
}

void wait_for_container(Waiter& waiter) {
  if (waiter.socket.is_open()) hold_nspawn(waiter);
  Conversation conversation(waiter);
  wait_and_configure(waiter, conversation);
  if (waiter.socket.is_open()) speak_for_unit(waiter, conversation);
}

int run_waiter(Waiter& waiter) {
  const int status = report_errors(waiter.log, [&] {
    try {
      wait_for_container(waiter);
    } catch (const Error& error) {
      take_over_unit(waiter, error);
      throw;
    }
    return 0;
  });
  if (status != 0) end_nspawn(waiter);
  return status;
}

// Standard error stays, for the errors. False, with errno, where that cannot be.
bool close_other_descriptors(const Waiter& waiter) {
  const Descriptor null = above_standard_streams(Descriptor(open("/dev/null", O_RDWR | O_CLOEXEC)));
  if (dup2(null.get(), STDIN_FILENO) < 0 || dup2(null.get(), STDOUT_FILENO) < 0) return false;
  std::vector<int> kept = {null.get(), waiter.nspawn.pidfd.get(), waiter.rtnetlink.descriptor(),
                           waiter.events.descriptor(), waiter.wake.get()};
  if (waiter.socket.is_open()) kept.push_back(waiter.socket.receiver().get());
  close_all_but(std::move(kept));
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
    const int status = run_waiter(waiter);
    if (status == 0) remove_subgroup(group.path);
    _exit(status);
  }
  return 0;
}

}  // namespace

void leave_waiter(const Config& config, const Programs& programs, const NotifySocket& socket,
                  const Log& log) {
  NspawnProcess nspawn = this_as_nspawn(config, programs);
  Descriptor wake = make_wake(nspawn, socket);
  Waiter waiter{.config = config,
                .programs = programs,
                .socket = socket,
                .log = log,
                .nspawn = std::move(nspawn),
                .wake = std::move(wake)};
  if (waiter.links.empty() && !socket.is_open()) return;
  const Subgroup group = make_subgroup("waiter");
  const pid_t child = fork();
  if (child == 0) _exit(fork_waiter(waiter, group));
  const int error = child < 0 ? errno : wait_for_child(child);
  if (error != 0)  // from 128 on a signal ended it
    throw system_error(error < 128 ? error : ECHILD,
                       "leave a process that waits for the links of the container");
  if (socket.is_open()) keep_trace_of_stop();
}

}  // namespace container_init
