// SPDX-License-Identifier: MIT
// The network of a container in a line, for the status of its unit.
#pragma once

#include <string>

#include "common/config/config.h"

namespace container_init {

// "ve-web 10.0.0.1 - eth0 10.0.0.2, fd00::1 - fd00::2": both ends of each pair; of extra pairs as
// many as systemctl(1) shows in 80 columns, and how many more there are. Or which network it is,
// where there are no pairs.
std::string describe_network(const Config& config);

// The text, cut where systemctl(1) shows no more in 80 columns.
std::string fit_status(std::string text);

}  // namespace container_init
