// Carries a plan out.
#pragma once

#include "common/link.h"
#include "common/plan.h"
#include "common/rtnetlink.h"

namespace container_init {

// One batch. What is already as wanted is success: an address or a route that exists, a link that
// is gone when it was to be deleted. Error, Exit::system, for the first operation that failed for
// another reason, with the kernel's words and a hint; a route that leads elsewhere is named with
// its link, and never replaced. The kernel carries out the operations after a failed one too.
//
// Gives back what was carried out, without what was so already.
Plan apply(Rtnetlink& rtnetlink, const Plan& plan, const Links& links);

}  // namespace container_init
