// SPDX-License-Identifier: MIT
#include "hooks/machined.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "common/base/descriptor.h"
#include "common/base/error.h"
#include "hooks/pidfd.h"
#include "hooks/process.h"
#include "hooks/process_status.h"

namespace container_init {
namespace {

using std::chrono::steady_clock;
constexpr std::chrono::seconds kPatience{10};
constexpr std::chrono::milliseconds kPause{20};

bool is_dead(std::optional<pid_t> leader) {
  return leader && kill(*leader, 0) != 0 && errno == ESRCH;
}

// The systemd-nspawn(1) that is the leader's parent. Not open if another program runs the machine.
Descriptor open_supervisor(std::optional<pid_t> leader) {
  const auto status = leader ? status_of(*leader) : std::nullopt;
  if (!status || status->parent == 0) return Descriptor();
  Descriptor supervisor = open_process(status->parent);
  const auto found = status_of(status->parent);
  return found && found->name == "systemd-nspawn" ? std::move(supervisor) : Descriptor();
}

bool wait_until_unregistered(const std::string& instance) {
  const auto deadline = steady_clock::now() + kPatience;
  while (is_registered(instance)) {
    if (steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(kPause);
  }
  return true;
}

// Runs a command that unregisters the machine, and waits for that; false if it takes too long.
// Error if the command fails and the machine is still registered.
bool unregister_by(const std::vector<std::string>& command, const std::string& instance) {
  const auto done = run_process(command);
  if (done.status == 0) return wait_until_unregistered(instance);
  if (!is_registered(instance)) return true;
  const std::string cause = done.status == kNotInstalled
                                ? "not found in PATH"
                                : fmt::format("exit status {}", done.status);
  throw Error(Exit::system, fmt::format("cannot remove machine {}: {} {}: {}", instance, command[0],
                                        command[1], cause));
}

// systemd-nspawn locks the root until it ends, which is after the machine is unregistered.
void wait_for_nspawn(const Descriptor& supervisor, const std::string& instance) {
  if (supervisor.is_open() && !ends_within(supervisor, kPatience))
    throw Error(Exit::timeout, fmt::format("systemd-nspawn of machine {} still runs after {} s",
                                           instance, kPatience.count()));
}

// machined stops the unit of the machine, which fails for the unit that is starting here. That is
// no error where the machine's leader is dead, but machined was too busy to say so or to notice.
bool terminate(const std::string& instance) {
  try {
    return unregister_by({"machinectl", "terminate", "--", instance}, instance);
  } catch (const Error&) {
    if (!is_dead(ask_for_leader(instance)) && is_registered(instance)) throw;
    return false;
  }
}

}  // namespace

bool is_registered(const std::string& instance) {
  return access(("/run/systemd/machines/" + instance).c_str(), F_OK) == 0;
}

std::optional<pid_t> ask_for_leader(const std::string& instance) {
  const auto shown =
      run_process({"machinectl", "show", "--property=Leader", "--value", "--", instance});
  const std::string& text = shown.output;
  pid_t leader = 0;
  std::from_chars(text.data(), text.data() + text.size(), leader);
  if (shown.status != 0 || leader <= 0) return std::nullopt;
  return leader;
}

void remove_machine(const std::string& instance, const Log& log) {
  auto leader = ask_for_leader(instance);
  if (!is_dead(leader) && is_registered(instance)) {
    log.notice(fmt::format("terminating machine {}, which is still running", instance));
    const Descriptor supervisor = open_supervisor(leader);
    if (terminate(instance)) return wait_for_nspawn(supervisor, instance);
    leader = ask_for_leader(instance);
  }
  if (is_dead(leader)) {
    log.notice(fmt::format("unregistering machine {}, which has ended", instance));
    // machinectl has no verb for it.
    if (unregister_by(
            {"busctl", "call", "--quiet", "org.freedesktop.machine1", "/org/freedesktop/machine1",
             "org.freedesktop.machine1.Manager", "UnregisterMachine", "s", instance},
            instance))
      return;
  }
  if (is_registered(instance))
    throw Error(Exit::timeout,
                fmt::format("machine {} is still registered after {} s, see machinectl status {}",
                            instance, kPatience.count(), instance));
}

}  // namespace container_init
