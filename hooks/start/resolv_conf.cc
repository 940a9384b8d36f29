// SPDX-License-Identifier: MIT
#include "hooks/start/resolv_conf.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <string_view>

#include <fmt/core.h>

#include "common/base/file.h"
#include "common/base/words.h"

namespace container_init {
namespace {

constexpr const char* kHostFile = "/etc/resolv.conf";
constexpr const char* kResolvedFile = "/run/systemd/resolve/resolv.conf";

// A resolver ignores what is not an address. The unspecified address is the host itself, as the
// loopback is.
bool is_reachable(std::string_view server) {
  const std::string text(server.substr(0, server.find('%')));
  in_addr ipv4{};
  if (inet_pton(AF_INET, text.c_str(), &ipv4) == 1)
    return ntohl(ipv4.s_addr) >> 24 != IN_LOOPBACKNET && ipv4.s_addr != INADDR_ANY;
  in6_addr ipv6{};
  return inet_pton(AF_INET6, text.c_str(), &ipv6) == 1 && !IN6_IS_ADDR_LOOPBACK(&ipv6) &&
         !IN6_IS_ADDR_UNSPECIFIED(&ipv6);
}

// The keyword must be at the very beginning of the line, resolv.conf(5).
bool names_reachable_server(std::string_view line) {
  if (!line.starts_with("nameserver")) return false;
  const auto words = split_words(line);
  return words.size() > 1 && words[0] == "nameserver" && is_reachable(words[1]);
}

bool has_reachable_server(const std::optional<std::string>& text) {
  if (!text) return false;
  const auto lines = split_list(*text, '\n');
  return std::any_of(lines.begin(), lines.end(), names_reachable_server);
}

}  // namespace

ResolvConf choose_resolv_conf(const std::optional<std::string>& host,
                              const std::optional<std::string>& resolved,
                              bool has_private_network) {
  if (host && (!has_private_network || has_reachable_server(host))) return {host, kHostFile, {}};
  if (has_private_network && has_reachable_server(resolved)) return {resolved, kResolvedFile, {}};
  if (!host) return {{}, {}, fmt::format("there is no {}", kHostFile)};
  return {{}, {}, fmt::format("{} names no server that the container could reach", kHostFile)};
}

ResolvConf find_resolv_conf(bool has_private_network) {
  return choose_resolv_conf(read_file(kHostFile), read_file(kResolvedFile), has_private_network);
}

}  // namespace container_init
