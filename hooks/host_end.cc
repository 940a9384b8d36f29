// SPDX-License-Identifier: MIT
#include "hooks/host_end.h"

#include "common/network/apply.h"
#include "common/network/lookup.h"
#include "common/network/plan.h"
#include "hooks/requirements.h"

namespace container_init {

void configure_host_end(Rtnetlink& rtnetlink, const Network& network, const Links& links) {
  check_veths(host_links(network), links);
  check_bridges(required_bridges(network), links);
  apply(rtnetlink, make_host_plan(network), links);
}

}  // namespace container_init
