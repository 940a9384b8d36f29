// SPDX-License-Identifier: MIT
#include "hooks/start/control_group.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

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

Descriptor open_subgroup(const std::string& name) {
  if (!has_unified_hierarchy()) return Descriptor();
  const std::string own = own_control_group();
  if (own.empty() || !is_alone_in(own)) return Descriptor();
  const std::string path = own + '/' + name;
  if (mkdir(path.c_str(), 0755) != 0 && errno != EEXIST)
    throw system_error(errno, "make control group " + path,
                       errno == EROFS ? "ProtectControlGroups= cannot be used" : "");
  Descriptor file(open((path + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.is_open()) throw system_error(errno, "open control group " + path);
  return file;
}

}  // namespace container_init
