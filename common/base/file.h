// SPDX-License-Identifier: MIT
// Small files, read and written whole.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/descriptor.h"

namespace container_init {

// The whole content; nothing, with errno set, if it cannot be read at once, EFBIG if it is over 8
// MiB.
std::optional<std::string> read_file(const Descriptor& file);
std::optional<std::string> read_file(const std::string& path);

// The target of a symbolic link, readlink(2); nothing, with errno set, if it is not a link.
std::optional<std::string> read_link(const std::string& path);

// The directory above a path; "/" where there is none, as for "/" and "a".
std::string parent_directory(const std::string& path);

// False, with errno set, if not all of it could be written.
bool write_all(int fd, std::string_view text);

}  // namespace container_init
