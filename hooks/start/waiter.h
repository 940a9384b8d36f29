// SPDX-License-Identifier: MIT
// The process that start leaves behind: the host's end of the links is configured the moment that
// systemd-nspawn makes them, before the container boots.
#pragma once

#include <string>

#include "common/base/log.h"
#include "common/config/config.h"

namespace container_init {

// What the container starts with.
struct BoundProgram {
  std::string path;
  bool is_copy = false;  // made for this container, and removed when it is bound
};

// To be called right before this process becomes systemd-nspawn by execve(2). On return another
// process hears of every new link. It configures the network's links as post-start does, removes
// the copy of the program, makes sure that no early stop is lost, see stop_guard.h, and ends; or
// ends with systemd-nspawn. Where it fails it says why and ends systemd-nspawn. It is no child of
// this process, has no descriptor but standard error, and is in a control group of its own where
// that matters.
//
// Error, Exit::system, where there can be no such process.
void leave_waiter(const Config& config, const BoundProgram& program, const Log& log);

}  // namespace container_init
