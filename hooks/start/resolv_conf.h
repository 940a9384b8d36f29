// Which resolv.conf(5) a container gets.
#pragma once

#include <optional>
#include <string>

namespace container_init {

struct ResolvConf {
  std::optional<std::string> text;  // nothing where none is to be copied
  std::string source;               // the file it is from; empty with no text
  std::string reason;               // why there is no text
};

// The host's, unless a container with a network of its own could not reach any of its name servers,
// as all are on the loopback; then that which systemd-resolved keeps, under the same condition.
// The arguments are the texts of the two files, nothing where there is none.
ResolvConf choose_resolv_conf(const std::optional<std::string>& host,
                              const std::optional<std::string>& resolved, bool has_private_network);

// The same with this host's files.
ResolvConf find_resolv_conf(bool has_private_network);

}  // namespace container_init
