// A command whose output passes through us.
#pragma once

#include <string>
#include <vector>

#include "common/log.h"

namespace container_init {

// Runs the command in a child, with this environment and nothing to read, and copies what it prints
// to our standard output and error: it never holds a terminal or a file of ours. It is killed if we
// end. Gives its exit status, 128 + signal where one ended it. Error, Exit::system; where the
// command cannot be executed, the child says so to `log` and that is its status.
int run_relayed(const std::vector<std::string>& command,
                const std::vector<std::string>& environment, const Log& log);

}  // namespace container_init
