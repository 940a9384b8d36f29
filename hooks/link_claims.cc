// SPDX-License-Identifier: MIT
#include "hooks/link_claims.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <memory>

#include <fmt/core.h>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/words.h"
#include "common/network/link_name.h"
#include "hooks/process_status.h"

namespace container_init {
namespace {

constexpr const char* kDirectory = "/run/container-links";

std::string claim_path(const std::string& link) {
  return fmt::format("{}/{}", kDirectory, short_link_name(link));
}

constexpr std::string_view kProc = "/proc/";

// 0 for a link that leads elsewhere.
pid_t claimant_of(const std::string& claim) {
  const auto target = read_link(claim);
  pid_t process = 0;
  if (target && target->starts_with(kProc))
    std::from_chars(target->data() + kProc.size(), target->data() + target->size(), process);
  return process;
}

// The number of a process that has ended may be that of another one now, also of one in a
// container, which has the name that it likes.
bool is_nspawn_of_root(pid_t process) {
  const auto status = process > 0 ? status_of(process) : std::nullopt;
  return status && status->name == "systemd-nspawn" && status->is_root &&
         status->is_in_our_pid_namespace;
}

}  // namespace

void claim_links(const LinkNames& names, pid_t nspawn) {
  if (names.empty()) return;
  if (mkdir(kDirectory, 0755) != 0 && errno != EEXIST)
    throw system_error(errno, fmt::format("make directory {}", kDirectory));
  remove_claims(names);
  const std::string process = fmt::format("/proc/{}", nspawn);
  for (const std::string& name : names)
    if (symlink(process.c_str(), claim_path(name).c_str()) != 0)
      throw system_error(errno, "make symbolic link " + claim_path(name));
}

void remove_claims(const LinkNames& names) {
  for (const std::string& name : names)
    if (unlink(claim_path(name).c_str()) != 0 && errno != ENOENT)
      throw system_error(errno, "remove " + claim_path(name));
}

std::optional<pid_t> find_claimant(const std::string& link) {
  const pid_t process = claimant_of(claim_path(link));
  return is_nspawn_of_root(process) ? std::optional(process) : std::nullopt;
}

std::set<pid_t> find_claimants() {
  std::set<pid_t> found;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(kDirectory), closedir);
  if (!directory) return found;  // nothing was claimed since the host has booted
  while (const dirent* entry = readdir(directory.get()))
    if (const auto process = find_claimant(entry->d_name)) found.insert(*process);
  return found;
}

std::string claim_commands(const LinkNames& names) {
  if (names.empty()) return {};
  std::string text = fmt::format("mkdir -p {}\n", kDirectory);
  for (const std::string& name : names)
    text += fmt::format("ln -sfn /proc/$$ {}\n", shell_quote(claim_path(name)));
  return text;
}

std::string claim_removal_commands(const LinkNames& names) {
  std::string text;
  for (const std::string& name : names)
    if (read_link(claim_path(name))) text += fmt::format("rm {}\n", shell_quote(claim_path(name)));
  return text;
}

}  // namespace container_init
