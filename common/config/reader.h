// SPDX-License-Identifier: MIT
// Reads typed values from assignments and collects every fault.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/parsed.h"
#include "common/config/environment.h"
#include "common/config/variables.h"

namespace container_init {

// Each a line: VARIABLE="value": what is wrong; wanted: the accepted form.
using Faults = std::vector<std::string>;

using TextCheck = bool (*)(std::string_view);

class Reader {
 public:
  // `where` precedes the variable in a fault: empty, or the extra pair that it belongs to.
  Reader(const Environment& environment, Faults& faults, std::string where = {})
      : environment_(environment), faults_(faults), where_(std::move(where)) {}

  bool has(const Variable& variable) const { return environment_.get(variable.name).has_value(); }
  std::string_view text(const Variable& variable) const {
    return environment_.get(variable.name).value_or(std::string_view{});
  }

  // The value, or nothing if the variable is not set or not valid.
  template <typename Parse>
  auto value(const Variable& variable, Parse parse) {
    using Value = std::variant_alternative_t<0, decltype(parse(text(variable)))>;
    std::optional<Value> result;
    if (!has(variable)) return result;
    auto parsed = parse(text(variable));
    if (const Value* valid = value_of(parsed)) {
      result = *valid;
    } else {
      fault(variable, text(variable), std::get<Reason>(parsed).text);
    }
    return result;
  }

  // The text itself if it is valid, else empty.
  std::string checked(const Variable& variable, TextCheck is_valid);

  // The valid items, split at white space or at commas; each invalid one is a fault of its own.
  std::vector<std::string> words(const Variable& variable, TextCheck is_valid);
  std::vector<std::string> list(const Variable& variable, TextCheck is_valid);

  void fault(const Variable& variable, std::string_view text, std::string_view reason);
  void fault(std::string_view sentence);

 private:
  std::vector<std::string> passing(const Variable& variable,
                                   const std::vector<std::string_view>& items, TextCheck is_valid);

  const Environment& environment_;
  Faults& faults_;
  std::string where_;
};

}  // namespace container_init
