// SPDX-License-Identifier: MIT
// Addresses: what is taken prints as text that is taken, and means the same.

#include "common/network/address.h"

#include "tests/fuzz/fuzz.h"

using namespace container_init;

namespace {

void check_prefix(std::string_view text, Family family) {
  const auto parsed = parse_prefix(text, family);
  const Prefix* prefix = value_of(parsed);
  if (prefix == nullptr) return;
  const auto again = parse_prefix(to_string(*prefix), family);
  fuzz::require(value_of(again) != nullptr && *value_of(again) == *prefix, "a prefix reads back");
  fuzz::require(prefix->contains(prefix->address), "a network contains its address");
  fuzz::require(prefix->network() == prefix->network().network(), "a network has no host bits");
  fuzz::require(prefix->address.family == family, "the family is the one asked for");
}

void check_address(std::string_view text, Family family) {
  const auto parsed = parse_address(text, family);
  const Address* address = value_of(parsed);
  if (address == nullptr) return;
  const auto again = parse_address(to_string(*address), family);
  fuzz::require(value_of(again) != nullptr && *value_of(again) == *address,
                "an address reads back");
}

void check_mac_address(std::string_view text) {
  const auto parsed = parse_mac_address(text);
  const MacAddress* address = value_of(parsed);
  if (address == nullptr) return;
  const auto again = parse_mac_address(to_string(*address));
  fuzz::require(value_of(again) != nullptr && *value_of(again) == *address,
                "a MAC address reads back");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    check_prefix(text, family);
    check_address(text, family);
  }
  check_mac_address(text);
  return 0;
}
