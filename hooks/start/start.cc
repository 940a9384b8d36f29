// start: prepares the root directory of a container and becomes systemd-nspawn.

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include <fmt/core.h>

#include "common/base/error.h"
#include "common/base/exec.h"
#include "common/base/file.h"
#include "common/base/program.h"
#include "common/base/words.h"
#include "common/config/config.h"
#include "common/config/variables.h"
#include "common/network/plan.h"
#include "hooks/notify.h"
#include "hooks/process.h"
#include "hooks/start/nix.h"
#include "hooks/start/nspawn.h"
#include "hooks/start/plain_journal_output.h"
#include "hooks/start/program_copy.h"
#include "hooks/start/resolv_conf.h"
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
    "links when they appear, as post-start does.\n"
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

struct Directory {
  std::string_view path;
  mode_t mode;
};

// What systemd and nixos-rebuild expect of a root that is otherwise empty: systemd 259 starts only
// where /usr is not.
constexpr std::array<Directory, 5> kDirectories = {{{"usr/bin", 0755},
                                                    {"etc", 0755},
                                                    {"var/lib", 0755},
                                                    {"var/lib/private", 0700},
                                                    {"root", 0700}}};
constexpr std::string_view kMachineId = "etc/machine-id";
constexpr std::array<std::string_view, 2> kFiles = {"etc/os-release", kMachineId};
constexpr std::string_view kHostname = "etc/hostname";
constexpr std::string_view kResolvConf = "etc/resolv.conf";

struct HostDirectory {
  std::string path;
  mode_t mode;
};

std::vector<HostDirectory> host_directories(const Config& config, const Nix& nix) {
  std::vector<HostDirectory> directories = {{"/run/containers", 0700}};
  if (config.root.starts_with("/run/nixos-containers/"))
    directories.push_back({"/run/nixos-containers", 0700});
  if (!nix.has_store) return directories;
  directories.insert(directories.end(), {{std::string(kNixProfiles), 0700},
                                         {nix_profiles(config.instance), 0755},
                                         {std::string(kNixGcroots), 0700},
                                         {nix_gcroots(config.instance), 0755}});
  return directories;
}

std::string directory_of_this_program() {
  const auto self = read_link("/proc/self/exe");
  if (!self) throw system_error(errno, "read /proc/self/exe");
  return self->substr(0, self->rfind('/'));
}

// Of systemd-nspawn and of container-init, which is beside us; both before anything is changed.
struct Programs {
  std::string nspawn;
  std::string container_init;
};

Programs find_programs() {
  Programs found;
  found.nspawn = find_program("systemd-nspawn");
  if (found.nspawn.empty())
    throw Error(Exit::not_found,
                "cannot find systemd-nspawn in PATH: Debian and Fedora have it in the package "
                "systemd-container");
  found.container_init = directory_of_this_program() + "/container-init";
  if (access(found.container_init.c_str(), X_OK) != 0)
    throw system_error(errno, "find " + found.container_init, "it belongs beside start",
                       Exit::not_found);
  return found;
}

void require_root(const Config& config) {
  if (config.root.empty())
    throw Error(Exit::config,
                "root is not set; wanted: the path of the container's root directory");
}

void update_flake(const Config& config) {
  constexpr std::chrono::hours kPatience{24};  // the unit has a limit of its own
  const auto done = run_process({"nixos-container", "update", config.instance}, kPatience);
  if (done.status != 0)
    throw Error(Exit::system, fmt::format("cannot build FLAKE={}: nixos-container update {}: {}",
                                          quote(config.flake), config.instance,
                                          done.status == kNotInstalled
                                              ? "not found in PATH"
                                              : fmt::format("exit status {}", done.status)));
}

void copy_resolv_conf(const Config& config, const Root& root, const Log& log) {
  const ResolvConf chosen = find_resolv_conf(has_private_network(config));
  const bool is_mounted = root.has_mount("etc");
  if (chosen.text && !is_mounted) return root.replace_file(kResolvConf, *chosen.text);
  log.warning(fmt::format("no resolv.conf is copied: {}",
                          is_mounted ? "etc of the root is behind a mount" : chosen.reason));
}

// systemd-nspawn reads the file by its path from the host: a link would show it the host's own.
void replace_machine_id_link(const Root& root, const Log& log) {
  if (root.kind_of(kMachineId, Root::Links::do_not_follow) != S_IFLNK) return;
  root.replace_file(kMachineId, root.read_regular_file(kMachineId).value_or(std::string{}));
  log.notice(fmt::format("{} of the root was a symbolic link, and is now a copy of what it led to",
                         kMachineId));
}

bool names_the_container(const std::vector<std::string>& nspawn_flags) {
  return std::ranges::any_of(
      nspawn_flags, [](const std::string& flag) { return flag.starts_with("--hostname"); });
}

// Whether the root has the host's name, as debootstrap(8) copies it there. An init takes its name
// from that file, whatever systemd-nspawn has set.
bool has_name_of_host(const Config& config, const Root& root) {
  if (names_the_container(config.extra_nspawn_flags) ||
      root.kind_of(kHostname, Root::Links::do_not_follow) != S_IFREG)
    return false;
  const auto host = read_file("/etc/hostname");
  return host && !host->empty() && *host != config.instance + '\n' &&
         root.read_regular_file(kHostname) == host;
}

