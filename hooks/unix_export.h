// SPDX-License-Identifier: MIT
// What systemd-nspawn(1) leaves behind when it is killed: since systemd 256 it mounts a directory
// unix-export of the container below /run/systemd/nspawn on the host, for sockets of the container.
// It unmounts it when it ends by itself. As long as it is mounted, no systemd-nspawn starts another
// container of the name.
#pragma once

#include <string>
#include <vector>

namespace container_init {

// The paths that are mounted; none before systemd 256.
std::vector<std::string> find_unix_exports(const std::string& instance);

// Success where the path is not mounted any more. Error, Exit::system, where the kernel refuses.
void unmount_unix_export(const std::string& path);

}  // namespace container_init
