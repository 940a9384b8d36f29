// SPDX-License-Identifier: MIT
#include "common/base/error.h"

#include <cstring>
#include <new>
#include <string>

namespace container_init {
namespace {

// What strerror(3) of musl says of 0 it says of all that it does not know, such as EUCLEAN of a
// file system that is damaged.
std::string error_text(int error_number) {
  const std::string nothing = std::strerror(0);
  std::string text = std::strerror(error_number);
  return text == nothing ? "error " + std::to_string(error_number) : text;
}

}  // namespace

Error system_error(int error_number, const std::string& action, const std::string& hint,
                   Exit exit) {
  std::string line = "cannot " + action + ": " + error_text(error_number);
  if (!hint.empty()) line += ": " + hint;
  return {exit, std::move(line)};
}

// A text that is there already: nothing can be made where there is no memory.
const char* describe(const std::exception& error) {
  const bool is_without_memory = dynamic_cast<const std::bad_alloc*>(&error) != nullptr;
  return is_without_memory ? "cannot allocate memory" : error.what();
}

}  // namespace container_init
