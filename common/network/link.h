// SPDX-License-Identifier: MIT
// A network link, as the kernel reports it.
#pragma once

#include <map>
#include <set>
#include <string>

namespace container_init {

struct Link {
  int index = 0;     // never 0 for a link that exists
  std::string name;  // the kernel's; shorter if it was looked up by an alternative name
  std::string kind;  // "veth", "bridge", ...; empty for a physical device
  bool carrier = false;
  bool is_up = false;  // as an administrator sets it
  int peer = 0;        // of a veth: the index of its other end, if that is in the same namespace
};

using LinkNames = std::set<std::string>;

// By the name that was looked up; names without a link are absent.
using Links = std::map<std::string, Link, std::less<>>;

}  // namespace container_init
