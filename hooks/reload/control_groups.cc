// SPDX-License-Identifier: MIT
#include "hooks/reload/control_groups.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/core.h>

#include "common/base/descriptor.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/words.h"
#include "hooks/cgroup_hierarchy.h"

namespace container_init {
namespace {

struct ControlGroup {
  std::string hierarchy;  // its controllers, "name=systemd", or empty for the unified one
  std::string path;       // below the hierarchy's mount point
};

// Lines of /proc/PID/cgroup: a number, the hierarchy and the path, with colons between them.
std::vector<ControlGroup> control_groups_of(const std::string& process) {
  const auto text = read_file(fmt::format("/proc/{}/cgroup", process));
  if (!text) throw system_error(errno, "read the control groups of process " + process);
  std::vector<ControlGroup> groups;
  for (const auto line : split_list(*text, '\n')) {
    const auto hierarchy = line.find(':') + 1;
    const auto path = line.find(':', hierarchy) + 1;
    if (hierarchy == 0 || path == 0) continue;
    groups.push_back({std::string(line.substr(hierarchy, path - 1 - hierarchy)),
                      std::string(line.substr(path))});
  }
  return groups;
}

// As systemd mounts it.
std::string directory_of(const ControlGroup& group) {
  constexpr std::string_view kNamed = "name=";
  std::string_view hierarchy = group.hierarchy;
  if (hierarchy.starts_with(kNamed)) hierarchy.remove_prefix(kNamed.size());
  if (hierarchy.empty() && has_unified_hierarchy()) return kCgroupMountPoint + group.path;
  return fmt::format("{}/{}{}", kCgroupMountPoint, hierarchy.empty() ? "unified" : hierarchy,
                     group.path);
}

void join(const ControlGroup& group) {
  const std::string path = directory_of(group);
  const Descriptor file(open((path + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.is_open() || !write_all(file.get(), "0"))  // the process that writes
    throw system_error(errno, "join control group " + path,
                       errno == EROFS ? "ProtectControlGroups= cannot be used" : "");
}

// Of the hierarchy in which systemd keeps units.
std::string path_among_units(const std::string& process) {
  const std::string_view hierarchy = has_unified_hierarchy() ? "" : "name=systemd";
  for (const auto& group : control_groups_of(process))
    if (group.hierarchy == hierarchy) return group.path;
  return {};
}

// In units with Delegate= systemd puts ExecReload= and the like below the unit.
std::string own_unit_path() {
  constexpr std::string_view kControl = "/.control";
  std::string path = path_among_units("self");
  if (path.ends_with(kControl)) path.resize(path.size() - kControl.size());
  return path;
}

}  // namespace

void join_control_groups_of(pid_t process) {
  const auto own = control_groups_of("self");
  const auto is_own = [&](const ControlGroup& group) {
    return std::ranges::any_of(own, [&](const ControlGroup& candidate) {
      return candidate.hierarchy == group.hierarchy && candidate.path == group.path;
    });
  };
  for (const auto& group : control_groups_of(std::to_string(process)))
    if (!is_own(group)) join(group);
}

bool is_in_own_unit(pid_t process) {
  const std::string unit = own_unit_path();
  return unit.size() > 1 && path_among_units(std::to_string(process)).starts_with(unit + '/');
}

}  // namespace container_init
