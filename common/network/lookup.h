// Looking links up by name, now or when they appear. The cost does not depend on how many other
// links there are: nothing is dumped.
#pragma once

#include <chrono>
#include <functional>
#include <set>
#include <string>

#include "common/network/link.h"
#include "common/network/plan.h"
#include "common/network/rtnetlink.h"

namespace container_init {

using LinkNames = std::set<std::string>;

// Every link that the plan needs to exist, also under the names that it gives.
LinkNames names_of(const Plan& plan);

// All in one send. Names over 15 characters are tried as alternative names, then as the short name
// systemd-nspawn makes of them.
Links find_links(Rtnetlink& rtnetlink, const LinkNames& names);

// True for a link that need not be waited for any longer; nullptr stands for one that is absent.
using LinkTest = std::function<bool(const Link*)>;

// Looks again at every change, until all links pass, the time is over or the descriptor, where one
// is given, can be read; gives the last look.
Links wait_for_links(Rtnetlink& rtnetlink, const LinkNames& names, std::chrono::seconds timeout,
                     const LinkTest& passes, int interrupt = -1);

// The same with events that are heard already, and without an end but the descriptor's.
Links wait_for_links(Rtnetlink& rtnetlink, LinkEvents& events, const LinkNames& names,
                     const LinkTest& passes, int interrupt);

bool is_present(const Link* link);
bool has_carrier(const Link* link);

// The names whose links do not pass.
LinkNames failing(const LinkNames& names, const Links& links, const LinkTest& passes);

// Error, Exit::config, where a link is not a veth; one that is absent passes. Whatever is not a
// veth was made by someone else, and is neither configured nor deleted.
void check_veths(const LinkNames& names, const Links& links);

// "of kind bridge", or "a device" where the kernel names no kind.
std::string describe_kind(const Link& link);

// "ve-web, lan0"
std::string join(const LinkNames& names);

}  // namespace container_init
