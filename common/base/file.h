// Small files, read and written whole.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/descriptor.h"

namespace container_init {

// The beginning of it, 64 KiB at most; nothing, with errno, where it cannot be read.
std::optional<std::string> read_file(const Descriptor& file);
std::optional<std::string> read_file(const std::string& path);

// Where a symbolic link leads, readlink(2); nothing, with errno, where it is none.
std::optional<std::string> read_link(const std::string& path);

// False, with errno, where not all of it could be written.
bool write_all(int fd, std::string_view text);

}  // namespace container_init
