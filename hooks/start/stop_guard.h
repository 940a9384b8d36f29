// Sees to it that a stop in the first moments of a container is not lost.
//
// Asked to stop, SIGTERM, systemd-nspawn sends its kill signal to the container's PID 1. Until
// container-init has blocked that signal, PID 1 is still systemd-nspawn's own child, which takes
// default actions: the kernel drops the signal, and nobody sends it again.
//
// systemd sends SIGCONT after SIGTERM, systemd.kill(5). Blocked before systemd-nspawn is executed,
// it stays pending there, and so tells later that a stop was asked for.
#pragma once

#include <sys/types.h>

#include <string>

#include "common/base/descriptor.h"

namespace container_init {

// Whether we are the process of a unit, which systemd stops by SIGTERM, and the kernel tells of
// children (CONFIG_PROC_CHILDREN). systemd.exec(5) tells of the unit by SYSTEMD_EXEC_PID; a shell
// sends SIGCONT for its own reasons.
bool can_guard_stop();

// From here on, and across execve(2).
void keep_trace_of_stop();

// A systemd-nspawn that runs, or is about to.
struct Nspawn {
  pid_t process = 0;
  Descriptor end;                  // of pidfd_open(2)
  std::string container_init;      // the path of the program that the container starts with
  bool sends_stop_signal = false;  // as its kill signal
};

// In another process: waits until a stop reaches the container, and repeats it where it was asked
// for before. Where the kill signal is not the one that container-init keeps, systemd-nspawn is
// asked a second time, and ends at once. Returns also when systemd-nspawn ends.
void repeat_lost_stop(const Nspawn& nspawn);

}  // namespace container_init
