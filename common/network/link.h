// What the kernel says of a network link.
#pragma once

#include <map>
#include <string>

namespace container_init {

struct Link {
  int index = 0;     // never 0 for a link that exists
  std::string name;  // the kernel's, perhaps shorter than the one it was asked for
  std::string kind;  // "veth", "bridge", ...; empty for a physical device
  bool carrier = false;
};

// By the name that was asked for; names without a link are absent.
using Links = std::map<std::string, Link, std::less<>>;

}  // namespace container_init
