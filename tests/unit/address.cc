// SPDX-License-Identifier: MIT
#include "common/network/address.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "common/base/words.h"
#include "tests/unit/catch.h"
#include "tests/unit/values.h"

using namespace container_init;
using namespace std::string_view_literals;

namespace {

// The canonical text of what was accepted, else why it was not.
template <typename T>
std::string text_or_reason(const Parsed<T>& parsed) {
  const T* value = value_of(parsed);
  return value ? to_string(*value) : std::get<Reason>(parsed).text;
}

struct Row {
  Family family;
  std::string_view text;
  std::string_view expected;
};

constexpr auto kIpv4 = Family::ipv4;
constexpr auto kIpv6 = Family::ipv6;

constexpr auto kTooLong = "a text that is far longer than an address of any family"sv;

constexpr auto kAddresses = std::to_array<Row>({
    {kIpv4, "10.0.0.1", "10.0.0.1"},
    {kIpv4, "1.0.0.0", "1.0.0.0"},
    {kIpv4, "126.255.255.255", "126.255.255.255"},
    {kIpv4, "128.0.0.1", "128.0.0.1"},
    {kIpv4, "223.255.255.255", "223.255.255.255"},
    {kIpv6, "fd00::1", "fd00::1"},
    {kIpv6, "FD00::ABCD", "fd00::abcd"},
    {kIpv6, "fd00:0:0:0:0:0:0:1", "fd00::1"},
    {kIpv6, "fd00:0000:0000:0000:0000:0000:0000:0001", "fd00::1"},
    {kIpv6, "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
    {kIpv6, "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
    {kIpv6, "::2", "::2"},
    {kIpv6, "1::1", "1::1"},
    {kIpv6, "fd00::", "fd00::"},
    {kIpv6, "fe80::1", "fe80::1"},
    {kIpv6, "64:ff9b::192.0.2.1", "64:ff9b::c000:201"},
    {kIpv6, "2001:0db8:0000:0000:0000:ffff:255.255.255.255", "2001:db8::ffff:ffff:ffff"},
    {kIpv6, "::1:ffff:a00:1", "::1:ffff:a00:1"},
    {kIpv6, "::fffe:0:1", "::fffe:0:1"},

    {kIpv4, "", "not an IPv4 address"},
    {kIpv4, "10.0.0", "not an IPv4 address"},
    {kIpv4, "10.1", "not an IPv4 address"},
    {kIpv4, "10.0.0.1.2", "not an IPv4 address"},
    {kIpv4, "10.0.0.256", "not an IPv4 address"},
    {kIpv4, "10.0.0.01", "not an IPv4 address"},
    {kIpv4, "10.0.0.-1", "not an IPv4 address"},
    {kIpv4, "10.0.0.", "not an IPv4 address"},
    {kIpv4, "10..0.1", "not an IPv4 address"},
    {kIpv4, "0x0a000001", "not an IPv4 address"},
    {kIpv4, "167772161", "not an IPv4 address"},
    {kIpv4, " 10.0.0.1", "not an IPv4 address"},
    {kIpv4, "10.0.0.1 ", "not an IPv4 address"},
    {kIpv4, "10.0.0.1\n", "not an IPv4 address"},
    {kIpv4, "10.0.0.1\0"sv, "not an IPv4 address"},
    {kIpv4, "10.0.0.1\0x"sv, "not an IPv4 address"},
    {kIpv4, "10.0.0.1/24", "not an IPv4 address"},
    {kIpv4, "localhost", "not an IPv4 address"},
    {kIpv4, kTooLong, "not an IPv4 address"},
    {kIpv4, "10.0.0.1%eth0", "a zone (%LINK) is not accepted"},
    {kIpv4, "fd00::1", "IPv6 where IPv4 is wanted"},
    {kIpv4, "::", "IPv6 where IPv4 is wanted"},
    {kIpv4, "0.0.0.0", "the unspecified address"},
    {kIpv4, "0.0.0.1", "a reserved address"},
    {kIpv4, "0.255.255.255", "a reserved address"},
    {kIpv4, "240.0.0.1", "a reserved address"},
    {kIpv4, "255.255.255.254", "a reserved address"},
    {kIpv4, "224.0.0.0", "not a unicast address"},
    {kIpv4, "239.255.255.255", "not a unicast address"},
    {kIpv4, "255.255.255.255", "not a unicast address"},
    {kIpv6, "", "not an IPv6 address"},
    {kIpv6, ":", "not an IPv6 address"},
    {kIpv6, ":::", "not an IPv6 address"},
    {kIpv6, ":1", "not an IPv6 address"},
    {kIpv6, "fd00::1::2", "not an IPv6 address"},
    {kIpv6, "12345::", "not an IPv6 address"},
    {kIpv6, "fd00::g", "not an IPv6 address"},
    {kIpv6, "1:2:3:4:5:6:7", "not an IPv6 address"},
    {kIpv6, "1:2:3:4:5:6:7:8:9", "not an IPv6 address"},
    {kIpv6, "[fd00::1]", "not an IPv6 address"},
    {kIpv6, "fd00::1/64", "not an IPv6 address"},
    {kIpv6, "fd00::1\0"sv, "not an IPv6 address"},
    {kIpv6, "2001:0db8:0000:0000:0000:ffff:0255.255.255.255", "not an IPv6 address"},
    {kIpv6, "2001:0db8:0000:0000:0000:ffff:255.255.255.2551", "not an IPv6 address"},
    {kIpv6, kTooLong, "not an IPv6 address"},
    {kIpv6, "fe80::1%eth0", "a zone (%LINK) is not accepted"},
    {kIpv6, "fe80::1%", "a zone (%LINK) is not accepted"},
    {kIpv6, "10.0.0.1", "IPv4 where IPv6 is wanted"},
    {kIpv6, "::", "the unspecified address"},
    {kIpv6, "0:0:0:0:0:0:0:0", "the unspecified address"},
    {kIpv6, "ff02::1", "not a unicast address"},
    {kIpv6, "ff00::", "not a unicast address"},
    {kIpv4, "127.0.0.1", "a loopback address"},
    {kIpv4, "127.255.255.255", "a loopback address"},
    {kIpv6, "::1", "a loopback address"},
    {kIpv6, "::ffff:10.0.0.1", "an IPv4 address in IPv6 form"},
    {kIpv6, "::ffff:0:0", "an IPv4 address in IPv6 form"},
    {kIpv6, "0000:0000:0000:0000:0000:ffff:255.255.255.255", "an IPv4 address in IPv6 form"},
});

constexpr auto kPrefixes = std::to_array<Row>({
    {kIpv4, "10.0.0.1", "10.0.0.1/32"},
    {kIpv4, "10.0.0.1/24", "10.0.0.1/24"},
    {kIpv4, "10.0.0.1/32", "10.0.0.1/32"},
    {kIpv4, "10.0.0.1/1", "10.0.0.1/1"},
    {kIpv6, "FD00::1", "fd00::1/128"},
    {kIpv6, "fd00::1/64", "fd00::1/64"},
    {kIpv6, "fd00::1/128", "fd00::1/128"},
    {kIpv6, "fd00::1/1", "fd00::1/1"},

    {kIpv4, "10.0.0.1/33", "the prefix length is not 1 to 32"},
    {kIpv4, "10.0.0.1/0", "the prefix length is not 1 to 32"},
    {kIpv6, "fd00::1/0", "the prefix length is not 1 to 128"},
    {kIpv4, "10.0.0.1/256", "the prefix length is not 1 to 32"},
    {kIpv4, "10.0.0.1/4294967296", "the prefix length is not 1 to 32"},
    {kIpv4, "10.0.0.1/99999999999999999999", "the prefix length is not 1 to 32"},
    {kIpv6, "fd00::1/129", "the prefix length is not 1 to 128"},
    {kIpv4, "10.0.0.1/", "the prefix length is not a number"},
    {kIpv4, "10.0.0.1/-1", "the prefix length is not a number"},
    {kIpv4, "10.0.0.1/+1", "the prefix length is not a number"},
    {kIpv4, "10.0.0.1/ 24", "the prefix length is not a number"},
    {kIpv4, "10.0.0.1/24 ", "the prefix length is not a number"},
    {kIpv4, "10.0.0.1/24\0"sv, "the prefix length is not a number"},
    {kIpv4, "10.0.0.1/0x18", "the prefix length is not a number"},
    {kIpv4, "10.0.0.1/255.255.255.0", "the prefix length is not a number"},
    {kIpv4, "10.0.0.1/24/24", "the prefix length is not a number"},
    {kIpv4, "10.0.0.1/99999999999999999999x", "the prefix length is not a number"},
    {kIpv4, "/24", "not an IPv4 address"},
    {kIpv4, "10.0.0/24", "not an IPv4 address"},
    {kIpv4, "fd00::1/64", "IPv6 where IPv4 is wanted"},
    {kIpv6, "10.0.0.1/24", "IPv4 where IPv6 is wanted"},
    {kIpv6, "fe80::1%eth0/64", "a zone (%LINK) is not accepted"},
    {kIpv4, "0.0.0.0/0", "the unspecified address"},
    {kIpv4, "224.0.0.1/4", "not a unicast address"},
});

constexpr auto kMacAddresses = std::to_array<Row>({
    {{}, "02:00:00:00:00:01", "02:00:00:00:00:01"},
    {{}, "FE:DC:BA:98:76:54", "fe:dc:ba:98:76:54"},
    {{}, "2:0:0:0:0:a", "02:00:00:00:00:0a"},
    {{}, "00:00:00:00:00:01", "00:00:00:00:00:01"},

    {{}, {}, "not six octets in hexadecimal"},
    {{}, "", "not six octets in hexadecimal"},
    {{}, ":", "not six octets in hexadecimal"},
    {{}, "02", "not six octets"},
    {{}, "02:00:00:00:00", "not six octets"},
    {{}, "02:00:00:00:00:", "not six octets in hexadecimal"},
    {{}, "02:00:00:00:00:01:02", "not six octets"},
    {{}, "02:00:00:00:00:01:", "not six octets"},
    {{}, "02:00:00:00:00:01 ", "not six octets"},
    {{}, " 02:00:00:00:00:01", "not six octets in hexadecimal"},
    {{}, "02:00:00:00:00:001", "not six octets"},
    {{}, "02-00-00-00-00-01", "not six octets"},
    {{}, "020000000001", "not six octets"},
    {{}, "0x2:00:00:00:00:01", "not six octets"},
    {{}, "0g:00:00:00:00:01", "not six octets"},
    {{}, "g0:00:00:00:00:01", "not six octets in hexadecimal"},
    {{}, "-2:00:00:00:00:01", "not six octets in hexadecimal"},
    {{}, "02::00:00:00:01", "not six octets in hexadecimal"},
    {{}, "02:00:00:00:00:01\0"sv, "not six octets"},
    {{}, "01:00:5e:00:00:01", "the group bit is set"},
    {{}, "ff:ff:ff:ff:ff:ff", "the group bit is set"},
    {{}, "00:00:00:00:00:00", "all zero"},
});

bool bit(const Address& address, unsigned position) {
  return (address.bytes[position / 8] >> (7 - position % 8) & 1) != 0;
}

Address with_bit_flipped(Address address, unsigned position) {
  address.bytes[position / 8] ^= static_cast<std::uint8_t>(0x80 >> position % 8);
  return address;
}

}  // namespace

TEST_CASE("an address is parsed and printed in canonical form, or refused with a reason") {
  for (const Row& row : kAddresses) {
    CAPTURE(quote(row.text));
    CHECK(text_or_reason(parse_address(row.text, row.family)) == row.expected);
  }
}

TEST_CASE("a prefix is an address with the length of its network") {
  for (const Row& row : kPrefixes) {
    CAPTURE(quote(row.text));
    CHECK(text_or_reason(parse_prefix(row.text, row.family)) == row.expected);
  }
}

TEST_CASE("a MAC address is six octets of one station") {
  for (const Row& row : kMacAddresses) {
    CAPTURE(quote(row.text));
    CHECK(text_or_reason(parse_mac_address(row.text)) == row.expected);
  }
}

TEST_CASE("an address is read into the bytes of its family") {
  const Address ipv4 = address("10.1.2.3");
  CHECK(ipv4.family == Family::ipv4);
  CHECK(ipv4.bytes == std::array<std::uint8_t, 16>{10, 1, 2, 3});
  CHECK(ipv4.size() == 4);
  CHECK(ipv4.bits() == 32);

  const Address ipv6 = address("fd01:203::4");
  CHECK(ipv6.family == Family::ipv6);
  CHECK(ipv6.bytes ==
        std::array<std::uint8_t, 16>{0xfd, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4});
  CHECK(ipv6.size() == 16);
  CHECK(ipv6.bits() == 128);
}

TEST_CASE("a single address is a prefix of full length") {
  CHECK(prefix("10.0.0.1").is_host());
  CHECK(prefix("fd00::1").is_host());
  CHECK(prefix("10.0.0.1") == prefix("10.0.0.1/32"));
  CHECK_FALSE(prefix("10.0.0.1/31").is_host());
  CHECK_FALSE(prefix("fd00::1/32").is_host());
}

TEST_CASE("the network of a prefix has its bits up to the length and zeros behind") {
  for (const auto* text : {"171.205.18.239", "abcd:ef01:2345:6789:9876:5432:10fe:dcbb"}) {
    const Address whole = address(text);
    for (unsigned length = 0; length <= whole.bits(); ++length) {
      const Prefix network = Prefix{whole, static_cast<std::uint8_t>(length)}.network();
      CAPTURE(text, length);
      CHECK(network.length == length);
      bool as_expected = true;
      for (unsigned i = 0; i < whole.bits(); ++i)
        as_expected &= bit(network.address, i) == (i < length && bit(whole, i));
      CHECK(as_expected);
      CHECK(network.network() == network);
    }
  }
}

TEST_CASE("a prefix contains the addresses that differ only behind its length") {
  for (const auto* text : {"171.205.18.239", "abcd:ef01:2345:6789:9876:5432:10fe:dcbb"}) {
    const Address whole = address(text);
    for (unsigned length = 0; length <= whole.bits(); ++length) {
      const Prefix prefix{whole, static_cast<std::uint8_t>(length)};
      bool as_expected = prefix.contains(whole);
      for (unsigned i = 0; i < whole.bits(); ++i)
        as_expected &= prefix.contains(with_bit_flipped(whole, i)) == (i >= length);
      CAPTURE(text, length);
      CHECK(as_expected);
    }
  }
}

TEST_CASE("a prefix contains no address of the other family") {
  CHECK_FALSE(Prefix{address("10.0.0.1"), 0}.contains(address("a00:1::")));
  CHECK_FALSE(Prefix{address("a00:1::"), 0}.contains(address("10.0.0.1")));
}

TEST_CASE("fe80::/10 is link-local") {
  for (const auto* text : {"fe80::", "fe80::1", "fe90::1", "febf:ffff::1"}) {
    CAPTURE(text);
    CHECK(address(text).is_link_local());
  }
  for (const auto* text :
       {"fe7f::1", "fec0::1", "fd80::1", "::fe80", "169.254.1.1", "128.254.128.1"}) {
    CAPTURE(text);
    CHECK_FALSE(address(text).is_link_local());
  }
}

TEST_CASE("what no single machine of a network can have as its address") {
  const auto use = [](std::string_view text, Family family) {
    return shared_use(*value_of(parse_prefix(text, family)));
  };
  for (const auto text : {"10.0.0.0/24", "10.0.0.4/30", "10.0.0.128/25", "10.0.0.0/8"})
    CHECK(use(text, kIpv4) == "the address of its network");
  for (const auto text : {"10.0.0.255/24", "10.0.0.7/30", "10.0.0.255/25", "10.255.255.255/8"})
    CHECK(use(text, kIpv4) == "the broadcast address of its network");
  for (const auto text :
       {"10.0.0.1/24", "10.0.0.0/31", "10.0.0.1/31", "10.0.0.0/32", "10.0.0.255", "10.0.0.255/23"})
    CHECK(use(text, kIpv4).empty());
  for (const auto text : {"fd00::/64", "fd00::4/126", "fd00:0:0:8000::/49"})
    CHECK(use(text, kIpv6) == "the subnet-router anycast address of its network");
  for (const auto text : {"fd00::1/64", "fd00::/127", "fd00::", "fd00::ffff:ffff:ffff:ffff/64"})
    CHECK(use(text, kIpv6).empty());
}
