// SPDX-License-Identifier: MIT
// The options in EXTRA_NSPAWN_FLAGS, told apart as systemd-nspawn(1) itself does it: with
// getopt_long(3), so that shortened names and letters behind one hyphen are recognised.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace container_init {

struct NspawnFlag {
  std::string name;   // the whole long name, as in "bind-ro"
  std::string value;  // empty if it has none
  std::string word;   // that has the option, as it is written
};

struct NspawnFlags {
  std::vector<NspawnFlag> flags;
  // What systemd-nspawn would refuse, or execute in place of container-init, each as a phrase that
  // begins with the word in quotes. An option that is not known may be of a later version, and the
  // word behind it its value.
  std::vector<std::string> faults;
};

NspawnFlags parse_nspawn_flags(const std::vector<std::string>& words);

// By its long name, as in "hostname".
bool has_flag(const std::vector<std::string>& words, std::string_view name);

// The parts of the value of --bind= or --overlay=: between colons that no backslash precedes.
std::vector<std::string> parts_of_bind(std::string_view value);

}  // namespace container_init
