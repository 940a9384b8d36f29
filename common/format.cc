// Distributions ship fmt as headers and a shared library; a static program compiles the functions
// behind <fmt/core.h> itself. Doing so in this one file keeps the others quick to build.
#define FMT_HEADER_ONLY 1
#include <fmt/format.h>

namespace container_init::detail {

// Naming the function makes the compiler emit it, with all it calls.
extern std::string (*const emitted)(fmt::string_view, fmt::format_args);
std::string (*const emitted)(fmt::string_view, fmt::format_args) = &fmt::vformat;

}  // namespace container_init::detail
