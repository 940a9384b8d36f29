// Reads typed values out of assignments and notes every fault on the way.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/parsed.h"
#include "common/config/environment.h"

namespace container_init {

// A line each: VARIABLE="value": what is wrong; wanted: the accepted form.
using Faults = std::vector<std::string>;

using TextCheck = bool (*)(std::string_view);

class Reader {
 public:
  // `where` goes before the variable in a fault: empty, or the extra pair it belongs to.
  Reader(const Environment& environment, Faults& faults, std::string where = {})
      : environment_(environment), faults_(faults), where_(std::move(where)) {}

  bool has(std::string_view variable) const { return environment_.get(variable).has_value(); }
  std::string_view text(std::string_view variable) const {
    return environment_.get(variable).value_or(std::string_view{});
  }

  // The value, or nothing where the variable is not set or not valid.
  template <typename Parse>
  auto value(std::string_view variable, Parse parse, std::string_view form) {
    using Value = std::variant_alternative_t<0, decltype(parse(text(variable)))>;
    std::optional<Value> result;
    if (!has(variable)) return result;
    auto parsed = parse(text(variable));
    if (const Value* valid = value_of(parsed)) {
      result = *valid;
    } else {
      fault(variable, text(variable), std::get<Reason>(parsed).text, form);
    }
    return result;
  }

  // The text itself where it passes, else empty.
  std::string checked(std::string_view variable, TextCheck is_valid, std::string_view form);

  // Items at white space, or at commas, that pass; each one that does not is a fault of its own.
  std::vector<std::string> words(std::string_view variable, TextCheck is_valid,
                                 std::string_view form);
  std::vector<std::string> list(std::string_view variable, TextCheck is_valid,
                                std::string_view form);

  void fault(std::string_view variable, std::string_view text, std::string_view reason,
             std::string_view form);
  void fault(std::string_view sentence);

 private:
  std::vector<std::string> passing(std::string_view variable,
                                   const std::vector<std::string_view>& items, TextCheck is_valid,
                                   std::string_view form);

  const Environment& environment_;
  Faults& faults_;
  std::string where_;
};

}  // namespace container_init
