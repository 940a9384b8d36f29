// SPDX-License-Identifier: MIT
// Values out of literals, and what tests see of errors and bytes.
#pragma once

#include <fmt/core.h>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/error.h"
#include "common/base/parsed.h"
#include "common/network/address.h"

namespace container_init {

inline Family family_of(std::string_view text) {
  return text.find(':') == std::string_view::npos ? Family::ipv4 : Family::ipv6;
}

// These throw, and so fail the test, where the literal is not valid.
inline Address address(std::string_view text) {
  return std::get<Address>(parse_address(text, family_of(text)));
}
inline Prefix prefix(std::string_view text) {
  return std::get<Prefix>(parse_prefix(text, family_of(text)));
}
inline MacAddress mac_address(std::string_view text) {
  return std::get<MacAddress>(parse_mac_address(text));
}

// "0a 00 00 02"
inline std::string to_hex(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes)
    text += fmt::format("{}{:02x}", text.empty() ? "" : " ", static_cast<unsigned>(byte));
  return text;
}

// Exactly as long as the text says, so that AddressSanitizer sees every read behind its end.
inline std::vector<std::byte> from_hex(std::string_view text) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i < text.size(); i += 3) {
    std::uint8_t byte = 0;
    std::from_chars(text.data() + i, text.data() + i + 2, byte, 16);
    bytes.push_back(std::byte{byte});
  }
  return {bytes.begin(), bytes.end()};
}

// What a call throws; Exit::ok and no lines where it returns.
struct Caught {
  Exit exit = Exit::ok;
  std::vector<std::string> lines;
};

template <typename Function>
Caught caught_from(Function function) {
  try {
    function();
  } catch (const Error& error) {
    return {error.exit(), error.lines()};
  }
  return {};
}

}  // namespace container_init
