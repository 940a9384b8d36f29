// SPDX-License-Identifier: MIT
#include "hooks/unix_export.h"

#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>

#include "common/base/error.h"

namespace container_init {
namespace {

// It is a tmpfs of its own: its device is not that of the directory above.
bool is_mounted(const std::string& path) {
  struct stat above = {};
  struct stat found = {};
  const std::string parent = path.substr(0, path.rfind('/'));
  return lstat(parent.c_str(), &above) == 0 && lstat(path.c_str(), &found) == 0 &&
         S_ISDIR(found.st_mode) && found.st_dev != above.st_dev;
}

}  // namespace

std::vector<std::string> find_unix_exports(const std::string& instance) {
  const std::string directory = "/run/systemd/nspawn/";
  std::vector<std::string> paths = {directory + "unix-export/" + instance,
                                    directory + instance + "/unix-export"};  // systemd 262
  std::erase_if(paths, [](const std::string& path) { return !is_mounted(path); });
  return paths;
}

// A process that still has a file open there, or is there, must not keep the container from
// starting.
void unmount_unix_export(const std::string& path) {
  if (umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) return;
  const int error = errno;
  if (error != ENOENT && error != EINVAL) throw system_error(error, "unmount " + path);
}

}  // namespace container_init
