// SPDX-License-Identifier: MIT
#include "common/config/reader.h"

#include <fmt/core.h>

#include "common/base/words.h"

namespace container_init {

std::string Reader::checked(const Variable& variable, TextCheck is_valid) {
  const auto parse = [&](std::string_view text) -> Parsed<std::string> {
    if (is_valid(text)) return std::string(text);
    return Reason{"not valid"};
  };
  return value(variable, parse).value_or(std::string{});
}

std::vector<std::string> Reader::words(const Variable& variable, TextCheck is_valid) {
  return passing(variable, split_words(text(variable)), is_valid);
}

std::vector<std::string> Reader::list(const Variable& variable, TextCheck is_valid) {
  if (!has(variable)) return {};
  return passing(variable, split_list(text(variable), ','), is_valid);
}

std::vector<std::string> Reader::passing(const Variable& variable,
                                         const std::vector<std::string_view>& items,
                                         TextCheck is_valid) {
  std::vector<std::string> passed;
  for (const auto item : items) {
    if (is_valid(item)) {
      passed.emplace_back(item);
    } else {
      fault(variable, item, "not valid");
    }
  }
  return passed;
}

void Reader::fault(const Variable& variable, std::string_view text, std::string_view reason) {
  faults_.push_back(fmt::format("{}{}={}: {}; wanted: {}", where_, variable.name, quote(text),
                                reason, variable.form));
}

void Reader::fault(std::string_view sentence) { faults_.push_back(where_ + std::string(sentence)); }

}  // namespace container_init
