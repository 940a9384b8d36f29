// SPDX-License-Identifier: MIT
#include "hooks/start/nspawn_message.h"

#include <algorithm>
#include <limits>

#include "common/base/number.h"
#include "common/base/words.h"

namespace container_init {
namespace {

// The rest of a line that begins so; empty for another line.
std::string_view rest_of(std::string_view line, std::string_view beginning) {
  return line.starts_with(beginning) ? line.substr(beginning.size()) : std::string_view{};
}

std::string printable(std::string_view text) {
  std::string shown(text);
  std::ranges::replace_if(
      shown, [](char c) { return c < ' ' || c > '~'; }, '?');
  return shown;
}

}  // namespace

// As nspawn.c has them in systemd 252 and 257.
NspawnMessage parse_nspawn_message(std::string_view text) {
  NspawnMessage message;
  for (const auto line : split_list(text, '\n')) {
    if (line == "READY=1") message.is_ready = true;
    if (line == "STOPPING=1") message.is_stopping = true;
    const auto leader = rest_of(line, "X_NSPAWN_LEADER_PID=");
    if (const auto process = parse_number<pid_t>(leader, 1, std::numeric_limits<pid_t>::max()))
      message.leader = *process;
    const auto status = rest_of(line, "STATUS=Container running: ");
    if (!status.empty()) message.status = printable(status);
  }
  return message;
}

}  // namespace container_init
