// SPDX-License-Identifier: MIT
// What EXTRA_NSPAWN_FLAGS must not say, beside the other variables.
#pragma once

#include "common/config/config.h"
#include "common/config/reader.h"

namespace container_init {

// A fault for each flag that systemd-nspawn would refuse, that contradicts a variable, or that
// gives links or the container names which the programs do not look for. Other flags override the
// variables.
void check_flags(Reader& reader, const Config& config);

// A warning for each directory whose files would belong to nobody in the container.
void warn_of_binds(Config& config);

}  // namespace container_init
