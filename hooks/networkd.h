// SPDX-License-Identifier: MIT
// What systemd-networkd(8) of the host does with a link.
#pragma once

#include <optional>
#include <string>

namespace container_init {

// The .network file by which it configures the link with this index; nothing where it leaves the
// link alone, has not decided yet, or does not run.
std::optional<std::string> file_of_networkd(int index);

}  // namespace container_init
