// The one place that knows the version; the Makefile reads it here.
#pragma once

#include <string_view>

namespace container_init {

inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace container_init
