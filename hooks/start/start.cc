// start: prepares the root directory of a container and becomes systemd-nspawn.

#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include <fmt/core.h>

#include "common/base/error.h"
#include "common/base/exec.h"
#include "common/base/file.h"
#include "common/base/program.h"
#include "common/base/words.h"
#include "common/config/config.h"
#include "common/network/plan.h"
#include "hooks/notify.h"
#include "hooks/process.h"
#include "hooks/start/nix.h"
#include "hooks/start/nspawn.h"
#include "hooks/start/resolv_conf.h"
#include "hooks/start/root.h"
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
    "Variables: all of container.conf(5); INSTANCE and root are required.\n"
    "\n"
    "Exit status: that of systemd-nspawn; 64 usage, 71 system, 78 configuration,\n"
    "126 systemd-nspawn cannot be executed, 127 it is not installed.\n";

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
constexpr std::array<std::string_view, 2> kFiles = {"etc/os-release", "etc/machine-id"};
constexpr std::string_view kResolvConf = "etc/resolv.conf";

struct HostDirectory {
  std::string path;
  mode_t mode;
};

std::vector<HostDirectory> host_directories(const Config& config, const Nix& nix) {
  std::vector<HostDirectory> directories = {{"/run/containers", 0700}};
  if (!nix.has_store) return directories;
  directories.push_back({nix_profiles(config.instance), 0755});
  directories.push_back({nix_gcroots(config.instance), 0755});
  return directories;
}

std::string own_directory() {
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
  found.container_init = own_directory() + "/container-init";
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
  if (chosen.text) {
    root.replace_file(kResolvConf, *chosen.text);
  } else {
    log.warning(fmt::format("no resolv.conf is copied: {}", chosen.reason));
  }
}

// systemd-nspawn makes these by their path from the host, and would follow a symbolic link there.
constexpr std::array<std::string_view, 4> kMountPoints = {"dev", "proc", "run", "sys"};
constexpr std::string_view kJournal = "var/log/journal";

void refuse_symlinks(const Config& config, const Root& root) {
  for (const auto path : kMountPoints)
    if (root.has_symlink(path))
      throw Error(Exit::config,
                  fmt::format("root={}: {} in it is a symbolic link, which systemd-nspawn would "
                              "follow out of the root",
                              quote(config.root), path));
}

// Looks at a root that is there already, before anything is changed. Whether the journal of the
// container can be linked to the host's.
bool check_root(const Config& config) {
  if (access(config.root.c_str(), F_OK) != 0) return true;
  const Root root(config.root);
  refuse_symlinks(config, root);
  return !root.has_symlink(kJournal);
}

void prepare_root(const Config& config, const Log& log) {
  const Root root(config.root);
  for (const auto& [path, mode] : kDirectories) root.make_directory(path, mode);
  for (const auto path : kFiles) root.make_file(path);
  if (config.copy_resolv_conf) copy_resolv_conf(config, root, log);
}

Nix prepare_host(const Config& config) {
  const Nix nix = look_at_nix(config);
  for (const auto& [path, mode] : host_directories(config, nix)) make_host_directory(path, mode);
  if (config.flake.empty() || nix.has_system) return nix;
  update_flake(config);
  return look_at_nix(config);
}

// One argument a line.
std::string shown(const std::vector<std::string>& command) {
  std::string text;
  for (const std::string& word : command)
    text += (text.empty() ? "" : " \\\n  ") + shell_quote(word);
  return text + '\n';
}

void print_preparation(const Config& config, const Nix& nix) {
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
  print(text);
}

void print_all(const Config& config, const Nix& nix, const std::vector<std::string>& command) {
  print_preparation(config, nix);
  print("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 " + shown(command));
  const Plan plan = make_host_plan(config.network);
  if (!plan.empty()) print("# when systemd-nspawn has made the links:\n");
  print(ip_commands(plan));
}

int prepare_and_execute(const Options& options, const Log& log) {
  const Environment environment(environ);
  const Config config = parse_config(environment);
  require_root(config);
  const Programs programs = find_programs();
  const bool links_journal = check_root(config);
  const auto command_with = [&](const Nix& nix) {
    return make_nspawn_command(config, environment, nix, programs.container_init, links_journal);
  };
  if (options.dry_run) {
    const Nix nix = look_at_nix(config);
    print_all(config, nix, command_with(nix));
    return 0;
  }
  auto command = command_with(prepare_host(config));
  prepare_root(config, log);
  if (!links_journal)
    log.warning(
        fmt::format("the journal is not linked to the host's: a symbolic link is in {}", kJournal));
  command.front() = programs.nspawn;
  setenv("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1", 1);
  leave_waiter(config, programs.container_init, log);
  exec_program(command);
}

int run(const Options& options, const Log& log) {
  return run_with_status([&] { return prepare_and_execute(options, log); });
}

}  // namespace

int main(int argc, char** argv) {
  return run_program({.name = "start", .usage = kUsage, .run = run}, argc, argv);
}
