// fmt, by its light header: the functions behind it are compiled once, in format.cc.
#pragma once

#include <fmt/core.h>

namespace container_init {

using fmt::format;

}  // namespace container_init
