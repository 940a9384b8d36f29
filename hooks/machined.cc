#include "hooks/machined.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <fmt/core.h>

#include "common/error.h"
#include "hooks/process.h"

namespace container_init {
namespace {

using std::chrono::steady_clock;
constexpr std::chrono::seconds kPatience{10};
constexpr std::chrono::milliseconds kPause{20};

enum class Leader { unknown, alive, dead };

Leader leader_state(const std::string& instance) {
  const auto leader = find_leader(instance);
  if (!leader) return Leader::unknown;
  return kill(*leader, 0) == 0 || errno != ESRCH ? Leader::alive : Leader::dead;
}

bool wait_until_forgotten(const std::string& instance) {
  const auto deadline = steady_clock::now() + kPatience;
  while (is_registered(instance)) {
    if (steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(kPause);
  }
  return true;
}

// Runs the command, which is to make machined forget the machine, and waits until it has. Error
// where the command failed, and the machine is still known.
bool forget_by(const std::vector<std::string>& command, const std::string& instance) {
  const auto done = run_process(command);
  if (done.status == 0) return wait_until_forgotten(instance);
  if (!is_registered(instance)) return true;
  const std::string cause = done.status == kNotInstalled
                                ? "not found in PATH"
                                : fmt::format("exit status {}", done.status);
  throw Error(Exit::system, fmt::format("cannot remove machine {}: {} {}: {}", instance, command[0],
                                        command[1], cause));
}

}  // namespace

bool is_registered(const std::string& instance) {
  return access(("/run/systemd/machines/" + instance).c_str(), F_OK) == 0;
}

std::optional<pid_t> find_leader(const std::string& instance) {
  const auto shown =
      run_process({"machinectl", "show", "--property=Leader", "--value", "--", instance});
  const std::string& text = shown.output;
  pid_t leader = 0;
  std::from_chars(text.data(), text.data() + text.size(), leader);
  if (shown.status != 0 || leader <= 0) return std::nullopt;
  return leader;
}

void remove_machine(const std::string& instance, const Log& log) {
  Leader leader = leader_state(instance);
  if (leader != Leader::dead && is_registered(instance)) {
    log.notice(fmt::format("terminating machine {}, which is still running", instance));
    if (forget_by({"machinectl", "terminate", "--", instance}, instance)) return;
    leader = leader_state(instance);
  }
  if (leader == Leader::dead) {
    log.notice(fmt::format("unregistering machine {}, which has ended", instance));
    // machinectl has no verb for it.
    if (forget_by(
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
