// SPDX-License-Identifier: MIT
#include "common/network/link_name.h"

#include "common/base/words.h"
#include "tests/unit/catch.h"

using namespace container_init;
using namespace std::string_view_literals;

TEST_CASE("a link name is what the kernel and systemd accept") {
  for (const auto* name : {"a", "eth0", "ve-web", "0a", "a.b", "...", "-", "a@b", "a,b", "!", "~",
                           "lan_0", "All", "defaults", "fifteen-letters"}) {
    CAPTURE(name);
    CHECK(is_link_name(name));
  }
  for (const auto name : {""sv,        "."sv,     ".."sv,          "all"sv,
                          "default"sv, "0"sv,     "123"sv,         "sixteen-letters0"sv,
                          "a/b"sv,     "/"sv,     "a:b"sv,         "a%b"sv,
                          "a b"sv,     " a"sv,    "a\t"sv,         "a\n"sv,
                          "a\x7f"sv,   "a\x1f"sv, "\xc3\xa9th0"sv, "\xff"sv,
                          "a\0"sv,     "\0"sv}) {
    CAPTURE(quote(name));
    CHECK_FALSE(is_link_name(name));
  }
  CHECK_FALSE(is_link_name({}));
  CHECK_FALSE(is_link_name(std::string(1 << 20, 'x')));
}

TEST_CASE("a link name that is refused has a reason") {
  const std::vector<std::pair<std::string_view, std::string_view>> rows{
      {"", "empty"},
      {"sixteen-letters0", "longer than 15 characters"},
      {"1234567890123456", "longer than 15 characters"},
      {"a/b", "a character that is not allowed"},
      {"\xff", "a character that is not allowed"},
      {"0", "a number"},
      {"123456789012345", "a number"},
      {".", "a name with a meaning of its own"},
      {"..", "a name with a meaning of its own"},
      {"all", "a name with a meaning of its own"},
      {"default", "a name with a meaning of its own"},
  };
  for (const auto& [name, reason] : rows) {
    const auto parsed = parse_link_name(name);
    CAPTURE(quote(name));
    REQUIRE_FALSE(value_of(parsed));
    CHECK(std::get<Reason>(parsed).text == reason);
  }
  CHECK(*value_of(parse_link_name("ve-web")) == "ve-web");
}

TEST_CASE("the host's end is called after the container") {
  CHECK(host_link_name("web", false) == "ve-web");
  CHECK(host_link_name("web", true) == "vb-web");
  CHECK(host_link_name("really-long-name", false) == "ve-really-long-name");
}

// As systemd-nspawn names the links of containers with such names.
TEST_CASE("a long name is cut and ends with its hash") {
  const std::vector<std::pair<std::string, std::string_view>> rows{
      {"ve-abcdefghijklm", "ve-abcdefghyhe5"},
      {"ve-really-long-name", "ve-really-l3QgY"},
      {"ve-abcdefghijklmnopqrst", "ve-abcdefghq1-A"},
      {"ve-really-long-long-name-2", "ve-really-lFYWO"},
      {"ve-" + std::string(64, 'x'), "ve-xxxxxxxxVbH6"},
  };
  for (const auto& [name, shortened] : rows) CHECK(short_link_name(name) == shortened);
}

TEST_CASE("a name that fits is kept") {
  for (const auto* name : {"", "ve-web", "ve-abcdefghijkl"}) CHECK(short_link_name(name) == name);
}

TEST_CASE("every long name becomes a link name of its own") {
  for (std::size_t size = 16; size < 80; ++size) {
    const std::string name = "ve-" + std::string(size - 3, 'a');
    CAPTURE(name);
    CHECK(short_link_name(name).size() == kLongestLinkName);
    CHECK(short_link_name(name).starts_with("ve-aaaaaaaa"));
    CHECK(short_link_name(name) != short_link_name(name + 'a'));
    CHECK(short_link_name(name) != short_link_name(name.substr(0, size - 1) + 'b'));
  }
}
