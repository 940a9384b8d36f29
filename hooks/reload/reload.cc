// reload: runs the command that makes a container take up its new configuration.

#include <unistd.h>

#include <string>
#include <string_view>
#include <vector>

#include <fmt/core.h>

#include "common/base/error.h"
#include "common/base/exec.h"
#include "common/base/program.h"
#include "common/base/words.h"
#include "common/config/config.h"
#include "hooks/machined.h"
#include "hooks/reload/container_entry.h"
#include "hooks/reload/relay.h"

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
    "Variables, see container.conf(5): INSTANCE, SYSTEM_PATH, RELOAD_COMMAND.\n"
    "\n"
    "Exit status: that of the command; 64 usage, 71 system, 78 configuration, 126 the\n"
    "command cannot be executed, 127 it does not exist in the container.\n";

// As at a login, on NixOS and elsewhere.
std::vector<std::string> login_environment() {
  constexpr std::string_view kPath =
      "/run/wrappers/bin:/run/current-system/sw/bin:"
      "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  return {"HOME=/root", "USER=root", "LOGNAME=root", "SHELL=/bin/sh",
          fmt::format("PATH={}", kPath)};
}

pid_t require_leader(const std::string& instance) {
  if (find_program("machinectl").empty())
    throw Error(Exit::system,
                "cannot find machinectl in PATH: Debian and Fedora have it in the package "
                "systemd-container");
  if (is_registered(instance))
    if (const auto leader = ask_for_leader(instance)) return *leader;
  throw Error(Exit::system,
              fmt::format("systemd-machined knows no container {}: is it running?", instance));
}

void print_command(pid_t leader, const std::vector<std::string>& command) {
  std::string text = fmt::format("nsenter --all --target {} --wd=/ env -i", leader);
  for (const std::string& assignment : login_environment()) text += ' ' + shell_quote(assignment);
  for (const std::string& word : command) text += ' ' + shell_quote(word);
  print(text + '\n');
}

int run(const Options& options, const Log& log) {
  const Reload reload = parse_reload(Environment(environ));
  if (!options.dry_run) continue_in_sealed_copy("reload");
  const pid_t leader = require_leader(reload.instance);
  if (options.dry_run) {
    print_command(leader, reload.command);
    return 0;
  }
  return run_relayed(reload.command, login_environment(), log,
                     [leader] { enter_container(leader); });
}

}  // namespace

int main(int argc, char** argv) {
  return run_program({.name = "reload", .usage = kUsage, .run = run}, argc, argv);
}
