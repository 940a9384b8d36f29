// SPDX-License-Identifier: MIT
// The host's end of a container's pairs.
#pragma once

#include "common/base/log.h"
#include "common/config/config.h"
#include "common/network/link.h"
#include "common/network/rtnetlink.h"

namespace container_init {

// Applies make_host_plan(); `links` holds all links of that plan. A second call changes nothing.
// Error, Exit::config, if a link is of another kind than the plan expects, a veth or a bridge;
// Exit::system if the kernel refuses, see apply().
void configure_host_end(Rtnetlink& rtnetlink, const Network& network, const Links& links);

// Names the links from which the host takes IPv4 redirects all the same, which a setting for all
// links makes so. After the configuration; `links` as there.
void warn_of_redirects(const Network& network, const Links& links, const Log& log);

}  // namespace container_init
