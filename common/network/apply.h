// SPDX-License-Identifier: MIT
// Carrying out a plan.
#pragma once

#include <vector>

#include "common/network/link.h"
#include "common/network/plan.h"
#include "common/network/rtnetlink.h"

namespace container_init {

// Writes the settings of links, see distrust_peer(), then sends the plan as one batch. An operation
// whose result is already there succeeds: an address or a route that exists, a link to delete that
// is gone. Error, Exit::system, for the first operation that failed for another reason, with the
// kernel's words and a hint. If a route to the same destination leads to another link, the error
// names that link; a route is never replaced. The
// kernel carries out the operations after a failed one too.
//
// Returns for each operation whether it changed anything.
std::vector<bool> apply(Rtnetlink& rtnetlink, const Plan& plan, const Links& links);

}  // namespace container_init
