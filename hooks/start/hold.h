// SPDX-License-Identifier: MIT
// Keeping the end of a process from its parent for a while.
#pragma once

#include <sys/types.h>

#include "common/base/descriptor.h"

namespace container_init {

// As long as it lives, the parent of the process learns nothing of its end: a tracer's wait comes
// first, ptrace(2). So what is sent to a service manager in the name of its main process arrives
// before the end of that, though it may have ended.
class Hold {
 public:
  // Holds nothing where the kernel refuses, as for a process that strace(1) traces. Blocks SIGCHLD.
  explicit Hold(pid_t process);
  Hold(Hold&&) = delete;
  Hold(const Hold&) = delete;
  Hold& operator=(Hold&&) = delete;
  Hold& operator=(const Hold&) = delete;
  ~Hold();

  // Readable when let_run() has something to do. Not open where nothing is held.
  const Descriptor& events() const { return events_; }

  // The process stops at each signal that it does not block, until this is called.
  void let_run() const;

 private:
  pid_t process_;
  Descriptor events_;
};

}  // namespace container_init
