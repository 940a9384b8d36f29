// SPDX-License-Identifier: MIT
// Settings of a link that rtnetlink does not carry: files below /proc/sys/net, see
// Documentation/networking/ip-sysctl.rst of the kernel.
#pragma once

#include <string>
#include <vector>

namespace container_init {

// The settings that are 0 on a link whose other end is not trusted, as sysctl(8) takes them:
// "net/ipv6/conf/ve-web/accept_ra". With them the kernel ignores Router Advertisements, which give
// it routes and addresses, and redirects.
std::vector<std::string> distrusting_sysctls(const std::string& link);

// Sets them to 0. `link` is the kernel's name. Without IPv6 on the link, only those of IPv4. Error,
// Exit::system, where one cannot be set and is not 0 already.
void distrust_peer(const std::string& link);

// Whether the kernel takes IPv4 redirects from the link nevertheless: where it does not forward,
// the setting for all links counts too (IN_DEV_RX_REDIRECTS of linux/inetdevice.h).
bool takes_redirects(const std::string& link);

}  // namespace container_init
