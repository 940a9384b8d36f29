// SPDX-License-Identifier: MIT
// Which resolv.conf(5) a container gets.
#pragma once

#include <optional>
#include <string>

namespace container_init {

struct ResolvConf {
  std::optional<std::string> text;  // nothing if no file is to be copied
  std::string source;               // the file of the text; empty if there is none
  std::string reason;               // why there is no text
};

// The host's file. A container with a network of its own reaches only servers with a global or a
// private address; the others, as on the host's loopback or with a zone, are left out. If the
// host's file names no server that it reaches, it gets the file that systemd-resolved keeps, and if
// that names none either, none. The arguments are the texts of the two files.
ResolvConf choose_resolv_conf(const std::optional<std::string>& host,
                              const std::optional<std::string>& resolved, bool has_private_network);

// The same with this host's files.
ResolvConf find_resolv_conf(bool has_private_network);

}  // namespace container_init
