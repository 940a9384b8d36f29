// SPDX-License-Identifier: MIT
#include "common/base/number.h"

#include <utility>
#include <vector>

#include "tests/unit/catch.h"

using namespace container_init;
using namespace std::chrono_literals;

TEST_CASE("seconds are whole and at most a day") {
  const std::vector<std::pair<std::string_view, std::chrono::seconds>> accepted{
      {"0", 0s}, {"1", 1s}, {"10", 10s}, {"86400", 86400s}};
  for (const auto& [text, seconds] : accepted) {
    const auto parsed = parse_seconds(text);
    CAPTURE(text);
    REQUIRE(value_of(parsed));
    CHECK(*value_of(parsed) == seconds);
  }
  for (const auto* text : {"", " ", "-1", "+1", "1.5", "1s", " 1", "1 ", "x", "0x10", "86401",
                           "4294967296", "99999999999999999999"}) {
    const auto parsed = parse_seconds(text);
    CAPTURE(text);
    REQUIRE_FALSE(value_of(parsed));
    CHECK(std::get<Reason>(parsed).text == "not a number of seconds from 0 to 86400");
  }
}
