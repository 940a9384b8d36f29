// SPDX-License-Identifier: MIT
#include "hooks/ephemeral_copies.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/core.h>

#include "common/base/descriptor.h"
#include "common/base/file.h"
#include "common/base/words.h"
#include "hooks/process.h"

namespace container_init {
namespace {

// tempfn_random() of systemd: after the name, a number of 64 bits.
constexpr std::string_view kPrefix = ".#machine.";
constexpr std::size_t kDigits = 16;

bool is_copy_of(std::string_view name, std::string_view root_name) {
  if (name.size() != kPrefix.size() + root_name.size() + kDigits) return false;
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return name.starts_with(kPrefix) && name.substr(kPrefix.size()).starts_with(root_name) &&
         std::ranges::all_of(name.substr(name.size() - kDigits), is_digit);
}

std::string lock_path(const std::string& copy) {
  const auto slash = copy.rfind('/');
  return fmt::format("{}/.#{}.lck", copy.substr(0, slash), copy.substr(slash + 1));
}

// The lock of a copy, which systemd-nspawn takes before it makes the copy; nothing where it is
// taken.
std::optional<Descriptor> lock(const std::string& copy) {
  constexpr int kFlags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  Descriptor file(open(lock_path(copy).c_str(), kFlags));
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  const bool is_free =
      file.is_open() ? fcntl(file.get(), F_OFD_SETLK, &whole) == 0 : errno == ENOENT;
  return is_free ? std::optional(std::move(file)) : std::nullopt;
}

std::vector<std::string> all_copies(const std::string& root) {
  std::vector<std::string> copies;
  const std::unique_ptr<char, decltype(&free)> path(realpath(root.c_str(), nullptr), free);
  if (!path) return copies;
  const std::string resolved(path.get());
  const std::string parent = parent_directory(resolved);
  const std::string_view root_name = std::string_view(resolved).substr(resolved.rfind('/') + 1);
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(parent.c_str()), closedir);
  if (!directory) return copies;
  while (const dirent* entry = readdir(directory.get()))
    if (is_copy_of(entry->d_name, root_name))
      copies.push_back(fmt::format("{}/{}", parent == "/" ? "" : parent, entry->d_name));
  std::ranges::sort(copies);
  return copies;
}

// What systemd-tmpfiles takes as it is: no pattern, specifier or quote.
bool is_plain(std::string_view path) {
  constexpr std::string_view kSpecial = "*?[]{}%\\\"'";
  return std::ranges::none_of(path, [&](char c) {
    return c <= ' ' || c == '\x7f' || kSpecial.find(c) != std::string_view::npos;
  });
}

// Empty if it is gone. systemd-tmpfiles(8) removes as systemd-nspawn does: it follows no link,
// stays out of mounts, and removes subvolumes of btrfs.
std::string remove(const std::string& copy) {
  constexpr std::chrono::seconds kPatience{20};
  if (!is_plain(copy)) return "its path has special characters";
  const auto done =
      run_process({"systemd-tmpfiles", "--remove", "-"}, kPatience, fmt::format("R {}\n", copy));
  if (access(copy.c_str(), F_OK) != 0) return {};
  return done.status == kNotInstalled
             ? "systemd-tmpfiles: not found in PATH"
             : fmt::format("systemd-tmpfiles: exit status {}", done.status);
}

}  // namespace

std::vector<std::string> find_ephemeral_copies(const std::string& root) {
  auto copies = all_copies(root);
  std::erase_if(copies, [](const std::string& copy) { return !lock(copy); });
  return copies;
}

void remove_ephemeral_copies(const std::string& root, const Log& log) {
  for (const std::string& copy : all_copies(root)) {
    const auto held = lock(copy);
    if (!held) continue;
    const std::string reason = remove(copy);
    if (!reason.empty()) {
      log.warning(fmt::format("cannot remove {}, left by an earlier run: {}", copy, reason));
      continue;
    }
    unlink(lock_path(copy).c_str());
    log.notice(fmt::format("removed {}, left by an earlier run", copy));
  }
}

std::string removal_command(const std::string& copy) {
  return fmt::format("echo {} | systemd-tmpfiles --remove -\n", shell_quote("R " + copy));
}

}  // namespace container_init
