// SPDX-License-Identifier: MIT
// Opening a path with a say in how it is resolved, openat2(2).
#pragma once

#include <string>

#include "common/base/descriptor.h"

namespace container_init {

// With O_CLOEXEC beside the flags; `resolve` is of RESOLVE_*. Not open, with errno, where that
// cannot be: ELOOP and EXDEV where a link or a mount is in the way, ENOSYS before Linux 5.6.
Descriptor open_resolved(int directory, const std::string& path, unsigned flags, unsigned resolve);

}  // namespace container_init
