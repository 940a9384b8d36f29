// SPDX-License-Identifier: MIT
// EXTRA_VETHS: what is taken, printed in its form, is taken again and makes the same plans.

#include <fmt/core.h>

#include "common/base/error.h"
#include "common/config/config.h"
#include "common/network/plan.h"
#include "tests/fuzz/fuzz.h"

using namespace container_init;

namespace {

template <typename Value>
std::string key(std::string_view name, const std::optional<Value>& value) {
  return value ? fmt::format(",{}={}", name, to_string(*value)) : std::string{};
}

std::string print(const Pair& pair) {
  std::string word = fmt::format("{}:{}", pair.host_link, pair.container_link);
  word += key("HOST_ADDRESS", pair.ipv4.host) + key("LOCAL_ADDRESS", pair.ipv4.local);
  word += key("HOST_ADDRESS6", pair.ipv6.host) + key("LOCAL_ADDRESS6", pair.ipv6.local);
  word += key("LOCAL_MAC_ADDRESS", pair.local_mac_address);
  if (!pair.bridge.empty()) word += ",HOST_BRIDGE=" + pair.bridge;
  if (pair.mtu != 0) word += fmt::format(",MTU={}", pair.mtu);
  return word + ' ';
}

std::string plans_of(const Network& network) {
  std::string text;
  for (const Plan& plan : {make_host_plan(network), make_container_plan(network)})
    for (const Operation& operation : plan) text += ip_command(operation) + '\n';
  return text;
}

std::optional<Network> parse(const std::string& words) {
  const std::string assignment = "EXTRA_VETHS=" + words;
  try {
    return parse_network(Environment({std::string_view(assignment)}));
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto network = parse(std::string(fuzz::text_of(data, size)));
  if (!network) return 0;
  std::string printed;
  for (const Pair& pair : network->extra_pairs) printed += print(pair);
  const auto again = parse(printed);
  fuzz::require(again.has_value(), "what is printed is taken");
  fuzz::require(plans_of(*again) == plans_of(*network), "it makes the same plans");
  return 0;
}
