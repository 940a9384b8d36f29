// SPDX-License-Identifier: MIT
#include "hooks/start/root.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include <fmt/core.h>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/words.h"
#include "hooks/openat2.h"
#include "hooks/process_status.h"

namespace container_init {
namespace {

constexpr mode_t kPermissions = 07777;
constexpr mode_t kDirectoryMode = 0755;
constexpr mode_t kFileMode = 0644;

std::string_view hint_for(int error) {
  if (error == ENOSYS) return "openat2(2) is needed, Linux 5.6 or later";
  if (error == EEXIST || error == ELOOP) return "a symbolic link leads nowhere";
  if (error == EXDEV) return "it is behind a mount";
  return {};
}

// "usr" and "bin" of "usr/bin"; the first is empty where there is no '/'.
std::pair<std::string_view, std::string_view> split_last(std::string_view path) {
  const auto slash = path.rfind('/');
  if (slash == std::string_view::npos) return {{}, path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

struct stat file_status(const Descriptor& file, const std::string& path) {
  struct stat status {};
  if (fstat(file.get(), &status) != 0) throw system_error(errno, "look at " + path);
  return status;
}

void set_mode(const Descriptor& file, mode_t mode, const std::string& path) {
  if ((file_status(file, path).st_mode & kPermissions) == mode) return;
  if (fchmod(file.get(), mode) != 0) throw system_error(errno, "change the mode of " + path);
}

Descriptor open_host_directory(const std::string& path, int flags) {
  Descriptor opened(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags));
  if (!opened.is_open()) throw system_error(errno, "open directory " + path);
  return opened;
}

// Those that are missing get the mode, whatever the umask is.
void make_host_directories(const std::string& path, mode_t mode) {
  for (std::size_t end = 0; end < path.size();) {
    end = path.find('/', end + 1);
    const std::string part = path.substr(0, end);
    if (mkdir(part.c_str(), mode) == 0) {
      set_mode(open_host_directory(part, O_NOFOLLOW), mode, part);
    } else if (errno != EEXIST) {
      throw system_error(errno, "make directory " + part);
    }
  }
}

}  // namespace

Root::Root(std::string path) : path_(std::move(path)), root_(open_host_directory(path_, 0)) {
  const struct stat own = file_status(root_, path_);
  if (identify("/") == FileId{own.st_dev, own.st_ino})
    throw Error(Exit::config, "root=" + quote(path_) + ": this is the host's own root");
  owner_ = own.st_uid;
  group_ = own.st_gid;
}

Root Root::make(const std::string& path) {
  const std::string bare = path.substr(0, path.find_last_not_of('/') + 1);
  // Programs of a container may be setuid: other users of the host must not reach them.
  make_host_directories(bare.substr(0, bare.rfind('/') + 1), 0700);
  make_host_directories(bare, kDirectoryMode);
  return Root(path);
}

void Root::make_directory(std::string_view path, mode_t mode) const {
  if (has_mount(path)) return;
  set_mode(directory(path), mode, path_on_host(path));
}

void Root::make_file(std::string_view path) const {
  const auto [parent, name] = split_last(path);
  if (has_mount(parent)) return;
  const Descriptor file = open_new_file(directory(parent), std::string(name));
  if (!file.is_open() && errno != EEXIST)
    throw system_error(errno, "make file " + path_on_host(path));
}

void Root::replace_file(std::string_view path, std::string_view text) const {
  const auto [parent_path, name_view] = split_last(path);
  const Descriptor parent = directory(parent_path);
  const std::string name(name_view);
  const std::string temporary = '.' + name + ".container-init";
  unlinkat(parent.get(), temporary.c_str(), 0);  // left by a run that was interrupted
  const Descriptor file = open_new_file(parent, temporary);
  const bool replaced = file.is_open() && write_all(file.get(), text) &&
                        renameat(parent.get(), temporary.c_str(), parent.get(), name.c_str()) == 0;
  if (replaced) return;
  const int error = errno;
  unlinkat(parent.get(), temporary.c_str(), 0);
  throw system_error(error, "write " + path_on_host(path));
}

void Root::remove_file(std::string_view path) const {
  const auto [parent, name] = split_last(path);
  if (unlinkat(directory(parent).get(), std::string(name).c_str(), 0) != 0 && errno != ENOENT)
    throw system_error(errno, "remove " + path_on_host(path));
}

bool Root::has_symlink(std::string_view path) const {
  return !open(path, O_PATH, RESOLVE_NO_SYMLINKS).is_open() && errno == ELOOP;
}

bool Root::has_mount(std::string_view path) const {
  return !open(path, O_PATH, RESOLVE_NO_XDEV).is_open() && errno == EXDEV;
}

bool Root::is_missing(std::string_view path) const {
  return !open(path, O_PATH, 0).is_open() && (errno == ENOENT || errno == ENOTDIR);
}

std::optional<mode_t> Root::kind_of(std::string_view path, Links links) const {
  const unsigned flags = links == Links::follow ? O_PATH : O_PATH | O_NOFOLLOW;
  const Descriptor found = open(path, flags, RESOLVE_NO_XDEV);
  if (!found.is_open()) return std::nullopt;
  return file_status(found, path_on_host(path)).st_mode & S_IFMT;
}

// The file is opened with O_PATH first: to open a FIFO may block, and to open a device may act on
// it. A lease of the container on the file keeps nobody waiting: read_file() does not block.
std::optional<std::string> Root::read_regular_file(std::string_view path) const {
  const Descriptor found = open(path, O_PATH, RESOLVE_NO_XDEV);
  if (!found.is_open() || !S_ISREG(file_status(found, path_on_host(path)).st_mode))
    return std::nullopt;
  auto text = read_file(fmt::format("/proc/self/fd/{}", found.get()));
  if (!text && errno != EFBIG)
    throw system_error(errno, "read " + path_on_host(path),
                       errno == EAGAIN ? "a process has a lease on it, fcntl(2)" : "");
  return text;
}

std::string Root::real_path() const {
  return read_link(fmt::format("/proc/self/fd/{}", root_.get())).value_or(path_);
}

// "" is the root itself.
Descriptor Root::open(std::string_view path, unsigned flags, unsigned resolve) const {
  return open_resolved(root_.get(), path.empty() ? "." : std::string(path), flags,
                       resolve | RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

// Symbolic links are followed within the mount of the root: what is there is the container's
// anyway.
Descriptor Root::open_directory(std::string_view path) const {
  return open(path, O_RDONLY | O_DIRECTORY, RESOLVE_NO_XDEV);
}

Descriptor Root::directory(std::string_view path) const {
  Descriptor found = open_directory(path);
  if (!found.is_open() && errno == ENOENT && !path.empty()) {
    const auto [parent, name] = split_last(path);
    found = make_below(directory(parent), std::string(name));
  }
  if (!found.is_open())
    throw system_error(errno, "open directory " + path_on_host(path), std::string(hint_for(errno)));
  return found;
}

// Not open, with errno, where it cannot be made.
Descriptor Root::make_below(const Descriptor& parent, const std::string& name) const {
  if (mkdirat(parent.get(), name.c_str(), kDirectoryMode) != 0) return Descriptor();
  Descriptor made = open_resolved(parent.get(), name, O_RDONLY | O_DIRECTORY,
                                  RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
  const bool ready = made.is_open() && fchown(made.get(), owner_, group_) == 0 &&
                     fchmod(made.get(), kDirectoryMode) == 0;
  return ready ? std::move(made) : Descriptor();
}

// Not open, with errno, where it cannot be made. O_EXCL follows no symbolic link.
Descriptor Root::open_new_file(const Descriptor& parent, const std::string& name) const {
  Descriptor file(openat(parent.get(), name.c_str(),
                         O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kFileMode));
  const bool ready = file.is_open() && fchown(file.get(), owner_, group_) == 0 &&
                     fchmod(file.get(), kFileMode) == 0;
  return ready ? std::move(file) : Descriptor();
}

std::string Root::path_on_host(std::string_view path) const {
  return path_ + '/' + std::string(path);
}

void make_host_directory(const std::string& path, mode_t mode) {
  make_host_directories(path, kDirectoryMode);
  set_mode(open_host_directory(path, O_NOFOLLOW), mode, path);
}

}  // namespace container_init
