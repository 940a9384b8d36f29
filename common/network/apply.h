// Carries a plan out.
#pragma once

#include <vector>

#include "common/network/link.h"
#include "common/network/plan.h"
#include "common/network/rtnetlink.h"

namespace container_init {

// The settings of links first, see distrust_peer(), and then one batch. What is already as wanted
// is success: an address or a route that exists, a link that is gone when it was to be deleted.
// Error, Exit::system, for the first operation that failed for another reason, with the kernel's
// words and a hint; a route that leads elsewhere is named with its link, and never replaced. The
// kernel carries out the operations after a failed one too.
//
// Gives back for each operation whether it was carried out; false for what was so already.
std::vector<bool> apply(Rtnetlink& rtnetlink, const Plan& plan, const Links& links);

}  // namespace container_init
