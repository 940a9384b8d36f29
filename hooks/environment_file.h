// SPDX-License-Identifier: MIT
// The syntax of EnvironmentFile=, systemd.exec(5).
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace container_init {

struct NoAssignment {
  std::size_t line;  // from 1
  std::string_view name;

  bool operator==(const NoAssignment&) const = default;
};

// What systemd passes over, with a message at most: lines without "=", of which the whole is the
// name here, and names that no variable can have, such as "export FOO". Views into the text.
std::vector<NoAssignment> find_no_assignments(std::string_view text);

}  // namespace container_init
