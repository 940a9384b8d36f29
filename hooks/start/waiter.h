// SPDX-License-Identifier: MIT
// The process that start leaves behind until the container is ready. It configures the host's end
// of the links the moment that systemd-nspawn makes them, and speaks for the unit: the service
// manager hears from it that the container is ready, and what is waited for.
#pragma once

#include <string>

#include "common/base/log.h"
#include "common/config/config.h"
#include "hooks/start/notify_socket.h"

namespace container_init {

// The programs of a container.
struct Programs {
  std::string container_init;  // on the host
  std::string stage2;          // inside
};

// To be called right before this process becomes systemd-nspawn by execve(2), with the socket in
// its environment. On return another process hears of every new link, and of all that
// systemd-nspawn says to the socket. It configures the network's links as post-start does, makes
// sure that no early stop is lost, see stop_guard.h, and tells the service manager in the name of
// systemd-nspawn that the container is ready, once
// - the host's end is configured,
// - READY=1 has come, which systemd-nspawn says by itself with --notify-ready=no, and
// - the container executes a program of its own, and its links have carrier.
// Then it ends; or it ends with systemd-nspawn. Where it fails it says why, makes the unit end with
// its own status and ends systemd-nspawn. It is no child of this process, has no descriptor of its
// but standard error, and is in a control group of its own where that matters.
//
// Where the socket is not open it ends when the links are configured.
//
// Error, Exit::system, where there can be no such process.
void leave_waiter(const Config& config, const Programs& programs, const NotifySocket& socket,
                  const Log& log);

}  // namespace container_init
