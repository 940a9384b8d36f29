// The host's end of a container's pairs.
#pragma once

#include "common/config/config.h"
#include "common/network/link.h"
#include "common/network/rtnetlink.h"

namespace container_init {

// Carries make_host_plan() out, all of whose links are known. Doing it again changes nothing.
// Error, Exit::config, where a link is not what the plan takes it for, a veth or a bridge;
// Exit::system where the kernel refuses, see apply().
void configure_host_end(Rtnetlink& rtnetlink, const Network& network, const Links& links);

}  // namespace container_init
