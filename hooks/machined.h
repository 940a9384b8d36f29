// SPDX-License-Identifier: MIT
// What systemd-machined knows of a container, asked through machinectl(1) and busctl(1).
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "common/base/log.h"

namespace container_init {

// No process is started for it: machined keeps a file for each of its machines.
bool is_registered(const std::string& instance);

// The PID, in our PID namespace, of the container's first process, which machined calls the leader.
// Nothing where machinectl(1) fails, as it does for a machine that is not registered.
std::optional<pid_t> ask_for_leader(const std::string& instance);

// Terminates the machine and waits until it is unregistered and its systemd-nspawn(1) has ended. A
// machine whose leader is dead is only unregistered: terminating it would stop its unit, which may
// be the one that is starting. Error, Exit::timeout, if either takes longer than 10 s; Exit::system
// if machined refuses.
void remove_machine(const std::string& instance, const Log& log);

}  // namespace container_init
