// SPDX-License-Identifier: MIT
// IP and MAC addresses as values: parsed from text, printed in canonical form.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/parsed.h"

namespace container_init {

enum class Family : std::uint8_t { ipv4 = AF_INET, ipv6 = AF_INET6 };

struct Address {
  Family family = Family::ipv4;
  std::array<std::uint8_t, 16> bytes{};  // network order; IPv4 uses the first four

  std::size_t size() const { return family == Family::ipv4 ? 4 : 16; }
  unsigned bits() const { return static_cast<unsigned>(size() * 8); }
  // fe80::/10, on-link on every IPv6 link (RFC 4291, 2.5.6).
  bool is_link_local() const;

  friend bool operator==(const Address&, const Address&) = default;
};

// An address with the length of its network, as in 10.0.0.1/24.
struct Prefix {
  Address address;
  std::uint8_t length = 0;

  // The same length with the host bits cleared: the destination of a route to it.
  Prefix network() const;
  // The same with the host bits set.
  Prefix last() const;
  bool contains(const Address& other) const;
  // A single address: /32 or /128.
  bool is_host() const { return length == address.bits(); }

  friend bool operator==(const Prefix&, const Prefix&) = default;
};

using MacAddress = std::array<std::uint8_t, 6>;

// What an address is to its network where no single machine can have it, as a phrase; else empty.
// IPv4: that of the network and the broadcast address, in networks from /30 on. IPv6: the
// subnet-router anycast address (RFC 4291, 2.6.1), in networks from /126 on (RFC 6164).
std::string_view shared_use(const Prefix& prefix);

// ADDR, a unicast address in any form inet_pton(3) takes, without a zone. Reserved ones, which no
// machine has, are refused too (RFC 6890).
Parsed<Address> parse_address(std::string_view text, Family family);

// ADDR[/LEN]; without LEN a single address.
Parsed<Prefix> parse_prefix(std::string_view text, Family family);

// Six octets in hexadecimal with colons between; unicast and not all zero (IEEE 802).
Parsed<MacAddress> parse_mac_address(std::string_view text);

std::string to_string(const Address& address);
// Always with the length, as ip-address(8) prints it.
std::string to_string(const Prefix& prefix);
std::string to_string(const MacAddress& address);

}  // namespace container_init
