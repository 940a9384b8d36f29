// A command whose output passes through us.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/base/log.h"

namespace container_init {

// Calls `enter` in a child and runs the command in a child of that, with this environment and
// nothing to read; copies what is printed to our standard output and error. The child has left
// behind what is ours before it enters anything: descriptors, and the terminal. All are killed if
// we end. Gives the command's exit status, 128 + signal where one ended it. Error, Exit::system;
// where the child throws one it says so to `log`, and that is its status.
int run_relayed(
    const std::vector<std::string>& command, const std::vector<std::string>& environment,
    const Log& log, const std::function<void()>& enter = [] {});

}  // namespace container_init
