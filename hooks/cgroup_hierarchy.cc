// SPDX-License-Identifier: MIT
#include "hooks/cgroup_hierarchy.h"

#include <linux/magic.h>
#include <sys/vfs.h>

namespace container_init {

bool has_unified_hierarchy() {
  struct statfs status {};
  return statfs(kCgroupMountPoint, &status) == 0 && status.f_type == CGROUP2_SUPER_MAGIC;
}

}  // namespace container_init
