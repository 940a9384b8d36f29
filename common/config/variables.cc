// SPDX-License-Identifier: MIT
#include "common/config/variables.h"

#include <algorithm>
#include <utility>

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
  return !a.empty() && !b.empty() && a.front() == b.front();
}

bool end_alike(std::string_view a, std::string_view b) {
  return !a.empty() && !b.empty() && a.back() == b.back();
}

// Whether one text becomes the other when a character is added, removed or replaced, or two
// neighbours are swapped.
bool differ_in_one(std::string_view a, std::string_view b) {
  while (begin_alike(a, b)) {
    a.remove_prefix(1);
    b.remove_prefix(1);
  }
  while (end_alike(a, b)) {
    a.remove_suffix(1);
    b.remove_suffix(1);
  }
  const bool is_swapped = a.size() == 2 && b.size() == 2 && a[0] == b[1] && a[1] == b[0];
  return is_swapped || std::max(a.size(), b.size()) <= 1;
}

// How well a name fits a variable, both folded; 0: not at all. HOST_ADDRES6 is as close to
// HOST_ADDRESS as to HOST_ADDRESS6, and ends like the second.
unsigned likeness(std::string_view name, std::string_view known) {
  constexpr std::size_t kShortest = 7;
  if (name == known) return 3;
  if (known.size() < kShortest || !begin_alike(name, known) || !differ_in_one(name, known))
    return 0;
  return end_alike(name, known) ? 2 : 1;
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
  const std::string text = folded(name);
  const Variable* closest = nullptr;
  unsigned most = 0;
  for (const Variable& variable : kVariables) {
    if (variable.name == name) return nullptr;
    if (!variable.has(any_of)) continue;
    const unsigned found = likeness(text, folded(variable.name));
    if (found > most) closest = &variable;
    most = std::max(most, found);
  }
  return closest;
}

}  // namespace container_init
