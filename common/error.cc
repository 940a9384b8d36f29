#include "common/error.h"

#include <cstring>

namespace container_init {

Error system_error(int error_number, const std::string& action, const std::string& hint) {
  std::string line = "cannot " + action + ": " + std::strerror(error_number);
  if (!hint.empty()) line += ": " + hint;
  return {Exit::system, std::move(line)};
}

}  // namespace container_init
