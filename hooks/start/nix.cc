#include "hooks/start/nix.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/core.h>

#include "common/base/descriptor.h"
#include "common/base/file.h"

namespace container_init {
namespace {

bool exists(const char* path) { return access(path, F_OK) == 0; }

// The link itself counts: where it leads is the container's to say.
bool has_entry(const std::string& path) {
  struct stat status {};
  return lstat(path.c_str(), &status) == 0;
}

// The container may have made the path lead anywhere: nothing is read that is not in the store.
std::string read_from_store(const std::string& path) {
  const Descriptor found(open(path.c_str(), O_PATH | O_CLOEXEC));
  const std::string opened = fmt::format("/proc/self/fd/{}", found.get());
  if (!read_link(opened).value_or(std::string{}).starts_with("/nix/store/")) return {};
  return read_file(opened).value_or(std::string{});
}

bool is_i686(const Config& config) {
  const std::string system =
      config.system_path.empty() ? nix_profiles(config.instance) + "/system" : config.system_path;
  return read_from_store(system + "/system").starts_with("i686-linux");
}

}  // namespace

std::string nix_profiles(const std::string& instance) {
  return "/nix/var/nix/profiles/per-container/" + instance;
}

std::string nix_gcroots(const std::string& instance) {
  return "/nix/var/nix/gcroots/per-container/" + instance;
}

Nix look_at_nix(const Config& config) {
  Nix nix;
  nix.has_store = exists("/nix/store");
  if (!nix.has_store) return nix;
  nix.has_database = exists("/nix/var/nix/db");
  nix.has_daemon_socket = exists("/nix/var/nix/daemon-socket");
  nix.has_system = has_entry(nix_profiles(config.instance) + "/system");
  nix.is_i686 = is_i686(config);
  return nix;
}

}  // namespace container_init
