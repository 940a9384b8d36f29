// SPDX-License-Identifier: MIT
// NAME=VALUE assignments: the environment, or the part after the name of an extra pair.
#pragma once

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace container_init {

// Views into text that must outlive it. "Set" means present and not empty; if a name is there more
// than once, the first counts.
class Environment {
 public:
  explicit Environment(std::vector<std::string_view> assignments)
      : assignments_(std::move(assignments)) {}
  // From environ(7): pointers to strings, with a null pointer after the last.
  explicit Environment(const char* const* block);

  std::optional<std::string_view> get(std::string_view name) const;
  // Whether the name is there, and not set.
  bool is_empty(std::string_view name) const { return find(name) == std::string_view{}; }
  const std::vector<std::string_view>& assignments() const { return assignments_; }

 private:
  // The value of the first assignment of the name, perhaps an empty one.
  std::optional<std::string_view> find(std::string_view name) const;

  std::vector<std::string_view> assignments_;
};

}  // namespace container_init
