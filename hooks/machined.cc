#include "hooks/machined.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <thread>

#include "common/error.h"
#include "common/format.h"
#include "hooks/process.h"

namespace container_init {
namespace {

using std::chrono::steady_clock;
constexpr std::chrono::seconds kPatience{10};
constexpr std::chrono::milliseconds kPause{20};

// 0 where machined does not tell.
pid_t leader_of(const std::string& instance) {
  const auto shown =
      run_process({"machinectl", "show", "--property=Leader", "--value", "--", instance});
  pid_t leader = 0;
  std::from_chars(shown.output.data(), shown.output.data() + shown.output.size(), leader);
  return leader;
}

bool is_alive(pid_t process) { return process > 0 && (kill(process, 0) == 0 || errno != ESRCH); }

bool wait_until_forgotten(const std::string& instance, std::chrono::seconds patience) {
  const auto deadline = steady_clock::now() + patience;
  while (is_registered(instance)) {
    if (steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(kPause);
  }
  return true;
}

// machinectl has no verb for it.
void unregister(const std::string& instance) {
  run_process({"busctl", "call", "--quiet", "org.freedesktop.machine1", "/org/freedesktop/machine1",
               "org.freedesktop.machine1.Manager", "UnregisterMachine", "s", instance});
}

}  // namespace

bool is_registered(const std::string& instance) {
  return access(("/run/systemd/machines/" + instance).c_str(), F_OK) == 0;
}

void remove_machine(const std::string& instance, const Log& log) {
  const pid_t leader = leader_of(instance);
  if (is_alive(leader)) {
    log.notice(format("terminating machine {}, which is still running", instance));
    run_process({"machinectl", "terminate", "--", instance});
    if (wait_until_forgotten(instance, kPatience)) return;
  }
  if (!is_alive(leader)) {
    log.notice(format("unregistering machine {}, which has ended", instance));
    unregister(instance);
    if (wait_until_forgotten(instance, kPatience)) return;
  }
  throw Error(Exit::timeout,
              format("machine {} is still registered after {} s: see machinectl status {}",
                     instance, kPatience.count(), instance));
}

}  // namespace container_init
