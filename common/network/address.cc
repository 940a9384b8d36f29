// SPDX-License-Identifier: MIT
#include "common/network/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/core.h>

namespace container_init {
namespace {

std::optional<Address> read_address(std::string_view text, Family family) {
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.size() >= terminated.size()) return std::nullopt;
  std::copy(text.begin(), text.end(), terminated.begin());
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  Address address;
  address.family = family;
  if (inet_pton(static_cast<int>(family), terminated.data(), address.bytes.data()) != 1)
    return std::nullopt;
  return address;
}

bool is_unspecified(const Address& address) {
  return std::all_of(address.bytes.begin(), address.bytes.end(), [](auto b) { return b == 0; });
}

bool is_multicast_or_broadcast(const Address& address) {
  if (address.family == Family::ipv6) return address.bytes[0] == 0xff;
  const bool broadcast = std::all_of(address.bytes.begin(), address.bytes.begin() + 4,
                                     [](auto b) { return b == 0xff; });
  return broadcast || (address.bytes[0] & 0xf0) == 0xe0;
}

// 127.0.0.0/8, ::1
bool is_loopback(const Address& address) {
  if (address.family == Family::ipv4) return address.bytes[0] == 127;
  Address loopback{Family::ipv6, {}};
  loopback.bytes.back() = 1;
  return address == loopback;
}

// ::ffff:0:0/96 stands for IPv4 inside of programs, never on a link (RFC 4291, 2.5.5.2).
bool is_ipv4_mapped(const Address& address) {
  Prefix mapped{{Family::ipv6, {}}, 96};
  mapped.address.bytes[10] = mapped.address.bytes[11] = 0xff;
  return mapped.contains(address);
}

// 0.0.0.0/8 and 240.0.0.0/4.
bool is_reserved(const Address& address) {
  return address.family == Family::ipv4 && (address.bytes[0] == 0 || address.bytes[0] >= 240);
}

std::string_view name_of(Family family) { return family == Family::ipv4 ? "IPv4" : "IPv6"; }

Family other(Family family) { return family == Family::ipv4 ? Family::ipv6 : Family::ipv4; }

Reason why_no_address(std::string_view text, Family family) {
  if (text.find('%') != std::string_view::npos) return {"a zone (%LINK) is not accepted"};
  if (read_address(text, other(family)))
    return {fmt::format("{} where {} is wanted", name_of(other(family)), name_of(family))};
  return {fmt::format("not an {} address", name_of(family))};
}

// The host bits of a byte of an address.
std::uint8_t host_bits(const Prefix& prefix, std::size_t byte) {
  const auto kept = std::clamp<int>(prefix.length - static_cast<int>(byte) * 8, 0, 8);
  return static_cast<std::uint8_t>(0xff >> kept);
}

}  // namespace

bool Address::is_link_local() const {
  return family == Family::ipv6 && bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
}

Prefix Prefix::network() const {
  Prefix network = *this;
  for (std::size_t i = 0; i < address.size(); ++i)
    network.address.bytes[i] &= static_cast<std::uint8_t>(~host_bits(*this, i));
  return network;
}

Prefix Prefix::last() const {
  Prefix last = *this;
  for (std::size_t i = 0; i < address.size(); ++i) last.address.bytes[i] |= host_bits(*this, i);
  return last;
}

bool Prefix::contains(const Address& other_address) const {
  return address.family == other_address.family &&
         network() == Prefix{other_address, length}.network();
}

std::string_view shared_use(const Prefix& prefix) {
  if (prefix.length + 2U > prefix.address.bits()) return {};
  const bool is_ipv4 = prefix.address.family == Family::ipv4;
  if (prefix == prefix.network())
    return is_ipv4 ? "the address of its network"
                   : "the subnet-router anycast address of its network";
  return is_ipv4 && prefix == prefix.last() ? "the broadcast address of its network" : "";
}

Parsed<Address> parse_address(std::string_view text, Family family) {
  const auto address = read_address(text, family);
  if (!address) return why_no_address(text, family);
  if (is_unspecified(*address)) return Reason{"the unspecified address"};
  if (is_multicast_or_broadcast(*address)) return Reason{"not a unicast address"};
  if (is_loopback(*address)) return Reason{"a loopback address"};
  if (is_reserved(*address)) return Reason{"a reserved address"};
  if (is_ipv4_mapped(*address)) return Reason{"an IPv4 address in IPv6 form"};
  return *address;
}

Parsed<Prefix> parse_prefix(std::string_view text, Family family) {
  const auto slash = text.find('/');
  const auto parsed = parse_address(text.substr(0, slash), family);
  const Address* address = value_of(parsed);
  if (!address) return std::get<Reason>(parsed);
  if (slash == std::string_view::npos)
    return Prefix{*address, static_cast<std::uint8_t>(address->bits())};

  const auto digits = text.substr(slash + 1);
  unsigned length = 0;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), length);
  if (end != digits.end() || error == std::errc::invalid_argument)
    return Reason{"the prefix length is not a number"};
  if (error != std::errc{} || length < 1 || length > address->bits())
    return Reason{fmt::format("the prefix length is not 1 to {}", address->bits())};
  return Prefix{*address, static_cast<std::uint8_t>(length)};
}

Parsed<MacAddress> parse_mac_address(std::string_view text) {
  MacAddress address{};
  const char* next = text.begin();
  for (std::size_t i = 0; i < address.size(); ++i) {
    if (i > 0 && (next == text.end() || *next++ != ':')) return Reason{"not six octets"};
    const auto [end, error] = std::from_chars(
        next, next + std::min<std::ptrdiff_t>(2, text.end() - next), address[i], 16);
    if (error != std::errc{}) return Reason{"not six octets in hexadecimal"};
    next = end;
  }
  if (next != text.end()) return Reason{"not six octets"};
  if (address[0] & 1) return Reason{"the group bit is set"};
  if (address == MacAddress{}) return Reason{"all zero"};
  return address;
}

std::string to_string(const Address& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(static_cast<int>(address.family), address.bytes.data(), text.data(), text.size());
  return text.data();
}

std::string to_string(const Prefix& prefix) {
  return fmt::format("{}/{}", to_string(prefix.address), prefix.length);
}

std::string to_string(const MacAddress& a) {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", a[0], a[1], a[2], a[3], a[4],
                     a[5]);
}

}  // namespace container_init
