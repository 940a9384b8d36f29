// SPDX-License-Identifier: MIT
#include "hooks/start/nix.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/core.h>

#include "common/base/descriptor.h"
#include "common/base/file.h"
#include "hooks/openat2.h"

namespace container_init {
namespace {

bool is_there(const char* path) { return access(path, F_OK) == 0; }

// A link counts, wherever it leads: the container may have made it.
bool has_entry(const std::string& path) {
  struct stat status {};
  return lstat(path.c_str(), &status) == 0;
}

bool is_regular_file_of_store(const Descriptor& found, const std::string& opened) {
  struct stat status {};
  return found.is_open() && fstat(found.get(), &status) == 0 && S_ISREG(status.st_mode) &&
         read_link(opened).value_or(std::string{}).starts_with("/nix/store/");
}

// The beginning of the file. The container may have made the path lead anywhere: nothing is opened
// for reading that is not a file in the store, and no link of proc(5) is followed.
std::string read_from_store(const std::string& path) {
  const Descriptor found = open_resolved(AT_FDCWD, path, O_PATH, RESOLVE_NO_MAGICLINKS);
  const std::string opened = fmt::format("/proc/self/fd/{}", found.get());
  if (!is_regular_file_of_store(found, opened)) return {};
  return read_file(opened).value_or(std::string{});
}

bool is_i686(const Config& config) {
  const std::string system =
      config.system_path.empty() ? nix_profiles(config.instance) + "/system" : config.system_path;
  return read_from_store(system + "/system").starts_with("i686-linux");
}

}  // namespace

std::string nix_profiles(const std::string& instance) {
  return fmt::format("{}/{}", kNixProfiles, instance);
}

std::string nix_gcroots(const std::string& instance) {
  return fmt::format("{}/{}", kNixGcroots, instance);
}

Nix look_at_nix(const Config& config) {
  Nix nix;
  nix.has_store = is_there("/nix/store");
  if (!nix.has_store) return nix;
  nix.has_database = is_there("/nix/var/nix/db");
  nix.has_daemon_socket = is_there("/nix/var/nix/daemon-socket");
  nix.has_system = has_entry(nix_profiles(config.instance) + "/system");
  nix.is_i686 = is_i686(config);
  return nix;
}

}  // namespace container_init
