// Starting another program and waiting for its end.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

namespace container_init {

// As a shell says that it has not found a program.
inline constexpr int kNotInstalled = 127;

struct ProcessResult {
  int status = 0;      // exit status; 128 + signal where one ended it; or kNotInstalled
  std::string output;  // the first kilobytes of its standard output
};

// Found by PATH; standard error is ours. It is killed when it has not ended in time. Error,
// Exit::system, where no process can be made.
ProcessResult run_process(const std::vector<std::string>& arguments,
                          std::chrono::seconds patience = std::chrono::seconds{10});

// Waits for a child, and gives its status as ProcessResult has it.
int wait_for_end(pid_t process);

}  // namespace container_init
