// SPDX-License-Identifier: MIT
#include "hooks/network_status.h"

#include <optional>
#include <vector>

#include <fmt/core.h>

#include "common/network/address.h"

namespace container_init {
namespace {

// systemctl(1) begins the line with `     Status: "`.
constexpr std::size_t kColumns = 80 - 14;

std::string before_text(const std::optional<Prefix>& prefix, std::string_view before) {
  if (!prefix) return {};
  return std::string(before) +
         (prefix->is_host() ? to_string(prefix->address) : to_string(*prefix));
}

// Both families' addresses; the links stand before those of the first.
std::string describe_pair(const Pair& pair) {
  const std::string bridge = pair.bridge.empty() ? "" : " in " + pair.bridge;
  const FamilyConfig& first = pair.ipv4.host || pair.ipv4.local ? pair.ipv4 : pair.ipv6;
  std::string text =
      fmt::format("{}{}{} - {}{}", pair.host_link, bridge, before_text(first.host, " "),
                  pair.container_link, before_text(first.local, " "));
  if (&first == &pair.ipv6 || (!pair.ipv6.host && !pair.ipv6.local)) return text;
  return text + (pair.ipv6.host
                     ? before_text(pair.ipv6.host, ", ") + before_text(pair.ipv6.local, " - ")
                     : before_text(pair.ipv6.local, ", "));
}

std::vector<std::string> describe_pairs(const Network& network) {
  std::vector<std::string> pairs;
  if (network.pair) pairs.push_back(describe_pair(*network.pair));
  for (const Pair& pair : network.extra_pairs) pairs.push_back(describe_pair(pair));
  return pairs;
}

// The first at any length.
std::string join_in_columns(const std::vector<std::string>& parts) {
  std::string text = parts.front();
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const std::string more = fmt::format("; {} more", parts.size() - i);
    const bool is_last = i + 1 == parts.size();
    if (text.size() + 2 + parts[i].size() + (is_last ? 0 : more.size()) > kColumns)
      return text + more;
    text += "; " + parts[i];
  }
  return text;
}

std::vector<std::string> given_links(const Config& config) {
  std::vector<std::string> links = config.interfaces;
  for (const std::string& parent : config.macvlans) links.push_back("a macvlan of " + parent);
  return links;
}

}  // namespace

std::string describe_network(const Config& config) {
  auto parts = describe_pairs(config.network);
  for (std::string& link : given_links(config)) parts.push_back(std::move(link));
  if (!parts.empty()) return join_in_columns(parts);
  if (!config.network_namespace_path.empty())
    return "the network of " + config.network_namespace_path;
  return has_private_network(config) ? "a network of its own without links" : "the host's network";
}

std::string fit_status(std::string text) {
  constexpr std::string_view kEllipsis = "...";
  if (text.size() <= kColumns) return text;
  text.resize(kColumns - kEllipsis.size());
  return text.append(kEllipsis);
}

}  // namespace container_init