void replace_name_of_host(const Config& config, const Root& root, const Log& log) {
  if (!has_name_of_host(config, root)) return;
  root.replace_file(kHostname, config.instance + '\n');
  log.notice(
      fmt::format("{} of the root named the host, and now names {}", kHostname, config.instance));
}

void warn_of_open_root(const Config& config, const Root& root, const Log& log) {
  const std::string parent = open_parent_of(root);
  if (parent.empty()) return;
  log.warning(
      fmt::format("root={}: every user of the host can execute what is setuid in it; where "
                  "{} holds only containers: chmod 700 {}; else move the root",
                  quote(config.root), parent, shell_quote(parent)));
}

void prepare_root(const Config& config, const Log& log) {
  const Root root = Root::make(config.root);
  for (const auto& [path, mode] : kDirectories) root.make_directory(path, mode);
  replace_machine_id_link(root, log);
  for (const auto path : kFiles) root.make_file(path);
  if (config.copy_resolv_conf) copy_resolv_conf(config, root, log);
  replace_name_of_host(config, root, log);
  warn_of_open_root(config, root, log);
}

Nix prepare_host(const Config& config, const Nix& nix) {
  for (const auto& [path, mode] : host_directories(config, nix)) make_host_directory(path, mode);
  if (config.flake.empty() || nix.has_system) return nix;
  update_flake(config);
  return look_at_nix(config);
}

// One argument a line.
std::string as_shell_command(const std::vector<std::string>& command) {
  std::string text;
  for (const std::string& word : command)
    text += (text.empty() ? "" : " \\\n  ") + shell_quote(word);
  return text + '\n';
}

void print_preparation(const Config& config, const std::optional<Root>& root, const Nix& nix) {
  std::string text;
  for (const auto& [path, mode] : host_directories(config, nix))
    text += fmt::format("install -d -m {:o} {}\n", mode, shell_quote(path));
  if (!config.flake.empty() && !nix.has_system)
    text += "nixos-container update " + config.instance + '\n';
  text += "# start itself follows no symbolic link out of the root\n";
  const std::string parent = config.root.substr(0, config.root.find_last_of('/') + 1);
  text += fmt::format("mkdir -p -m 700 {}\nmkdir -p -m 755 {}\n", shell_quote(parent),
                      shell_quote(config.root));
  const auto in_root = [&](auto path) {
    return shell_quote(fmt::format("{}/{}", config.root, path));
  };
  for (const auto& [path, mode] : kDirectories)
    text += fmt::format("install -d -m {:o} {}\n", mode, in_root(path));
  for (const auto path : kFiles) text += fmt::format("touch {}\n", in_root(path));
  const ResolvConf chosen = find_resolv_conf(has_private_network(config));
  if (config.copy_resolv_conf && chosen.text)
    text += fmt::format("cp --remove-destination {} {}\n", chosen.source, in_root(kResolvConf));
  if (root && has_name_of_host(config, *root))
    text += fmt::format("echo {} >{}\n", config.instance, in_root(kHostname));
  print(text);
}

void print_all(const Config& config, const std::optional<Root>& root, const Nix& nix,
               const Programs& programs, const BoundProgram& bound,
               const std::vector<std::string>& command) {
  print_preparation(config, root, nix);
  if (bound.is_copy)
    print(fmt::format("install -m 755 {} {}\n", shell_quote(programs.container_init),
                      shell_quote(bound.path)));
  print("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 " + as_shell_command(command));
  const Plan plan = make_host_plan(config.network);
  if (bound.is_copy || !plan.empty()) print("# when systemd-nspawn has made the links:\n");
  if (bound.is_copy) print(fmt::format("rm {}\n", shell_quote(bound.path)));
  print(ip_commands(plan));
}

BoundProgram bound_program(const Config& config, const Nix& nix, const Programs& programs) {
  const std::string& program = programs.container_init;
  if (sees_program(nix, program)) return {.path = program};
  return {.path = copy_path(config, program), .is_copy = true};
}

int prepare_and_execute(const Options& options, const Log& log) {
  const Environment environment(environ);
  const Config config = parse_config(environment);
  require_root(config);
  const Programs programs = find_programs();
  const auto root = open_root(config);
  if (root) refuse_traps(config, *root);
  const std::string no_journal = root ? reason_against_journal_link(*root) : std::string{};
  const Nix nix = look_at_nix(config);
  const BoundProgram bound = bound_program(config, nix, programs);
  const auto command_with = [&](const Nix& found) {
    return make_nspawn_command(config, environment, found, bound.path, no_journal.empty());
  };
  require_system(config, root, stage2_path(config, nix), command_with(nix));
  if (options.dry_run) {
    print_all(config, root, nix, programs, bound, command_with(nix));
    return 0;
  }
  auto command = command_with(prepare_host(config, nix));
  prepare_root(config, log);
  if (!no_journal.empty()) log.warning("the journal is not linked to the host's: " + no_journal);
  command.front() = programs.nspawn;
  setenv("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1", 1);
  std::optional<ProgramCopy> copy;
  if (bound.is_copy) copy.emplace(programs.container_init, bound.path);
  leave_waiter(config, bound, log);
  const PlainJournalOutput output("container " + config.instance);
  exec_program(command);
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
