// SPDX-License-Identifier: MIT
#include "common/network/sysctl.h"

#include <fcntl.h>

#include <cerrno>

#include <fmt/core.h>

#include "common/base/descriptor.h"
#include "common/base/error.h"
#include "common/base/file.h"

namespace container_init {
namespace {

// 0, or errno.
int write_zero(const std::string& path) {
  const Descriptor file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return file.is_open() && write_all(file.get(), "0") ? 0 : errno;
}

std::string hint_for(int error) {
  if (error == ENOENT) return "the link is gone or renamed, or /proc is not mounted";
  if (error == EACCES) return "CAP_NET_ADMIN is needed, which root has";
  return "without it the container could change the host's routes";
}

Error refused(const std::string& sysctl, int error) {
  return system_error(error, fmt::format("set {} to 0", sysctl), hint_for(error));
}

}  // namespace

// Those of IPv4 first: every link has them.
std::vector<std::string> distrusting_sysctls(const std::string& link) {
  const auto sysctl = [&](const char* family, const char* key) {
    return fmt::format("net/{}/conf/{}/{}", family, link, key);
  };
  return {sysctl("ipv4", "accept_redirects"), sysctl("ipv6", "accept_ra"),
          sysctl("ipv6", "autoconf"), sysctl("ipv6", "accept_redirects")};
}

void distrust_peer(const std::string& link) {
  for (const std::string& sysctl : distrusting_sysctls(link)) {
    const std::string path = "/proc/sys/" + sysctl;
    const int error = write_zero(path);
    if (error == 0 || read_file(path) == "0\n") continue;
    const bool lacks_ipv6 = error == ENOENT && sysctl.starts_with("net/ipv6/");
    if (!lacks_ipv6) throw refused(sysctl, error);
  }
}

bool takes_redirects(const std::string& link) {
  const auto is = [](const std::string& sysctl, std::string_view value) {
    return read_file("/proc/sys/net/ipv4/conf/" + sysctl) == value;
  };
  return is("all/accept_redirects", "1\n") && is(link + "/forwarding", "0\n");
}

}  // namespace container_init
