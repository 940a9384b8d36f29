#include "common/config/reader.h"

#include <fmt/core.h>

#include "common/base/words.h"

namespace container_init {

std::string Reader::checked(std::string_view variable, TextCheck is_valid, std::string_view form) {
  const auto parse = [&](std::string_view text) -> Parsed<std::string> {
    if (is_valid(text)) return std::string(text);
    return Reason{"not valid"};
  };
  return value(variable, parse, form).value_or(std::string{});
}

std::vector<std::string> Reader::words(std::string_view variable, TextCheck is_valid,
                                       std::string_view form) {
  return passing(variable, split_words(text(variable)), is_valid, form);
}

std::vector<std::string> Reader::list(std::string_view variable, TextCheck is_valid,
                                      std::string_view form) {
  if (!has(variable)) return {};
  return passing(variable, split_list(text(variable), ','), is_valid, form);
}

std::vector<std::string> Reader::passing(std::string_view variable,
                                         const std::vector<std::string_view>& items,
                                         TextCheck is_valid, std::string_view form) {
  std::vector<std::string> passed;
  for (const auto item : items) {
    if (is_valid(item)) {
      passed.emplace_back(item);
    } else {
      fault(variable, item, "not valid", form);
    }
  }
  return passed;
}

void Reader::fault(std::string_view variable, std::string_view text, std::string_view reason,
                   std::string_view form) {
  faults_.push_back(
      fmt::format("{}{}={}: {}; wanted: {}", where_, variable, quote(text), reason, form));
}

void Reader::fault(std::string_view sentence) { faults_.push_back(where_ + std::string(sentence)); }

}  // namespace container_init
