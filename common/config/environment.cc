// SPDX-License-Identifier: MIT
#include "common/config/environment.h"

namespace container_init {

Environment::Environment(const char* const* block) {
  for (; block != nullptr && *block != nullptr; ++block) assignments_.emplace_back(*block);
}

std::optional<std::string_view> Environment::get(std::string_view name) const {
  const auto value = find(name);
  return value && value->empty() ? std::nullopt : value;
}

std::optional<std::string_view> Environment::find(std::string_view name) const {
  for (const auto assignment : assignments_) {
    if (!assignment.starts_with(name)) continue;
    const auto value = assignment.substr(name.size());
    if (value.starts_with('=')) return value.substr(1);
  }
  return std::nullopt;
}

}  // namespace container_init
