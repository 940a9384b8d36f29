// SPDX-License-Identifier: MIT
// A command in a container whose output passes through this program.
#pragma once

#include <unistd.h>

#include <functional>
#include <string>
#include <vector>

#include "common/base/log.h"

namespace container_init {

// Where the output of a command goes.
struct Streams {
  int output = STDOUT_FILENO;
  int errors = STDERR_FILENO;
};

// Calls `enter` in a child and runs the command in a child of that, with this environment and
// nothing to read; copies what is printed to the streams, until the command ends. Before the child
// enters anything it closes all descriptors but its pipes, and leaves the terminal. All are killed
// if this process ends. Gives the command's exit status, 128 + signal where one ended it. Error,
// Exit::system; an error of the child is reported to `log`, and its status returned.
int run_relayed(
    const std::vector<std::string>& command, const std::vector<std::string>& environment,
    const Log& log, const Streams& streams = {}, const std::function<void()>& enter = [] {});

}  // namespace container_init
