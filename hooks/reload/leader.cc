// SPDX-License-Identifier: MIT
#include "hooks/reload/leader.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include <fmt/core.h>

#include "common/base/descriptor.h"
#include "common/base/error.h"
#include "common/base/exec.h"
#include "common/base/file.h"
#include "hooks/machined.h"
#include "hooks/openat2.h"
#include "hooks/process_status.h"
#include "hooks/reload/control_groups.h"

namespace container_init {
namespace {

// The name of its file, which a process of this PID namespace cannot choose as it can the name in
// its status. A program that was replaced since is "deleted".
bool runs_systemd_nspawn(pid_t process) {
  const auto path = read_link(fmt::format("/proc/{}/exe", process));
  if (!path) throw system_error(errno, fmt::format("look at the program of process {}", process));
  return path->ends_with("/systemd-nspawn") || path->ends_with("/systemd-nspawn (deleted)");
}

bool is_systemd_nspawn_of_root(pid_t process) {
  const auto status = status_of(process);
  return status && status->is_root && status->is_in_our_pid_namespace &&
         runs_systemd_nspawn(process);
}

}  // namespace

pid_t require_leader(const std::string& instance) {
  if (find_program("machinectl").empty())
    throw Error(Exit::system,
                "cannot find machinectl in PATH: Debian and Fedora have it in the package "
                "systemd-container");
  const auto leader = is_registered(instance) ? ask_for_leader(instance) : std::nullopt;
  if (!leader)
    throw Error(Exit::system,
                fmt::format("systemd-machined knows no container {}: is it running?", instance));
  check_leader(*leader);
  return *leader;
}

void check_leader(pid_t leader) {
  const auto status = status_of(leader);
  if (!status || !status->is_init)
    throw Error(Exit::system, fmt::format("process {} is not the PID 1 of a container", leader));
  if (!is_in_own_unit(leader) && !is_systemd_nspawn_of_root(status->parent))
    throw Error(Exit::system,
                fmt::format("process {} is neither in this unit nor a child of a systemd-nspawn "
                            "of root",
                            leader));
}

bool has_no_file(pid_t leader, const std::string& path) {
  const Descriptor root(
      open(fmt::format("/proc/{}/root", leader).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root.is_open()) return false;
  const Descriptor file =
      open_resolved(root.get(), path, O_PATH, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
  return !file.is_open() && (errno == ENOENT || errno == ENOTDIR);
}

}  // namespace container_init
