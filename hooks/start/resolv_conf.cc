// SPDX-License-Identifier: MIT
#include "hooks/start/resolv_conf.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include <fmt/core.h>

#include "common/base/file.h"
#include "common/base/words.h"

namespace container_init {
namespace {

constexpr const char* kHostFile = "/etc/resolv.conf";
constexpr const char* kResolvedFile = "/run/systemd/resolve/resolv.conf";

// A global or a private address. Others are the host itself or need a link of the host.
bool is_reachable(const in_addr& address) {
  const std::uint32_t number = ntohl(address.s_addr);
  const auto is_in = [=](std::uint32_t network, unsigned length) {
    return number >> (32 - length) == network >> (32 - length);
  };
  return !is_in(0x00000000, 8) && !is_in(0x7f000000, 8) && !is_in(0xa9fe0000, 16) &&
         !is_in(0xe0000000, 3);  // 0/8, 127/8, 169.254/16, 224/3
}

bool is_reachable(const in6_addr& address) {
  in_addr mapped{};
  std::memcpy(&mapped, &address.s6_addr[12], sizeof(mapped));
  if (IN6_IS_ADDR_V4MAPPED(&address)) return is_reachable(mapped);
  return !IN6_IS_ADDR_UNSPECIFIED(&address) && !IN6_IS_ADDR_LOOPBACK(&address) &&
         !IN6_IS_ADDR_LINKLOCAL(&address) && !IN6_IS_ADDR_MULTICAST(&address);
}

// A resolver takes IPv4 in all forms of inet_aton(3), such as 127.1, and ignores what is not an
// address. A zone names a link of the host.
bool is_reachable(const std::string& server) {
  in_addr ipv4{};
  in6_addr ipv6{};
  if (inet_aton(server.c_str(), &ipv4) == 1) return is_reachable(ipv4);
  return inet_pton(AF_INET6, server.c_str(), &ipv6) == 1 && is_reachable(ipv6);
}

// The server of a line, or empty. The keyword must be at the very beginning, resolv.conf(5).
std::string server_of(std::string_view line) {
  const auto words = split_words(line);
  const bool names_one =
      line.starts_with("nameserver") && words.size() > 1 && words[0] == "nameserver";
  return names_one ? std::string(words[1]) : std::string{};
}

// The text without the servers that a container with a network of its own cannot reach; nothing if
// none is left.
std::optional<std::string> with_reachable_servers(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  std::string kept;
  bool has_server = false;
  for (const auto line : split_list(*text, '\n')) {
    const std::string server = server_of(line);
    if (!server.empty() && !is_reachable(server)) continue;
    has_server = has_server || !server.empty();
    kept += std::string(line) + '\n';
  }
  if (text->ends_with('\n')) kept.pop_back();  // behind the last newline there is no line
  return has_server ? std::optional(kept) : std::nullopt;
}

}  // namespace

ResolvConf choose_resolv_conf(const std::optional<std::string>& host,
                              const std::optional<std::string>& resolved,
                              bool has_private_network) {
  if (!has_private_network && host) return {host, kHostFile, {}};
  if (has_private_network) {
    if (auto text = with_reachable_servers(host)) return {std::move(text), kHostFile, {}};
    if (auto text = with_reachable_servers(resolved)) return {std::move(text), kResolvedFile, {}};
  }
  if (!host) return {{}, {}, fmt::format("there is no {}", kHostFile)};
  return {{}, {}, fmt::format("{} names no server that the container could reach", kHostFile)};
}

ResolvConf find_resolv_conf(bool has_private_network) {
  return choose_resolv_conf(read_file(kHostFile), read_file(kResolvedFile), has_private_network);
}

}  // namespace container_init
