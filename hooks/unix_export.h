// SPDX-License-Identifier: MIT
// What systemd-nspawn(1) leaves behind when it is killed: since systemd 256 it mounts
// /run/systemd/nspawn/unix-export/NAME on the host, for sockets of the container. It unmounts it
// when it ends by itself. As long as it is mounted, no systemd-nspawn starts another container of
// the name.
#pragma once

#include <string>

namespace container_init {

std::string unix_export_path(const std::string& instance);

// False also where there is no such directory, as before systemd 256.
bool is_unix_export_mounted(const std::string& instance);

// Success where it is not mounted any more. Error, Exit::system, where the kernel refuses.
void unmount_unix_export(const std::string& instance);

}  // namespace container_init
