// What systemd-machined knows of a container, asked through machinectl(1) and busctl(1).
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "common/base/log.h"

namespace container_init {

// No process is started for it: machined keeps a file for each of its machines.
bool is_registered(const std::string& instance);

// The container's PID 1, as the host counts; nothing where machinectl(1) does not tell it.
std::optional<pid_t> find_leader(const std::string& instance);

// Ends the machine and waits until machined has forgotten it and its systemd-nspawn(1) has ended.
// One whose leader is dead is only unregistered: ending it would stop its unit, which may be the
// one that is starting. Error, Exit::timeout, where either takes longer than 10 s; Exit::system
// where machined refuses.
void remove_machine(const std::string& instance, const Log& log);

}  // namespace container_init
