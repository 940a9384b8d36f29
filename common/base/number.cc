// SPDX-License-Identifier: MIT
#include "common/base/number.h"

namespace container_init {

Parsed<std::chrono::seconds> parse_seconds(std::string_view text) {
  constexpr unsigned kDay = 86400;
  if (const auto number = parse_number<unsigned>(text, 0, kDay))
    return std::chrono::seconds{*number};
  return Reason{"not a number of seconds from 0 to 86400"};
}

}  // namespace container_init
