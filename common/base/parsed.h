// SPDX-License-Identifier: MIT
// What a parser returns: the value, or the reason why the text was refused.
#pragma once

#include <string>
#include <variant>

namespace container_init {

struct Reason {
  std::string text;
};

template <typename T>
using Parsed = std::variant<T, Reason>;

// The value, or nullptr if the text was refused.
template <typename T>
const T* value_of(const Parsed<T>& parsed) {
  return std::get_if<T>(&parsed);
}

}  // namespace container_init
