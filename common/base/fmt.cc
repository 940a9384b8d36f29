// SPDX-License-Identifier: MIT
// Distributions ship fmt as headers and a shared library; a static program compiles the functions
// behind <fmt/core.h> itself. Done in this one file, the others are quick to build.
#define FMT_HEADER_ONLY 1
// No program prints a fraction: what that takes is 28 KB.
#define FMT_USE_FLOAT 0
#define FMT_USE_DOUBLE 0
#define FMT_USE_LONG_DOUBLE 0
#ifndef __clang__  // g++ 13 with -O2 warns that fmt 9 writes beyond its buffers, where it does not
#pragma GCC diagnostic ignored "-Warray-bounds"
#pragma GCC diagnostic ignored "-Wstringop-overflow"
#endif
#include <fmt/format.h>

namespace container_init::detail {

// Naming the function makes the compiler emit it, with all it calls.
using Format = std::string (*)(fmt::string_view, fmt::format_args);
extern const Format emitted;
const Format emitted = &fmt::vformat;

}  // namespace container_init::detail
