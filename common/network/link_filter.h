// SPDX-License-Identifier: MIT
// A filter for the changes of links that the kernel reports. Where hundreds of containers start at
// once, none is woken by the links of the others.
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

}  // namespace container_init
