// SPDX-License-Identifier: MIT
// reload: runs the command that makes a container take up its new configuration.

#include <syslog.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/core.h>

#include "common/base/descriptor.h"
#include "common/base/error.h"
#include "common/base/program.h"
#include "common/base/words.h"
#include "common/config/config.h"
#include "common/config/variables.h"
#include "hooks/journal.h"
#include "hooks/reload/container_entry.h"
#include "hooks/reload/leader.h"
#include "hooks/reload/relay.h"
#include "hooks/reload/sealed_copy.h"

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
    "Exit status: that of the command; 64 usage, 71 system, 78 configuration, 126 the\n"
    "command cannot be executed, 127 it does not exist in the container.\n"
    "\n"
    "Variables, see container.conf(5):\n";

// What this program and machinectl(1) read; the last is for builds with sanitizers.
constexpr std::array<const char*, 6> kVariables = {"INSTANCE", "SYSTEM_PATH",    "RELOAD_COMMAND",
                                                   "PATH",     "JOURNAL_STREAM", "ASAN_OPTIONS"};

// As at a login, on NixOS and elsewhere.
std::vector<std::string> login_environment() {
  constexpr std::string_view kPath =
      "/run/wrappers/bin:/run/current-system/sw/bin:"
      "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  return {"HOME=/root", "USER=root", "LOGNAME=root", "SHELL=/bin/sh",
          fmt::format("PATH={}", kPath)};
}

void print_command(pid_t leader, const std::vector<std::string>& command) {
  std::string text = fmt::format("nsenter --all --target {} --wd=/ env -i", leader);
  for (const std::string& assignment : login_environment()) text += ' ' + shell_quote(assignment);
  for (const std::string& word : command) text += ' ' + shell_quote(word);
  print(text + '\n');
}

void require_command(const Reload& reload, pid_t leader) {
  if (reload.is_default && has_no_file(leader, reload.command.front()))
    throw Error(Exit::config,
                fmt::format("RELOAD_COMMAND is not set, and container {} has no {}: set it to the "
                            "command that applies a new configuration there",
                            reload.instance, reload.command.front()));
}

// Lines of the container may begin with what the journal would take for a level.
class ContainerStreams {
 public:
  explicit ContainerStreams(const std::string& instance) {
    if (!is_journal(STDOUT_FILENO) && !is_journal(STDERR_FILENO)) return;
    journal_ = open_journal_stream("container " + instance, LOG_INFO);
    if (!journal_.is_open()) throw Error(Exit::system, "cannot find the journal");
  }

  Streams get() const { return {.output = at(STDOUT_FILENO), .errors = at(STDERR_FILENO)}; }

 private:
  int at(int stream) const { return is_journal(stream) ? journal_.get() : stream; }

  Descriptor journal_;
};

int run(const Options& options, const Log& log) {
  const Reload reload = parse_reload(Environment(environ));
  if (!options.dry_run) continue_in_sealed_copy("reload", kVariables);
  const pid_t leader = require_leader(reload.instance);
  require_command(reload, leader);
  if (options.dry_run) {
    print_command(leader, reload.command);
    return 0;
  }
  const ContainerStreams streams(reload.instance);
  return run_relayed(reload.command, login_environment(), log, streams.get(),
                     [leader] { enter_container(leader); });
}

}  // namespace

int main(int argc, char** argv) {
  return run_program({.name = "reload",
                      .usage = kUsage,
                      .variables = [] { return list_variables(kReload); },
                      .run = run},
                     argc, argv);
}
