// SPDX-License-Identifier: MIT
#include "init/networkd_files.h"

#include "tests/unit/catch.h"
#include "tests/unit/values.h"

using namespace container_init;

namespace {

Pair pair_of(std::string link) {
  Pair pair;
  pair.container_link = std::move(link);
  return pair;
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("networkd keeps a link that has addresses") {
  Pair pair = pair_of("eth0");
  pair.ipv4.local = prefix("10.0.0.2");
  for (const bool is_main : {true, false}) {
    const std::string text = networkd_file(pair, is_main);
    CHECK(contains(text, "[Match]\nName=eth0\n\n[Network]\nKeepConfiguration=yes\n"));
    CHECK(contains(text, "IPv6AcceptRA=no\n"));
    CHECK(!contains(text, "DHCP"));
  }
}

TEST_CASE("networkd listens to routers only in a bridge, and only for want of an IPv6 address") {
  Pair pair = pair_of("eth0");
  pair.bridge = "br0";
  pair.ipv4.local = prefix("10.0.0.2/24");
  CHECK(contains(networkd_file(pair, true), "IPv6AcceptRA=yes\n"));
  pair.ipv6.local = prefix("fd00::2/64");
  CHECK(contains(networkd_file(pair, true), "IPv6AcceptRA=no\n"));
}

TEST_CASE("networkd asks for addresses on the main pair in a bridge") {
  Pair pair = pair_of("eth0");
  pair.bridge = "br0";
  CHECK(contains(networkd_file(pair, true), "[Network]\nDHCP=yes\n"));
  CHECK(networkd_file(pair, false).empty());
}

TEST_CASE("networkd has no part in other links") {
  CHECK(networkd_file(pair_of("eth0"), true).empty());
  Pair pattern = pair_of("eth*");
  pattern.ipv4.local = prefix("10.0.0.2");
  CHECK(networkd_file(pattern, false).empty());
}
