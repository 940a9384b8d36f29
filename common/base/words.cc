// SPDX-License-Identifier: MIT
#include "common/base/words.h"

#include <optional>

#include <fmt/core.h>

namespace container_init {
namespace {

constexpr std::string_view kWhiteSpace = " \t\n";
constexpr std::size_t kLongestQuoted = 80;

bool is_white_space(char c) { return kWhiteSpace.find(c) != std::string_view::npos; }

// Reads the text from left to right; each take_ function consumes one part of a word.
class QuotedText {
 public:
  explicit QuotedText(std::string_view text) : text_(text) {}

  Parsed<std::vector<std::string>> words() {
    while (next_ < text_.size()) {
      const char c = text_[next_];
      if (is_white_space(c)) {
        end_word();
        ++next_;
      } else if (!take_part(c)) {
        return Reason{error_};
      }
    }
    end_word();
    return words_;
  }

 private:
  std::string& word() {
    if (!word_) word_.emplace();
    return *word_;
  }

  void end_word() {
    if (word_) words_.push_back(*std::move(word_));
    word_.reset();
  }

  bool take_part(char c) {
    if (c == '\'') return take_single_quoted();
    if (c == '"') return take_double_quoted();
    if (c == '\\') return take_escaped();
    word() += c;
    ++next_;
    return true;
  }

  bool take_single_quoted() {
    const auto close = text_.find('\'', next_ + 1);
    if (close == std::string_view::npos) return fail("the single quote", next_, "is not closed");
    word() += text_.substr(next_ + 1, close - next_ - 1);
    next_ = close + 1;
    return true;
  }

  // Inside, a backslash keeps its meaning only before $ ` " \ and newline.
  bool take_double_quoted() {
    const auto open = next_++;
    word();
    while (next_ < text_.size() && text_[next_] != '"') {
      const bool escapes =
          text_[next_] == '\\' && next_ + 1 < text_.size() &&
          std::string_view("$`\"\\\n").find(text_[next_ + 1]) != std::string_view::npos;
      if (escapes) {
        take_escaped();
      } else {
        word() += text_[next_++];
      }
    }
    if (next_ == text_.size()) return fail("the double quote", open, "is not closed");
    ++next_;
    return true;
  }

  // A backslash before a newline continues the line: both are removed.
  bool take_escaped() {
    if (next_ + 1 == text_.size()) return fail("the backslash", next_, "escapes nothing");
    if (text_[next_ + 1] != '\n') word() += text_[next_ + 1];
    next_ += 2;
    return true;
  }

  bool fail(std::string_view what, std::size_t position, std::string_view fault) {
    error_ = fmt::format("{} at character {} {}", what, position + 1, fault);
    return false;
  }

  std::string_view text_;
  std::size_t next_ = 0;
  std::optional<std::string> word_;  // a word has begun, perhaps an empty one
  std::vector<std::string> words_;
  std::string error_;
};

}  // namespace

std::vector<std::string_view> split_words(std::string_view text) {
  std::vector<std::string_view> words;
  for (std::size_t begin = text.find_first_not_of(kWhiteSpace); begin != std::string_view::npos;) {
    const auto end = text.find_first_of(kWhiteSpace, begin);
    words.push_back(text.substr(begin, end - begin));
    begin = text.find_first_not_of(kWhiteSpace, end);
  }
  return words;
}

std::vector<std::string_view> split_list(std::string_view text, char separator) {
  std::vector<std::string_view> items;
  std::size_t begin = 0;
  for (auto end = text.find(separator); end != std::string_view::npos;
       end = text.find(separator, begin)) {
    items.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  items.push_back(text.substr(begin));
  return items;
}

Parsed<std::vector<std::string>> split_quoted(std::string_view text) {
  return QuotedText(text).words();
}

std::string shell_quote(std::string_view text) {
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+=:,./-";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string_view::npos)
    return std::string(text);
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') quoted += R"('\')";
    quoted += c;
  }
  return quoted + '\'';
}

std::string quote(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text.substr(0, kLongestQuoted)) {
    if (c == '"' || c == '\\') {
      quoted += {'\\', c};
    } else if (c >= ' ' && c <= '~') {
      quoted += c;
    } else {
      quoted += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  quoted += text.size() > kLongestQuoted ? "\"..." : "\"";
  return quoted;
}

}  // namespace container_init
