// SPDX-License-Identifier: MIT
#include "hooks/start/nix.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string_view>

#include <fmt/core.h>

#include "common/base/descriptor.h"
#include "common/base/file.h"
#include "hooks/openat2.h"

namespace container_init {
namespace {

constexpr std::string_view kStore = "/nix/store";

bool is_there(const char* path) { return access(path, F_OK) == 0; }

// A link counts, wherever it leads: the container may have made it.
bool has_entry(const std::string& path) {
  struct stat status {};
  return lstat(path.c_str(), &status) == 0;
}

// What the profile of a container leads to: "system" is a link to "system-N-link", and that one to
// the system. The container makes both: their text is read, and they are not followed.
std::string target_of_profile(const std::string& profiles) {
  const auto generation = read_link(profiles + "/system");
  if (!generation || generation->find('/') != std::string::npos)
    return generation.value_or(std::string{});
  return read_link(fmt::format("{}/{}", profiles, *generation)).value_or(std::string{});
}

// A regular file, beneath the store and nothing else: no symbolic link is followed, and no mount
// crossed. Empty where there is none.
std::string read_in_store(const std::string& path) {
  const Descriptor store(open(kStore.data(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const Descriptor found = open_resolved(store.get(), path, O_PATH,
                                         RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
  struct stat status {};
  if (!found.is_open() || fstat(found.get(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  return read_file(fmt::format("/proc/self/fd/{}", found.get())).value_or(std::string{});
}

bool is_i686(const Config& config) {
  const std::string system = config.system_path.empty()
                                 ? target_of_profile(nix_profiles(config.instance))
                                 : config.system_path;
  const std::string prefix = std::string(kStore) + '/';
  return system.starts_with(prefix) &&
         read_in_store(system.substr(prefix.size()) + "/system").starts_with("i686-linux");
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
  nix.has_store = is_there(kStore.data());
  if (!nix.has_store) return nix;
  nix.has_database = is_there("/nix/var/nix/db");
  nix.has_daemon_socket = is_there("/nix/var/nix/daemon-socket");
  nix.has_system = has_entry(nix_profiles(config.instance) + "/system");
  nix.is_i686 = is_i686(config);
  return nix;
}

}  // namespace container_init
