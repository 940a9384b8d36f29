// SPDX-License-Identifier: MIT
// Checks of values that stay text, by what systemd-nspawn(1) and machinectl(1) accept; and flags.
#pragma once

#include <string>
#include <string_view>

#include "common/base/parsed.h"

namespace container_init {

// 1 to 64 of letters, digits, - and . in labels, as --machine= takes it.
bool is_machine_name(std::string_view name);

bool is_absolute_path(std::string_view text);

// [tcp:|udp:]HOSTPORT[:CONTAINERPORT], as --port= takes it.
bool is_port_mapping(std::string_view text);

// "tcp:80": what a port mapping takes on the host.
std::string port_of_host(std::string_view mapping);

// PATH[:OPTION,...], as --tmpfs= takes it, and the kernel the options of tmpfs(5).
bool is_tmpfs(std::string_view text);

// no, identity, pick or a number, as --private-users= takes it: 65536 IDs from there on are valid.
bool is_private_users(std::string_view text);

// all, or a name of capabilities(7) or a number, as --capability= takes it.
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
