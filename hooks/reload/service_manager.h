// SPDX-License-Identifier: MIT
// A command under the service manager of a container, by systemd-run(1). The container's own
// manager executes it, with the namespaces, control groups and rights of a service there.
#pragma once

#include <string>
#include <vector>

#include "common/base/log.h"

namespace container_init {

// Error, Exit::unavailable, with `hint`, if the service manager does not answer on the system bus
// of the container.
void require_service_manager(const std::string& instance, const std::string& hint);

// The systemd-run(1) command; `command` begins with an absolute path in the container. It gets the
// environment of a login.
std::vector<std::string> systemd_run_command(const std::string& instance, const std::string& unit,
                                             const std::vector<std::string>& command);

// Runs the command and returns its exit status. Its input is empty; its output passes through pipes
// to our standard streams, and nothing that the container does with them delays the end of this
// function once systemd-run(1) has ended. If SIGTERM, SIGINT or SIGHUP arrives, or this process is
// killed, the command is stopped. Error, Exit::system.
// An error of the child that does this is reported to `log`, and its status returned.
int run_under_service_manager(const std::string& instance, const std::vector<std::string>& command,
                              const Log& log);

}  // namespace container_init
