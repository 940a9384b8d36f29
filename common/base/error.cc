// SPDX-License-Identifier: MIT
#include "common/base/error.h"

#include <cstring>

namespace container_init {

Error system_error(int error_number, const std::string& action, const std::string& hint,
                   Exit exit) {
  std::string line = "cannot " + action + ": " + std::strerror(error_number);
  if (!hint.empty()) line += ": " + hint;
  return {exit, std::move(line)};
}

}  // namespace container_init
