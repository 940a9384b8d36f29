// SPDX-License-Identifier: MIT
// The version; the Makefile reads it from here too.
#pragma once

#include <string_view>

namespace container_init {

inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace container_init
