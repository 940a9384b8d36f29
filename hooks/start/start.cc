// SPDX-License-Identifier: MIT
// start: prepares the root directory of a container and becomes systemd-nspawn.

#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "common/base/error.h"
#include "common/base/exec.h"
#include "common/base/file.h"
#include "common/base/notify.h"
#include "common/base/program.h"
#include "common/base/words.h"
#include "common/config/config.h"
#include "common/config/variables.h"
#include "common/network/lookup.h"
#include "common/network/plan.h"
#include "common/network/rtnetlink.h"
#include "hooks/requirements.h"
#include "hooks/running_containers.h"
#include "hooks/start/nix.h"
#include "hooks/start/notify_socket.h"
#include "hooks/start/nspawn.h"
#include "hooks/start/preparation.h"
#include "hooks/start/root.h"
#include "hooks/start/root_checks.h"
#include "hooks/start/waiter.h"

using namespace container_init;

namespace {

constexpr std::string_view kUsage =
    "Usage: start [--dry-run]\n"
    "\n"
    "Prepares the root directory of the container INSTANCE and executes\n"
    "systemd-nspawn. A process that it leaves behind configures the host's end of the\n"
    "links when they appear, as post-start does, and tells the service manager that\n"
    "the container is ready.\n"
    "\n"
    "  -n, --dry-run  print the commands that would do the same, and do nothing\n"
    "  -h, --help     print this\n"
    "  -V, --version  print the version\n"
    "\n"
    "Exit status: that of systemd-nspawn; 64 usage, 71 system, 78 configuration,\n"
    "126 systemd-nspawn cannot be executed, 127 it is not installed.\n"
    "\n"
    "Checks all variables of container.conf(5), and acts on these; INSTANCE and root\n"
    "are required:\n";

std::string directory_of_this_program() {
  const auto self = read_link("/proc/self/exe");
  if (!self) throw system_error(errno, "read /proc/self/exe");
  return self->substr(0, self->rfind('/'));
}

std::string find_nspawn() {
  std::string found = find_program("systemd-nspawn");
  if (found.empty())
    throw Error(Exit::not_found,
                "cannot find systemd-nspawn in PATH: Debian and Fedora have it in the package "
                "systemd-container");
  return found;
}

std::string find_container_init() {
  std::string found = directory_of_this_program() + "/container-init";
  if (access(found.c_str(), X_OK) != 0)
    throw system_error(errno, "find " + found, "it belongs beside start", Exit::not_found);
  return found;
}

void require_root(const Config& config) {
  if (config.root.empty())
    throw Error(Exit::config,
                "root is not set; wanted: the path of the container's root directory");
}

// One argument a line.
std::string as_shell_command(const std::vector<std::string>& command) {
  std::string text;
  for (const std::string& word : command)
    text += (text.empty() ? "" : " \\\n  ") + shell_quote(word);
  return text + '\n';
}

// What is known before anything is changed.
struct Start {
  const Environment& environment;
  const Config& config;
  std::string nspawn;
  std::string container_init;
  std::optional<Root> root{};  // as it is; nothing where it is yet to be made
  Nix nix{};
  std::string reason_against_journal_link{};
  bool opens_all_families = false;
};

std::vector<std::string> nspawn_command(const Start& start, const Nix& nix) {
  return make_nspawn_command(start.config, start.environment, nix,
                             {.container_init = start.container_init,
                              .links_journal = start.reason_against_journal_link.empty(),
                              .opens_all_families = start.opens_all_families});
}

// What pre-start does, which a start by its unit begins with.
void check_links(const Config& config) {
  Rtnetlink rtnetlink;
  const LinkNames own = host_links(config.network);
  LinkNames all = names_of(required_links(config));
  all.insert(own.begin(), own.end());
  check_host(rtnetlink, config, own, find_links(rtnetlink, all));
}

Start check_all(const Environment& environment, const Config& config, bool is_dry_run) {
  require_root(config);
  Start start{.environment = environment,
              .config = config,
              .nspawn = find_nspawn(),
              .container_init = find_container_init(),
              .root = open_root(config)};
  Checks checks;
  if (is_dry_run) checks.run([&] { check_links(config); });
  if (start.root) checks.run([&] { refuse_traps(config, *start.root); });
  start.nix = look_at_nix(config);
  start.opens_all_families = opens_all_families(config, start.nspawn);
  checks.run([&] {
    require_system(config, start.root, stage2_command(config, start.nix).front(),
                   nspawn_command(start, start.nix));
  });
  checks.end();
  if (start.root) start.reason_against_journal_link = reason_against_journal_link(*start.root);
  return start;
}

void print_all(const Start& start) {
  print(preparation_commands(start.config, start.root, start.nix));
  print(record_commands(start.config, start.environment));
  print("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 " + as_shell_command(nspawn_command(start, start.nix)));
  const Plan plan = make_host_plan(start.config.network);
  if (!plan.empty()) print("# when systemd-nspawn has made the links:\n");
  print(ip_commands(plan));
}

std::vector<std::string> prepare_all(const Start& start, const Log& log) {
  const Nix nix = prepare_host(start.config, start.nix);
  prepare_root(start.config, log);
  if (!start.reason_against_journal_link.empty())
    log.warning("the journal is not linked to the host's: " + start.reason_against_journal_link);
  auto command = nspawn_command(start, nix);
  command.front() = start.nspawn;
  return command;
}

[[noreturn]] void become_nspawn(const Start& start, const Log& log) {
  const auto command = prepare_all(start, log);
  setenv("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1", 1);
  unsetenv("RUNTIME_DIRECTORY");  // of the unit; systemd-nspawn 262 would keep what it shares there
  record_start(start.config, start.environment);
  const NotifySocket socket(start.config.instance);
  notify_status("waiting for systemd-nspawn");
  leave_waiter(start.config,
               {.container_init = start.container_init,
                .stage2 = stage2_command(start.config, start.nix).front()},
               socket, log);
  const NotifySocket::Use use(socket);
  exec_program(command);
}

int prepare_and_execute(const Options& options, const Log& log) {
  const Environment environment(environ);
  const Config config = parse_config(environment);
  const Start start = check_all(environment, config, options.dry_run);
  if (!options.dry_run) become_nspawn(start, log);
  print_all(start);
  return 0;
}

int run(const Options& options, const Log& log) {
  return run_with_status([&] { return prepare_and_execute(options, log); });
}

}  // namespace

int main(int argc, char** argv) {
  return run_program({.name = "start",
                      .usage = kUsage,
                      .variables = [] { return list_variables(kStart); },
                      .run = run},
                     argc, argv);
}
