// SPDX-License-Identifier: MIT
// reload: lets a container that runs take up its new configuration.

#include <unistd.h>

#include <string>
#include <string_view>
#include <vector>

#include <fmt/core.h>

#include "common/base/error.h"
#include "common/base/program.h"
#include "common/base/words.h"
#include "common/config/config.h"
#include "common/config/variables.h"
#include "hooks/machined.h"
#include "hooks/reload/service_manager.h"

using namespace container_init;

namespace {

constexpr std::string_view kUsage =
    "Usage: reload [--dry-run]\n"
    "\n"
    "Runs switch-to-configuration, or RELOAD_COMMAND, in the container INSTANCE.\n"
    "\n"
    "  -n, --dry-run  print the command that would do the same, and do nothing\n"
    "  -h, --help     print this\n"
    "  -V, --version  print the version\n"
    "\n"
    "Exit status: that of the command; 64 usage, 69 the service manager of the\n"
    "container does not answer, 71 system, 78 configuration.\n"
    "\n"
    "Variables, see container.conf(5):\n";

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

int reload_system(const Config& config, const Options& options, const Log& log) {
  const auto command = command_inside(config);
  if (command.empty()) return 0;
  if (options.dry_run) {
    print_command(config.instance, command);
    return 0;
  }
  require_service_manager(config.instance, std::string(hint_for(config)));
  return run_under_service_manager(config.instance, command, log);
}

int run(const Options& options, const Log& log) {
  const Config config = parse_config(Environment(environ));
  if (!is_registered(config.instance))
    throw Error(Exit::system, fmt::format("systemd-machined knows no container {}: is it running?",
                                          config.instance));
  return reload_system(config, options, log);
}

}  // namespace

int main(int argc, char** argv) {
  return run_program({.name = "reload",
                      .usage = kUsage,
                      .variables = [] { return list_variables(kReload); },
                      .run = run},
                     argc, argv);
}
