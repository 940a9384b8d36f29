// SPDX-License-Identifier: MIT
#include "common/config/assignments.h"

#include <optional>
#include <string_view>
#include <utility>

#include <fmt/core.h>

namespace container_init {
namespace {

using Assignments = std::vector<std::string>;

template <typename Value>
void add(Assignments& assignments, std::string_view name, const std::optional<Value>& value) {
  if (value) assignments.push_back(fmt::format("{}={}", name, to_string(*value)));
}

// Of the main pair the variables, of an extra pair the KEYs; which has no gateway.
Assignments assignments_of(const Pair& pair) {
  Assignments assignments;
  add(assignments, "HOST_ADDRESS", pair.ipv4.host);
  add(assignments, "HOST_ADDRESS6", pair.ipv6.host);
  add(assignments, "LOCAL_ADDRESS", pair.ipv4.local);
  add(assignments, "LOCAL_ADDRESS6", pair.ipv6.local);
  add(assignments, "LOCAL_GATEWAY", pair.ipv4.gateway);
  add(assignments, "LOCAL_GATEWAY6", pair.ipv6.gateway);
  add(assignments, "LOCAL_MAC_ADDRESS", pair.local_mac_address);
  if (!pair.bridge.empty()) assignments.push_back("HOST_BRIDGE=" + pair.bridge);
  if (pair.mtu != 0) assignments.push_back(fmt::format("MTU={}", pair.mtu));
  return assignments;
}

// NAME:INNER,KEY=VALUE...
std::string word_of(const Pair& pair) {
  std::string word = pair.host_link + ':' + pair.container_link;
  for (const std::string& assignment : assignments_of(pair)) word += ',' + assignment;
  return word;
}

}  // namespace

std::vector<std::string> assignments_of(const Network& network) {
  Assignments assignments = network.pair ? assignments_of(*network.pair) : Assignments{};
  std::string words;
  for (const Pair& pair : network.extra_pairs) words += (words.empty() ? "" : " ") + word_of(pair);
  if (!words.empty()) assignments.push_back("EXTRA_VETHS=" + words);
  return assignments;
}

}  // namespace container_init
