// SPDX-License-Identifier: MIT
#include "hooks/networkd.h"

#include <algorithm>

#include <fmt/core.h>

#include "common/base/file.h"
#include "common/base/words.h"

namespace container_init {

// sd_network_link_get_network_file() and sd_network_link_get_setup_state() of libsystemd read
// there.
std::optional<std::string> file_of_networkd(int index) {
  constexpr std::string_view kFile = "NETWORK_FILE=";
  const auto state = read_file(fmt::format("/run/systemd/netif/links/{}", index));
  if (!state) return std::nullopt;
  const auto lines = split_list(*state, '\n');
  const auto file =
      std::ranges::find_if(lines, [&](std::string_view line) { return line.starts_with(kFile); });
  const bool is_left_alone = std::ranges::find(lines, "ADMIN_STATE=unmanaged") != lines.end();
  if (file == lines.end() || is_left_alone) return std::nullopt;
  return std::string(file->substr(kFile.size()));
}

}  // namespace container_init
