// SPDX-License-Identifier: MIT
// Looking up links by name, and waiting for them. The cost does not depend on how many other links
// there are: nothing is dumped.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "common/network/address.h"
#include "common/network/link.h"
#include "common/network/plan.h"
#include "common/network/rtnetlink.h"

namespace container_init {

// Every link that the plan names, also by the new names that it gives.
LinkNames names_of(const Plan& plan);

// Looks up all of them, in as few batches as possible. Names over 15 characters are looked up as
// alternative names, and by the short name that systemd-nspawn makes of them.
Links find_links(Rtnetlink& rtnetlink, const LinkNames& names);

// Nothing if there is none.
std::optional<Link> find_link(Rtnetlink& rtnetlink, int index);

// The link that makes the address one of this host: its own, or a broadcast or anycast address of
// its networks. One lookup in the routing tables.
std::optional<Link> find_link_with(Rtnetlink& rtnetlink, const Address& address);

// Whether a link is as it should be; nullptr stands for one that is absent.
using LinkTest = std::function<bool(const Link*)>;

// Looks up the links again after every change, until all pass, the time is over or the descriptor
// `interrupt` is readable (-1 for none). Returns the links of the last lookup.
Links wait_for_links(Rtnetlink& rtnetlink, const LinkNames& names, std::chrono::seconds timeout,
                     const LinkTest& passes, int interrupt = -1);

// The same with events that were subscribed to before, and without a time limit.
Links wait_for_links(Rtnetlink& rtnetlink, LinkEvents& events, const LinkNames& names,
                     const LinkTest& passes, int interrupt);

bool is_present(const Link* link);
bool has_carrier(const Link* link);

// The names whose links do not pass.
LinkNames failing(const LinkNames& names, const Links& links, const LinkTest& passes);

// Error, Exit::config, if a link exists and is not a veth: it was made by someone else, and is
// neither configured nor deleted.
void check_veths(const LinkNames& names, const Links& links);

// "of kind bridge", or "a device" if the kernel names no kind.
std::string describe_kind(const Link& link);

// "ve-web, lan0"
std::string join(const LinkNames& names);

}  // namespace container_init
