// SPDX-License-Identifier: MIT
// Numbers in text.
#pragma once

#include <charconv>
#include <chrono>
#include <optional>
#include <string_view>

#include "common/base/parsed.h"

namespace container_init {

// The whole text as a number of that base, from `least` to `most`, without sign or white space.
template <typename T>
std::optional<T> parse_number(std::string_view text, T least, T most, int base = 10) {
  T number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc{} || end != text.end() || number < least || number > most)
    return std::nullopt;
  return number;
}

// Whole seconds from 0 to a day.
Parsed<std::chrono::seconds> parse_seconds(std::string_view text);

}  // namespace container_init
