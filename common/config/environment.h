// NAME=VALUE assignments: the environment, or the part after the name of an extra pair.
#pragma once

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace container_init {

// Views into text that outlives it. "Set" means present and not empty; of several the first counts.
class Environment {
 public:
  explicit Environment(std::vector<std::string_view> assignments)
      : assignments_(std::move(assignments)) {}
  // From environ(7): a vector of strings that ends with a null pointer.
  explicit Environment(const char* const* block);

  std::optional<std::string_view> get(std::string_view name) const;
  const std::vector<std::string_view>& assignments() const { return assignments_; }

 private:
  std::vector<std::string_view> assignments_;
};

}  // namespace container_init
