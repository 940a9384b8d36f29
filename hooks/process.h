// SPDX-License-Identifier: MIT
// Starting another program and waiting for its end.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace container_init {

// The status that a shell gives for a program that it cannot find.
inline constexpr int kNotInstalled = 127;

struct ProcessResult {
  int status = 0;      // exit status; 128 + the signal that ended it; or kNotInstalled
  std::string output;  // the first kilobytes of its standard output
};

// Searches PATH for the program, which shares our standard error, and our standard input unless
// there is a text for it, no longer than a pipe holds. It is killed after `patience`. Error,
// Exit::system, if no process can be created.
ProcessResult run_process(const std::vector<std::string>& arguments,
                          std::chrono::seconds patience = std::chrono::seconds{10},
                          std::string_view input = {});

// Waits until a child has ended; its status, as in ProcessResult.
int wait_for_child(pid_t process);

}  // namespace container_init
