// SPDX-License-Identifier: MIT
#include "common/config/variables.h"

#include <numeric>
#include <utility>
#include <vector>

#include <fmt/core.h>

namespace container_init {
namespace {

constexpr std::size_t kHelpColumn = 32;
constexpr std::size_t kLongestHelp = 80 - kHelpColumn;

static_assert(std::all_of(kVariables.begin(), kVariables.end(), [](const Variable& variable) {
  return variable.help.size() <= kLongestHelp;
}));

char to_upper(char c) { return static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c); }

// In capitals and without underscores.
std::string folded(std::string_view name) {
  std::string text;
  for (const char c : name)
    if (c != '_') text += to_upper(c);
  return text;
}

bool begin_alike(std::string_view a, std::string_view b) {
  return !a.empty() && !b.empty() && to_upper(a.front()) == to_upper(b.front());
}

// Tells HOST_ADDRES6 from HOST_ADDRESS, which is as close as HOST_ADDRESS6.
bool end_alike(std::string_view a, std::string_view b) { return a.ends_with(b.back()); }

constexpr std::size_t kFar = 3;

// How many characters are to be added, removed, replaced or swapped with their neighbour to make
// one text of the other: the optimal string alignment distance.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last;
  std::vector<std::size_t> last(b.size() + 1);
  std::iota(last.begin(), last.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::vector<std::size_t> row{i};
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row.push_back(std::min({last[j] + 1, row[j - 1] + 1, replaced}));
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last = std::move(last);
    last = std::move(row);
  }
  return last.back();
}

std::size_t allowed_distance(std::size_t length) {
  if (length < 7) return 0;
  return length < 11 ? 1 : 2;
}

// kFar where the name stands for something else. Both are folded.
std::size_t distance_from_known(std::string_view name, std::string_view known) {
  constexpr std::size_t kShortestPrefix = 8;
  const std::size_t allowed = allowed_distance(known.size());
  if (name.size() <= known.size() + allowed && name.size() + allowed >= known.size())
    if (const std::size_t found = distance(name, known); found <= allowed) return found;
  const bool is_cut = name.size() >= kShortestPrefix && known.starts_with(name);
  return is_cut ? kFar - 1 : kFar;
}

}  // namespace

std::string list_variables(unsigned any_of) {
  std::string text;
  for (const Variable& variable : kVariables) {
    if (!variable.has(any_of)) continue;
    std::string start = fmt::format("  {}={}", variable.name, variable.value);
    if (start.size() + 2 > kHelpColumn) text += std::exchange(start, {}) + '\n';
    text += fmt::format("{:{}}{}\n", start, kHelpColumn, variable.help);
  }
  return text;
}

const Variable* find_misspelt(std::string_view name, unsigned any_of) {
  const Variable* closest = nullptr;
  std::size_t least = kFar;
  for (const Variable& variable : kVariables) {
    if (variable.name == name) return nullptr;
    if (!variable.has(any_of) || !begin_alike(name, variable.name)) continue;
    const std::size_t found = distance_from_known(folded(name), folded(variable.name));
    if (found > least || (found == least && !end_alike(name, variable.name))) continue;
    closest = &variable;
    least = found;
  }
  return least < kFar ? closest : nullptr;
}

}  // namespace container_init
