// SPDX-License-Identifier: MIT
// Filters for the changes that the kernel reports. Where hundreds of containers start at once, none
// is woken by the links of the others, and nobody by what takes nothing from a link.
#pragma once

#include <linux/filter.h>

#include <vector>

#include "common/network/link.h"

namespace container_init {

// Classic BPF for SO_ATTACH_FILTER, socket(7), on a socket of the group RTMGRP_LINK. It lets a
// message through if its link may have one of the names: by its own name, by the short name that
// systemd-nspawn makes of a long one, or by an alternative name. A message is dropped only if it
// names another link for certain: one with several alternative names, or a short one, passes.
std::vector<sock_filter> make_link_filter(const LinkNames& names);

// The same for a socket of any groups of links, addresses and routes: only messages pass of which
// decode_loss() takes an index; of removed addresses only those without a limited lifetime, as a
// router gives them; and of removed routes only those that were added as ours are,
// RTPROT_BOOT, and not by a routing daemon.
std::vector<sock_filter> make_loss_filter();

}  // namespace container_init
