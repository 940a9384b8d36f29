// SPDX-License-Identifier: MIT
// Checks of values that stay text, by what systemd-nspawn(1) and machinectl(1) accept; and flags.
#pragma once

#include <string_view>

#include "common/base/parsed.h"

namespace container_init {

// 1 to 64 of letters, digits, - _ and . in labels, as the names of machines in machinectl(1).
bool is_machine_name(std::string_view name);

bool is_absolute_path(std::string_view text);

// [tcp:|udp:|sctp:]HOSTPORT[:CONTAINERPORT], as --port= takes it; systemd-nspawn 252 refuses sctp.
bool is_port_mapping(std::string_view text);

// no, identity, pick or a number, as --private-users= takes it.
bool is_private_users(std::string_view text);

// A name as --capability= takes it, whether the kernel knows it or not.
bool is_capability(std::string_view text);

// LINK[:INNER], as --network-interface= and --network-macvlan= take it.
bool is_link_with_inner_name(std::string_view text);

// A name of signal(7) with or without SIG, RTMIN+N, RTMAX-N, or a number, as systemd takes it.
bool is_signal(std::string_view text);

// The number of such a signal.
Parsed<int> parse_signal(std::string_view text);

// 1 or 0.
Parsed<bool> parse_flag(std::string_view text);

}  // namespace container_init
