// SPDX-License-Identifier: MIT
// Makes sure that a stop in the first moments of a container is not lost.
//
// Asked to stop, SIGTERM, systemd-nspawn sends its kill signal to the container's PID 1. Until
// container-init has blocked that signal, PID 1 is still systemd-nspawn's own child, which takes
// default actions: the kernel drops the signal, and nobody sends it again.
//
// systemd sends SIGCONT after SIGTERM, systemd.kill(5). It is blocked before systemd-nspawn is
// executed and so stays pending there: whoever looks at it later sees that a stop was asked for.
#pragma once

#include "hooks/start/nspawn_process.h"

namespace container_init {

// Whether this is the process of a unit, which systemd stops with SIGTERM, and the kernel lists
// children (CONFIG_PROC_CHILDREN). systemd sets SYSTEMD_EXEC_PID to the process, systemd.exec(5);
// by hand there is no guard, as a shell sends SIGCONT for its own reasons.
bool can_guard_stop();

// Blocks SIGCONT, also across execve(2).
void keep_trace_of_stop();

// In another process: waits until a stop reaches the container, and repeats it where it was asked
// for before. Where the kill signal is not the one that container-init keeps, systemd-nspawn is
// asked a second time, and ends at once. Returns also when systemd-nspawn ends.
void repeat_lost_stop(const NspawnProcess& nspawn);

}  // namespace container_init
