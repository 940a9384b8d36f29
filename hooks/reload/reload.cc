// SPDX-License-Identifier: MIT
// reload: lets a container that runs take up its new configuration.

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/core.h>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/notify.h"
#include "common/base/program.h"
#include "common/base/words.h"
#include "common/config/config.h"
#include "common/config/variables.h"
#include "hooks/machined.h"
#include "hooks/network_status.h"
#include "hooks/pidfd.h"
#include "hooks/process.h"
#include "hooks/reload/container_process.h"
#include "hooks/reload/network_change.h"
#include "hooks/reload/service_manager.h"
#include "hooks/running_containers.h"

using namespace container_init;

namespace {

constexpr std::string_view kUsage =
    "Usage: reload [--dry-run]\n"
    "\n"
    "Checks the configuration of the container INSTANCE, which runs, and changes its\n"
    "network to it. Then runs switch-to-configuration, or RELOAD_COMMAND, in the\n"
    "container, or sends RELOAD_SIGNAL to the program of COMMAND.\n"
    "\n"
    "  -n, --dry-run  print the commands that would do the same, and do nothing\n"
    "  -h, --help     print this\n"
    "  -V, --version  print the version\n"
    "\n"
    "Exit status: that of the command in the container; 0 done, or nothing to do;\n"
    "64 usage, 69 the service manager of the container does not answer, 71 system,\n"
    "78 configuration.\n"
    "\n"
    "Checks all variables of container.conf(5), and acts on these:\n";

// What start would refuse. It says so itself.
void check_next_start() {
  const std::string self = read_link("/proc/self/exe").value_or(std::string{});
  const std::string start = parent_directory(self) + "/start";
  const int status = run_process({start, "--dry-run"}).status;
  if (status == kNotInstalled) throw Error(Exit::not_found, "cannot find " + start);
  if (status != 0) throw Error(static_cast<Exit>(status), std::vector<std::string>{});
}

// Whether reload makes a change of the variable take effect. What makes, removes or renames a link
// waits, and so does a MAC address that systemd-nspawn is to choose.
bool acts_on(const Variable& variable, const Network& network, const Network& wanted) {
  if (variable.name == "EXTRA_VETHS")
    return std::ranges::is_permutation(network.extra_pairs, wanted.extra_pairs);
  if (!variable.has(kMainPair)) return variable.has(kReload);
  if (!network.pair || !wanted.pair || network.pair->host_link != wanted.pair->host_link)
    return false;
  return variable.name != "LOCAL_MAC_ADDRESS" || network.pair == wanted.pair;
}

// "TMPFS, CAPABILITIES": what has another value than at the start, and waits for the next one.
std::string waiting_variables(const RunningContainer& container, const Environment& environment,
                              const Network& network, const Network& wanted) {
  const std::vector<std::string_view> views(container.variables.begin(), container.variables.end());
  const Environment started(views);
  std::string names;
  for (const Variable& known : kVariables)
    if (environment.get(known.name) != started.get(known.name) && !acts_on(known, network, wanted))
      names += fmt::format("{}{}", names.empty() ? "" : ", ", known.name);
  return names;
}

// In the name of systemd-nspawn, the main process of the unit, which has closed its own socket.
void set_status(const RunningContainer& container, const std::string& text) {
  constexpr std::string_view kSocket = "NOTIFY_SOCKET=";
  for (const std::string& variable : container.variables)
    if (variable.starts_with(kSocket)) {
      setenv("NOTIFY_SOCKET", variable.c_str() + kSocket.size(), 1);
      notify(container.nspawn, status_line(text));
      unsetenv("NOTIFY_SOCKET");
    }
}

void report(const RunningContainer& container, Config config, const Network& network,
            const std::string& waiting, const Log& log) {
  if (!waiting.empty()) log.notice("the next start applies what has changed in " + waiting);
  config.network = network;
  set_status(container,
             (waiting.empty() ? "" : "next start: " + waiting + "; ") + describe_network(config));
}

// Whether the container runs a NixOS whose SYSTEM_PATH is not set, as start decides it.
bool is_default_nixos(const Config& config) {
  return config.stage2.empty() && config.command.empty() && access("/nix/store", F_OK) == 0;
}

// RELOAD_COMMAND, or what lets a NixOS switch to its new system; empty where there is neither.
std::vector<std::string> command_inside(const Config& config) {
  if (!config.reload_command.empty()) return config.reload_command;
  std::string system = config.system_path;
  if (system.empty() && is_default_nixos(config)) system = kNixosSystem;
  if (system.empty()) return {};
  return {system + "/bin/switch-to-configuration", "test"};
}

std::string_view hint_for(const Config& config) {
  return config.command.empty()
             ? "it must be systemd, with the system bus of D-Bus; systemctl restart applies "
               "everything"
             : "the container runs one program; RELOAD_SIGNAL sends that a signal";
}

void print_command(const std::string& instance, const std::vector<std::string>& command) {
  std::string text;
  for (const std::string& word : systemd_run_command(instance, "container-reload", command))
    text += (text.empty() ? "" : " ") + shell_quote(word);
  print(text + '\n');
}

// systemd-run(1) asks systemd-machined for the machine by its name, which a container that is not
// registered leaves to others.
void check_machine(const RunningContainer& container) {
  if (ask_for_leader(container.instance) != open_init(container).process)
    throw Error(Exit::unavailable,
                fmt::format("machine {0} of systemd-machined is not container {0}: see machinectl "
                            "status {0}",
                            container.instance));
}

int run_command_inside(const Config& config, const RunningContainer& container, bool dry_run,
                       const Log& log) {
  const auto command = command_inside(config);
  if (command.empty()) return 0;
  if (dry_run) {
    print_command(config.instance, command);
    return 0;
  }
  require_service_manager(config.instance, std::string(hint_for(config)));
  check_machine(container);
  return run_under_service_manager(config.instance, command, log);
}

void signal_program(const Config& config, const RunningContainer& container, bool dry_run) {
  if (config.reload_signal == 0) return;
  const ContainerProcess program = open_program(container);
  if (dry_run) return print(fmt::format("kill -{} {}\n", config.reload_signal, program.process));
  send_signal(program.pidfd, config.reload_signal);
}

RunningContainer require_running(const std::string& instance) {
  auto container = find_running(instance);
  if (!container)
    throw Error(Exit::system,
                fmt::format("container {} does not run, or was started before an upgrade, and can "
                            "be reloaded after its next start",
                            instance));
  return *std::move(container);
}

int run(const Options& options, const Log& log) {
  const Environment environment(environ);
  const Config config = parse_config(environment);
  check_next_start();
  const RunningContainer container = require_running(config.instance);
  const NetworkChange change = make_network_change(container, config.network);
  const std::string waiting =
      waiting_variables(container, environment, change.network, config.network);
  if (options.dry_run) {
    print(change_commands(container, change));
    if (!waiting.empty()) print("# at the next start: " + waiting + "\n");
  } else {
    change_network(container, change);
    report(container, config, change.network, waiting, log);
  }
  signal_program(config, container, options.dry_run);
  return run_command_inside(config, container, options.dry_run, log);
}

}  // namespace

int main(int argc, char** argv) {
  return run_program({.name = "reload",
                      .usage = kUsage,
                      .variables = [] { return list_variables(kReload); },
                      .run = run},
                     argc, argv);
}
