// SPDX-License-Identifier: MIT
// A network as the variables that it is parsed from.
#pragma once

#include <string>
#include <vector>

#include "common/network/network.h"

namespace container_init {

// NAME=VALUE for each variable that is set. Together with INSTANCE they are parsed to the same
// network by parse_host_network().
std::vector<std::string> assignments_of(const Network& network);

}  // namespace container_init
