// SPDX-License-Identifier: MIT
// EXTRA_NSPAWN_FLAGS: words are split as a shell splits them, and what is quoted reads back.

#include <optional>
#include <vector>

#include "common/base/words.h"
#include "hooks/process.h"
#include "tests/fuzz/fuzz.h"

using namespace container_init;

namespace {

using Words = std::vector<std::string>;

// Without what a shell would expand or take for more than words.
bool is_for_words_only(std::string_view text) {
  return text.find_first_of(std::string_view("\0\n$`*?[]~#;&|<>(){}!=%", 22)) ==
         std::string_view::npos;
}

// As a shell splits; nothing where it finds a quote that is not closed.
std::optional<Words> split_by_shell(const std::string& text) {
  const std::string script = R"(eval "set -- $1"; [ $# = 0 ] || printf '%s\0' "$@")";
  const auto done = run_process({"sh", "-c", script + " 2>/dev/null", "sh", text});
  if (done.status != 0) return std::nullopt;
  Words words;
  for (const auto word : split_list(done.output, '\0')) words.emplace_back(word);
  words.pop_back();  // behind the last NUL
  return words;
}

void check_quoting(const Words& words) {
  std::string quoted;
  for (const std::string& word : words) quoted += shell_quote(word) + ' ';
  const auto again = split_quoted(quoted);
  fuzz::require(value_of(again) != nullptr && *value_of(again) == words, "quoted words read back");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  if (text.find('\0') != std::string_view::npos) return 0;
  const auto parsed = split_quoted(text);
  if (const Words* words = value_of(parsed)) check_quoting(*words);
  // A backslash at the end is a fault here, and itself to a shell.
  const bool is_short = text.size() < 64;  // a process for each text is slow enough
  if (!is_short || !is_for_words_only(text) || text.ends_with('\\')) return 0;
  const auto expected = split_by_shell(std::string(text));
  const Words* words = value_of(parsed);
  fuzz::require(expected.has_value() == (words != nullptr), "a shell takes the same text");
  if (words != nullptr) fuzz::require(*words == *expected, "a shell sees the same words");
  return 0;
}
