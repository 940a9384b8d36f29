// SPDX-License-Identifier: MIT
#include "hooks/start/control_group.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/words.h"
#include "hooks/cgroup_hierarchy.h"

namespace container_init {
namespace {

// "0::PATH" is the line of the unified hierarchy.
std::string own_control_group() {
  const auto text = read_file("/proc/self/cgroup");
  for (const auto line : split_list(text ? *text : std::string_view{}, '\n'))
    if (line.starts_with("0::/")) return kCgroupMountPoint + std::string(line.substr(3));
  return {};
}

bool is_alone_in(const std::string& directory) {
  return read_file(directory + "/cgroup.procs") == std::to_string(getpid()) + '\n';
}

}  // namespace

Subgroup make_subgroup(const std::string& name) {
  if (!has_unified_hierarchy()) return Subgroup{};
  const std::string own = own_control_group();
  if (own.empty() || !is_alone_in(own)) return Subgroup{};
  std::string path = own + '/' + name;
  if (mkdir(path.c_str(), 0755) != 0 && errno != EEXIST)
    throw system_error(errno, "make control group " + path,
                       errno == EROFS ? "ProtectControlGroups= cannot be used" : "");
  Descriptor file(open((path + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.is_open()) throw system_error(errno, "open control group " + path);
  return {std::move(path), std::move(file)};
}

void remove_subgroup(const std::string& path) {
  if (path.empty()) return;
  const std::string supervisor = parent_directory(path) + "/supervisor/cgroup.procs";
  const Descriptor file(open(supervisor.c_str(), O_WRONLY | O_CLOEXEC));
  if (file.is_open() && write_all(file.get(), "0")) rmdir(path.c_str());
}

}  // namespace container_init
