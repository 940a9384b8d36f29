// SPDX-License-Identifier: MIT
#include "hooks/environment_file.h"

#include <algorithm>

namespace container_init {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
constexpr std::string_view kDigits = "0123456789";

bool is_one_of(char c, std::string_view set) { return set.find(c) != std::string_view::npos; }

bool is_name(std::string_view text) {
  return !text.empty() && !is_one_of(text[0], kDigits) && std::ranges::all_of(text, [](char c) {
    return is_one_of(c, kLetters) || is_one_of(c, kDigits);
  });
}

// The position of the character where no backslash precedes it, or the end.
std::size_t find_unescaped(std::string_view text, std::size_t from, char wanted) {
  for (; from < text.size() && text[from] != wanted; ++from)
    if (text[from] == '\\') ++from;
  return std::min(from, text.size());
}

// The position behind a quoted part. In single quotes a backslash is none.
std::size_t end_of_quote(std::string_view text, std::size_t quote) {
  const std::size_t end = text[quote] == '"' ? find_unescaped(text, quote + 1, '"')
                                             : std::min(text.find('\'', quote + 1), text.size());
  return std::min(end + 1, text.size());
}

std::size_t skip_blanks(std::string_view text, std::size_t at) {
  return std::min(text.find_first_not_of(" \t\r", at), text.size());
}

// The position of the newline behind a value, or the end. A quote opens only where nothing but
// quoted parts and blanks precede it; a backslash continues the line.
std::size_t end_of_value(std::string_view text, std::size_t at) {
  at = skip_blanks(text, at);
  while (at < text.size() && is_one_of(text[at], "'\""))
    at = skip_blanks(text, end_of_quote(text, at));
  return find_unescaped(text, at, '\n');
}

std::string_view without_end_blanks(std::string_view text) {
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

std::size_t line_of(std::string_view text, std::size_t at) {
  return static_cast<std::size_t>(std::ranges::count(text.substr(0, at), '\n')) + 1;
}

}  // namespace

std::vector<NoAssignment> find_no_assignments(std::string_view text) {
  std::vector<NoAssignment> found;
  for (auto at = text.find_first_not_of(kBlanks); at < text.size();
       at = text.find_first_not_of(kBlanks, at)) {
    if (is_one_of(text[at], "#;")) {
      at = find_unescaped(text, at, '\n');
      continue;
    }
    const std::size_t end = std::min(text.find_first_of("=\n", at), text.size());
    const bool has_value = end < text.size() && text[end] == '=';
    const auto name = without_end_blanks(text.substr(at, end - at));
    if (!has_value || !is_name(name)) found.push_back({line_of(text, at), name});
    at = has_value ? end_of_value(text, end + 1) : end;
  }
  return found;
}

}  // namespace container_init
