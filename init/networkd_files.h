// SPDX-License-Identifier: MIT
// What systemd-networkd is told inside the container. Without a file for it, eth0 would be
// nobody's, and systemd-networkd-wait-online.service(8) would wait for it until the start times
// out.
#pragma once

#include <string>

#include "common/base/log.h"
#include "common/network/network.h"

namespace container_init {

// The text of a systemd.network(5) file. A pair with addresses is finished, and is kept as it is; a
// port of a bridge that has none asks for them by DHCP, if `is_main`. Else empty: networkd has
// nothing to do with the link, unless the container says so.
std::string networkd_file(const Pair& pair, bool is_main);

// Writes the files of all pairs into /run/systemd/network, under names that sort after all others,
// so that a file of the container's own wins. A failure is only a warning: there may be no
// networkd.
void write_networkd_files(const Network& network, const Log& log);

}  // namespace container_init
