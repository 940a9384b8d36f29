// SPDX-License-Identifier: MIT
#include "hooks/start/preparation.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>
#include <vector>

#include <fmt/core.h>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/words.h"
#include "common/config/nspawn_flags.h"
#include "hooks/process.h"
#include "hooks/process_status.h"
#include "hooks/start/nspawn.h"
#include "hooks/start/resolv_conf.h"
#include "hooks/start/root_checks.h"

namespace container_init {
namespace {

struct Directory {
  std::string_view path;
  mode_t mode;
};

// What systemd and nixos-rebuild expect in a root that is otherwise empty. From 259 on, systemd
// does not start over an empty /usr.
constexpr std::array<Directory, 5> kDirectories = {{{"usr/bin", 0755},
                                                    {"etc", 0755},
                                                    {"var/lib", 0755},
                                                    {"var/lib/private", 0700},
                                                    {"root", 0700}}};
constexpr std::string_view kMachineId = "etc/machine-id";
constexpr std::array<std::string_view, 2> kFiles = {"etc/os-release", kMachineId};
constexpr std::string_view kHostname = "etc/hostname";
constexpr std::string_view kResolvConf = "etc/resolv.conf";
// The first line of each copy. Where the container itself has written it, it loses its own file.
constexpr std::string_view kCopied = "# Copied from the host by container-init.\n";

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

void update_flake(const Config& config) {
  constexpr std::chrono::hours kPatience{24};  // TimeoutStartSec= of the unit is the real limit
  const auto done = run_process({"nixos-container", "update", config.instance}, kPatience);
  if (done.status != 0)
    throw Error(Exit::system, fmt::format("cannot build FLAKE={}: nixos-container update {}: {}",
                                          quote(config.flake), config.instance,
                                          done.status == kNotInstalled
                                              ? "not found in PATH"
                                              : fmt::format("exit status {}", done.status)));
}

bool has_copied_resolv_conf(const Root& root) {
  if (root.kind_of(kResolvConf, Root::Links::do_not_follow) != S_IFREG) return false;
  const auto text = root.read_regular_file(kResolvConf);
  return text && text->starts_with(kCopied);
}

// What the host had then may lead nowhere now.
void remove_copied_resolv_conf(const Root& root, const Log& log) {
  if (!has_copied_resolv_conf(root)) return;
  root.remove_file(kResolvConf);
  log.notice(
      fmt::format("removed {} of the root, copied from the host by an earlier start", kResolvConf));
}

void update_resolv_conf(const Config& config, const Root& root, const Log& log) {
  if (!config.copy_resolv_conf) return remove_copied_resolv_conf(root, log);
  const ResolvConf chosen = find_resolv_conf(has_private_network(config));
  const bool is_mounted = root.has_mount("etc");
  if (chosen.text && !is_mounted)
    return root.replace_file(kResolvConf, std::string(kCopied) + *chosen.text);
  log.warning(fmt::format("no resolv.conf is copied: {}",
                          is_mounted ? "etc of the root is behind a mount" : chosen.reason));
  remove_copied_resolv_conf(root, log);
}

// systemd-nspawn reads the file by its path from the host: a link would show it the host's own.
void replace_machine_id_link(const Root& root, const Log& log) {
  if (root.kind_of(kMachineId, Root::Links::do_not_follow) != S_IFLNK) return;
  root.replace_file(kMachineId, root.read_regular_file(kMachineId).value_or(std::string{}));
  log.notice(fmt::format("{} of the root was a symbolic link, and is now a copy of what it led to",
                         kMachineId));
}

// Whether the root has the host's name, as debootstrap(8) copies it there. An init takes its name
// from that file, whatever systemd-nspawn has set.
bool has_name_of_host(const Config& config, const Root& root) {
  if (has_flag(config.extra_nspawn_flags, "hostname") ||
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

bool is_on_file_system_of_run(const std::string& path) {
  const auto run = identify("/run");
  const auto found = identify(path);
  return path.starts_with("/run/") && run && found && run->device == found->device;
}

// --volatile= cannot be combined with --ephemeral; NixOS has the roots of its ephemeral containers
// there.
void warn_of_root_in_run(const Config& config, const Root& root, const Log& log) {
  if (config.ephemeral || has_flag(config.extra_nspawn_flags, "volatile") ||
      !is_on_file_system_of_run(root.real_path()))
    return;
  log.warning(
      fmt::format("root={}: the container can fill /run of the host; "
                  "EXTRA_NSPAWN_FLAGS=--volatile=overlay limits what it writes",
                  quote(config.root)));
}

// Where a file system has no idmapped mounts, systemd-nspawn gives all files of a root to the users
// of its user namespace. It does not take them back when there is none any more.
void warn_of_shifted_files(const Config& config, const Root& root, const Log& log) {
  constexpr uid_t kUsersOfHost = 1 << 16;
  if (root.owner() < kUsersOfHost || has_shifted_users(config)) return;
  log.warning(
      fmt::format("root={}: it belongs to user {} of a user namespace, and the container has none "
                  "now; to give it to root: systemd-nspawn -q --private-users=0 "
                  "--private-users-chown -D {} /bin/true",
                  quote(config.root), root.owner(), shell_quote(config.root)));
}

}  // namespace

Nix prepare_host(const Config& config, const Nix& nix) {
  for (const auto& [path, mode] : host_directories(config, nix)) make_host_directory(path, mode);
  if (config.flake.empty() || nix.has_system) return nix;
  update_flake(config);
  return look_at_nix(config);
}

void prepare_root(const Config& config, const Log& log) {
  const Root root = Root::make(config.root);
  for (const auto& [path, mode] : kDirectories) root.make_directory(path, mode);
  replace_machine_id_link(root, log);
  for (const auto path : kFiles) root.make_file(path);
  update_resolv_conf(config, root, log);
  replace_name_of_host(config, root, log);
  warn_of_open_root(config, root, log);
  warn_of_root_in_run(config, root, log);
  warn_of_shifted_files(config, root, log);
}

std::string preparation_commands(const Config& config, const std::optional<Root>& root,
                                 const Nix& nix) {
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
  const bool is_copied = config.copy_resolv_conf && chosen.text;
  if (is_copied || (root && has_copied_resolv_conf(*root)))
    text += fmt::format("rm -f {}\n", in_root(kResolvConf));
  if (is_copied)
    text +=
        fmt::format("echo {} | cat - {} >{}\n", shell_quote(kCopied.substr(0, kCopied.size() - 1)),
                    chosen.source, in_root(kResolvConf));
  if (root && has_name_of_host(config, *root))
    text += fmt::format("echo {} >{}\n", config.instance, in_root(kHostname));
  return text;
}

}  // namespace container_init
