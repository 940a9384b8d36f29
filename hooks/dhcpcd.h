// SPDX-License-Identifier: MIT
// dhcpcd(8) on the host: as a service for all links it configures every one that it is not told to
// leave alone, and gives the host's end of a pair a default route into the container.
#pragma once

#include "common/network/link.h"

namespace container_init {

// Those of the links that dhcpcd configures by what /etc/dhcpcd.conf says. None where it does not
// run, or has its configuration elsewhere, as on NixOS.
LinkNames links_of_dhcpcd(const LinkNames& links);

}  // namespace container_init
