// SPDX-License-Identifier: MIT
// Which hierarchy of control groups the host has, cgroups(7).
#pragma once

namespace container_init {

// Where systemd mounts it.
inline constexpr const char* kCgroupMountPoint = "/sys/fs/cgroup";

// Whether the unified hierarchy, and nothing else, is mounted there.
bool has_unified_hierarchy();

}  // namespace container_init
