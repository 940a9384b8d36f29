// SPDX-License-Identifier: MIT
#include "init/networkd_files.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include <fmt/core.h>

#include "common/base/descriptor.h"
#include "common/base/error.h"
#include "common/base/file.h"

namespace container_init {
namespace {

constexpr const char* kDirectory = "/run/systemd/network";

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// Name= takes patterns and several words. Links are hardly ever named with what is special there.
bool is_plain_word(const std::string& name) {
  return std::ranges::all_of(
      name, [](char c) { return is_letter_or_digit(c) || c == '-' || c == '_' || c == '.'; });
}

// In a bridge the container may get IPv6 addresses from a router. Without ConfigureWithoutCarrier=
// the link would not be online before one has answered.
std::string_view settings_of(const Pair& pair) {
  const bool may_have_router = !pair.bridge.empty() && !pair.ipv6.local;
  return may_have_router ? "IPv6AcceptRA=yes\nConfigureWithoutCarrier=yes\n" : "IPv6AcceptRA=no\n";
}

void write_file(const std::string& path, std::string_view text) {
  const Descriptor file(
      open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!file.is_open() || !write_all(file.get(), text)) throw system_error(errno, "write " + path);
}

void write_networkd_file(const Pair& pair, bool is_main) {
  const std::string text = networkd_file(pair, is_main);
  if (text.empty()) return;
  mkdir("/run/systemd", 0755);
  mkdir(kDirectory, 0755);  // where it cannot be made, nor can the file
  write_file(fmt::format("{}/zz-container-init-{}.network", kDirectory, pair.container_link), text);
}

}  // namespace

std::string networkd_file(const Pair& pair, bool is_main) {
  const bool has_addresses = pair.ipv4.local || pair.ipv6.local;
  const bool asks_for_addresses = is_main && !pair.bridge.empty();
  if ((!has_addresses && !asks_for_addresses) || !is_plain_word(pair.container_link)) return {};
  std::string text = fmt::format(
      "# Made by container-init(8). A file that sorts before this one and matches wins.\n"
      "[Match]\nName={}\n\n[Network]\n",
      pair.container_link);
  if (!has_addresses) return text + "DHCP=yes\n";
  return text + "KeepConfiguration=yes\n" + std::string(settings_of(pair));
}

void write_networkd_files(const Network& network, const Log& log) {
  try {
    if (network.pair) write_networkd_file(*network.pair, true);
    for (const Pair& pair : network.extra_pairs) write_networkd_file(pair, false);
  } catch (const Error& error) {
    log.warning(error.what());
  }
}

}  // namespace container_init
