// SPDX-License-Identifier: MIT
// The file of container-init that a container is given.
//
// Root of a container without a user namespace can make a read-only bind writable, and so overwrite
// what is bound. That must not be the host's program, which is PID 1 of every container, but a copy
// that no other container gets. In a user namespace the kernel keeps the bind read-only,
// mount_namespaces(7), and root is another user, who may not write to the file anyway.
#pragma once

#include <string>

#include "common/config/config.h"

namespace container_init {

// Whether the container gets a copy: unless it is certain that its root is another user than the
// host's, and such a user may execute the program.
bool needs_copy(const Config& config, const std::string& program);

// Where the copy for this container is made: beside the root, or where no program can be there, as
// on a file system that is read-only or noexec, beside the program.
std::string copy_path(const Config& config, const std::string& program);

// Removes the file with its owner, unless that executes another program before: then the process
// that start leaves behind does it.
class ProgramCopy {
 public:
  // Replaces what an earlier start may have left there. Error, Exit::system.
  ProgramCopy(const std::string& program, std::string path);
  ProgramCopy(ProgramCopy&&) = delete;
  ProgramCopy(const ProgramCopy&) = delete;
  ProgramCopy& operator=(ProgramCopy&&) = delete;
  ProgramCopy& operator=(const ProgramCopy&) = delete;
  ~ProgramCopy();

 private:
  std::string path_;
};

}  // namespace container_init
