// SPDX-License-Identifier: MIT
#include "hooks/host_end.h"

#include <fmt/core.h>

#include "common/network/apply.h"
#include "common/network/lookup.h"
#include "common/network/plan.h"
#include "common/network/sysctl.h"
#include "hooks/requirements.h"

namespace container_init {

void configure_host_end(Rtnetlink& rtnetlink, const Network& network, const Links& links) {
  check_veths(host_links(network), links);
  check_bridges(required_bridges(network), links);
  apply(rtnetlink, make_host_plan(network), links);
}

void warn_of_redirects(const Network& network, const Links& links, const Log& log) {
  LinkNames taking;
  const auto add = [&](const Pair& pair) {
    const std::string& link = links.at(pair.host_link).name;
    if (pair.bridge.empty() && takes_redirects(link)) taking.insert(link);
  };
  if (network.pair) add(*network.pair);
  for (const Pair& pair : network.extra_pairs) add(pair);
  if (taking.empty()) return;
  log.warning(
      fmt::format("the host takes IPv4 redirects from {}, with which the container changes the "
                  "host's routes: sysctl -w net.ipv4.conf.all.accept_redirects=0",
                  join(taking)));
}

}  // namespace container_init
