// SPDX-License-Identifier: MIT
#include "hooks/start/root_checks.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <set>
#include <string_view>

#include <fmt/core.h>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/words.h"
#include "common/config/text_values.h"
#include "hooks/start/nspawn.h"

namespace container_init {
namespace {

constexpr std::string_view kJournal = "var/log/journal";
constexpr std::string_view kMachineId = "etc/machine-id";

// systemd-nspawn makes these, and looks into etc, by their path from the host.
constexpr std::array<std::string_view, 5> kRealDirectories = {"dev", "etc", "proc", "run", "sys"};

struct PlainFile {
  std::string_view path;
  Root::Links links;
};

// It reads or writes these. A FIFO would keep it waiting, a device may do anything.
constexpr std::array<PlainFile, 3> kPlainFiles = {
    {{kMachineId, Root::Links::do_not_follow},
     {"etc/os-release", Root::Links::follow},
     {"etc/resolv.conf", Root::Links::do_not_follow}}};

Error root_error(const Config& config, std::string_view reason) {
  return {Exit::config, fmt::format("root={}: {}", quote(config.root), reason)};
}

std::string_view describe_kind(mode_t kind) {
  if (S_ISDIR(kind)) return "a directory";
  if (S_ISFIFO(kind)) return "a FIFO";
  if (S_ISSOCK(kind)) return "a socket";
  return "a device";
}

std::string without_slashes_at_end(std::string_view path) {
  return std::string(path.substr(0, path.find_last_not_of('/') + 1));
}

// The units of NixOS start ephemeral containers there.
bool is_of_nixos(std::string_view path) { return path.starts_with("/run/nixos-containers/"); }

bool is_runtime_directory(const Config& config) {
  const std::string root = without_slashes_at_end(config.root);
  if (root == "/run/container-init/" + config.instance) return true;
  const char* directories = std::getenv("RUNTIME_DIRECTORY");
  if (directories == nullptr || is_of_nixos(root)) return false;
  return std::ranges::count(split_list(directories, ':'), root) > 0;
}

bool is_below(std::string_view path, std::string_view directory) {
  const std::string top = without_slashes_at_end(directory);
  return path == top || path.starts_with(top + '/');
}

std::string_view wanted_root(const Config& config) {
  return config.command.empty() ? "a directory with a system in it"
                                : "a directory with the program of COMMAND in it";
}

bool is_directory(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

// The directories whose names a container could have.
std::set<std::string> roots_in(const std::string& directory) {
  std::set<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(opendir(directory.c_str()), closedir);
  if (!entries) return names;
  while (const dirent* entry = readdir(entries.get()))
    if (is_machine_name(entry->d_name) && is_directory(directory + '/' + entry->d_name))
      names.insert(entry->d_name);
  return names;
}

// "there are db, web": for a name that was mistyped.
std::string roots_beside(const std::string& directory) {
  constexpr std::size_t kMost = 10;
  const auto names = roots_in(directory);
  if (names.empty()) return fmt::format("there is none in {}", directory);
  std::string text;
  std::size_t left = names.size();
  for (const std::string& name : names) {
    if (left + kMost == names.size()) return fmt::format("there are {} and {} more", text, left);
    text += (text.empty() ? "" : ", ") + name;
    --left;
  }
  return (names.size() == 1 ? "there is " : "there are ") + text;
}

// systemd-nspawn makes sbin and such, where they are missing, links to usr/sbin.
bool is_in(const Root& root, const std::string& program) {
  return !root.is_missing(program) || !root.is_missing("usr" + program);
}

// 32 digits, as journald writes it; empty where the file holds none.
std::string machine_id_in(std::string_view text) {
  std::string id(text.substr(0, 32));
  const auto is_digit = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  };
  if (id.size() != 32 || !std::ranges::all_of(id, is_digit)) return {};
  for (char& c : id)
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
  return id;
}

bool is_searchable_by_others(const std::string& directory) {
  struct stat status {};
  return stat(directory.c_str(), &status) == 0 && (status.st_mode & S_IXOTH) != 0;
}

}  // namespace

std::optional<Root> open_root(const Config& config) {
  if (is_runtime_directory(config))
    throw root_error(config,
                     fmt::format("systemd changes the owner of a runtime directory; wanted: "
                                 "a directory in it, such as {}/root",
                                 without_slashes_at_end(config.root)));
  if (access(config.root.c_str(), F_OK) != 0 && errno == ENOENT) return std::nullopt;
  return Root(config.root);
}

void refuse_traps(const Config& config, const Root& root) {
  for (const auto path : kRealDirectories)
    if (root.has_symlink(path))
      throw root_error(config,
                       fmt::format("{} in it is a symbolic link, which systemd-nspawn would "
                                   "follow out of the root",
                                   path));
  for (const auto& [path, links] : kPlainFiles) {
    const auto kind = root.kind_of(path, links);
    if (kind && !S_ISREG(*kind) && !S_ISLNK(*kind))
      throw root_error(config, fmt::format("{} in it is {}; wanted: a regular file", path,
                                           describe_kind(*kind)));
  }
}

void require_system(const Config& config, const std::optional<Root>& root,
                    const std::string& stage2, const std::vector<std::string>& nspawn_command) {
  const auto bound = bound_paths(nspawn_command);
  const auto holds_stage2 = [&](const std::string& path) { return is_below(stage2, path); };
  if (!root && std::ranges::none_of(bound, holds_stage2))
    throw Error(Exit::config, fmt::format("no such root: {}; {}", shell_quote(config.root),
                                          roots_beside(parent_directory(config.root))));
  // A link in the root may lead into what is bound.
  if (root && bound.empty() && !is_in(*root, stage2))
    throw root_error(
        config, fmt::format("there is no {} in it; wanted: {}{}", stage2, wanted_root(config),
                            config.command.empty() ? ", or the path of its init in STAGE2" : ""));
}

std::string reason_against_journal_link(const Root& root) {
  if (root.has_symlink(kJournal)) return fmt::format("a symbolic link is in {}", kJournal);
  const std::string id = machine_id_in(root.read_regular_file(kMachineId).value_or(std::string{}));
  if (id.empty()) return {};
  if (id == machine_id_in(read_file("/etc/machine-id").value_or(std::string{})))
    return fmt::format("{} is that of the host", kMachineId);
  const std::string link = fmt::format("/{}/{}", kJournal, id);
  const auto target = read_link(link);
  if (!target && errno == ENOENT) return {};
  return target == root.real_path() + link ? std::string{}
                                           : fmt::format("{} is there and not of this root", link);
}

std::string open_parent_of(const Root& root) {
  std::string parent = parent_directory(root.real_path());
  for (std::string above = parent;; above = parent_directory(above)) {
    if (!is_searchable_by_others(above)) return {};
    if (above == "/") return parent;
  }
}

}  // namespace container_init
