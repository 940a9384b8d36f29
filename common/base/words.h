// Lists in one variable, split as the shell scripts' users write them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/parsed.h"

namespace container_init {

// At white space: blank, tab, newline. Runs of it count once.
std::vector<std::string_view> split_words(std::string_view text);

// At every separator; empty items are kept, so that a caller can refuse them.
std::vector<std::string_view> split_list(std::string_view text, char separator);

// Words quoted as in a shell: single quotes, double quotes, backslash. Nothing is expanded.
// The rules are those of the POSIX shell command language, 2.2 "Quoting".
Parsed<std::vector<std::string>> split_quoted(std::string_view text);

// As a shell takes it for one word: in single quotes where it needs any.
std::string shell_quote(std::string_view text);

// In double quotes for a message: bytes outside printable ASCII as \xNN, long text cut.
std::string quote(std::string_view text);

}  // namespace container_init
