// SPDX-License-Identifier: MIT
#include "hooks/dhcpcd.h"

#include <fnmatch.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/file.h"
#include "common/base/words.h"

namespace container_init {
namespace {

constexpr const char* kProcessId = "/run/dhcpcd/pid";  // of the one for all links
constexpr const char* kFile = "/etc/dhcpcd.conf";

using Patterns = std::vector<std::string>;

// The operands of an option in all of its lines, which blanks or commas separate, dhcpcd.conf(5).
Patterns patterns_of(std::string_view option, std::string text) {
  std::ranges::replace(text, ',', ' ');
  Patterns patterns;
  for (const auto line : split_list(text, '\n')) {
    const auto words = split_words(line);
    if (words.size() > 1 && words[0] == option)
      patterns.insert(patterns.end(), words.begin() + 1, words.end());
  }
  return patterns;
}

bool matches(const Patterns& patterns, const std::string& link) {
  return std::ranges::any_of(patterns, [&](const std::string& pattern) {
    return fnmatch(pattern.c_str(), link.c_str(), 0) == 0;
  });
}

}  // namespace

LinkNames links_of_dhcpcd(const LinkNames& links) {
  if (access(kProcessId, F_OK) != 0) return {};
  const auto text = read_file(kFile);
  if (!text) return {};
  const Patterns denied = patterns_of("denyinterfaces", *text);
  const Patterns allowed = patterns_of("allowinterfaces", *text);
  LinkNames configured;
  for (const std::string& link : links)
    if (!matches(denied, link) && (allowed.empty() || matches(allowed, link)))
      configured.insert(link);
  return configured;
}

}  // namespace container_init
