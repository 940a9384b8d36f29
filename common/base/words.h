// SPDX-License-Identifier: MIT
// Splitting the value of a variable into words, and quoting words.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/parsed.h"

namespace container_init {

// Splits at runs of white space: blank, tab, newline.
std::vector<std::string_view> split_words(std::string_view text);

// Splits at every separator; empty items are kept, so that a caller can refuse them.
std::vector<std::string_view> split_list(std::string_view text, char separator);

// Splits words that are quoted as in a shell: single quotes, double quotes, backslash. Nothing is
// expanded. The rules are those of the POSIX shell command language, 2.2 "Quoting".
Parsed<std::vector<std::string>> split_quoted(std::string_view text);

// Quotes text as one word for a shell: in single quotes if it needs any.
std::string shell_quote(std::string_view text);

// Quotes text for a message: in double quotes, bytes outside printable ASCII as \xNN, long text
// cut.
std::string quote(std::string_view text);

}  // namespace container_init
