// SPDX-License-Identifier: MIT
#include "hooks/unix_export.h"

#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>

#include "common/base/error.h"

namespace container_init {
namespace {

constexpr const char* kDirectory = "/run/systemd/nspawn/unix-export";

}  // namespace

std::string unix_export_path(const std::string& instance) {
  return std::string(kDirectory) + "/" + instance;
}

// It is a tmpfs of its own: its device is not that of the directory above.
bool is_unix_export_mounted(const std::string& instance) {
  struct stat above = {};
  struct stat found = {};
  return lstat(kDirectory, &above) == 0 && lstat(unix_export_path(instance).c_str(), &found) == 0 &&
         S_ISDIR(found.st_mode) && found.st_dev != above.st_dev;
}

// A process that still has a file open there, or is there, must not keep the container from
// starting.
void unmount_unix_export(const std::string& instance) {
  const std::string path = unix_export_path(instance);
  if (umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) return;
  const int error = errno;
  if (error != ENOENT && error != EINVAL) throw system_error(error, "unmount " + path);
}

}  // namespace container_init
