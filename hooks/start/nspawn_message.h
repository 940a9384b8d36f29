// SPDX-License-Identifier: MIT
// What systemd-nspawn says to its service manager, and what it passes on for its container.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

namespace container_init {

struct NspawnMessage {
  bool is_ready = false;     // READY=1, of the container or with --notify-ready=no its own
  bool is_stopping = false;  // STOPPING=1: it ends, whatever the reason
  pid_t leader = 0;          // the container's PID 1, which runs when all links are made; or 0
  std::string status{};      // the container's, what is not printable ASCII as '?'; or empty
};

// A message in the protocol of sd_notify(3). All else that it may say is left out.
NspawnMessage parse_nspawn_message(std::string_view text);

}  // namespace container_init
