// SPDX-License-Identifier: MIT
#include "common/network/network.h"

#include <algorithm>

namespace container_init {
namespace {

bool have_same_links(const Pair& a, const Pair& b) {
  return a.host_link == b.host_link && a.container_link == b.container_link;
}

void take_over(Pair& running, const Pair& wanted) {
  const auto mac_address = running.local_mac_address;
  running = wanted;
  if (!running.local_mac_address) running.local_mac_address = mac_address;
}

}  // namespace

Network with_same_links(const Network& running, const Network& wanted) {
  Network result = running;
  if (result.pair && wanted.pair && have_same_links(*result.pair, *wanted.pair))
    take_over(*result.pair, *wanted.pair);
  for (Pair& pair : result.extra_pairs) {
    const auto found = std::ranges::find_if(
        wanted.extra_pairs, [&](const Pair& other) { return have_same_links(pair, other); });
    if (found != wanted.extra_pairs.end()) take_over(pair, *found);
  }
  return result;
}

}  // namespace container_init
