// SPDX-License-Identifier: MIT
// The table of variables. Parsing, the variables that start passes to container-init, the KEYs of
// an extra pair and every program's --help come from it; container.conf(5) documents each of them.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace container_init {

// Bits of Variable::uses: the programs that act on it, and what it does for a pair. All but
// container-init act on it on the host; pre-start and start check every variable.
enum Use : unsigned {
  kContainerInit = 1U << 0,  // start passes it with --setenv=
  kPreStart = 1U << 1,
  kStart = 1U << 2,
  kPostStart = 1U << 3,
  kReload = 1U << 4,
  kMainPair = 1U << 5,      // asks for the main pair
  kPairKey = 1U << 6,       // also a KEY of an extra pair
  kNewNamespace = 1U << 7,  // like a pair, needs a network namespace that systemd-nspawn makes
  kOfInit = 1U << 8,        // says something of an init, which a COMMAND has not
  kOwnNetwork = 1U << 9,    // like a pair, gives the container a network apart from the host's
};

inline constexpr unsigned kOnHost = kPreStart | kStart | kPostStart | kReload;
inline constexpr unsigned kNetwork = kContainerInit | kPreStart | kStart | kPostStart | kReload;

struct Variable {
  std::string_view name;
  std::string_view value;  // as --help shows it behind the name
  std::string_view form;   // what a fault says is wanted
  unsigned uses;
  std::string_view help;

  constexpr bool has(unsigned any_of) const { return (uses & any_of) != 0; }
};

namespace form {

inline constexpr std::string_view kIpv4Prefix = "ADDR[/LEN], as in 10.0.0.2 or 10.0.0.2/24";
inline constexpr std::string_view kIpv6Prefix = "ADDR[/LEN], as in fd00::2 or fd00::2/64";
inline constexpr std::string_view kLink =
    "a link name: 1 to 15 printable characters without / : % or white space";
inline constexpr std::string_view kMtu = "68 to 65535, and 1280 at least for IPv6";
inline constexpr std::string_view kExtraPair =
    "NAME[:INNER][,KEY=VALUE]..., each a link name: 1 to 15 printable characters without / : % or "
    "white space";
inline constexpr std::string_view kLinks = "LINK[:INNER], each a link name of 1 to 15 characters";
inline constexpr std::string_view kMachine =
    "1 to 64 of A-Z a-z 0-9 - in labels with . between, none with - at an end";
inline constexpr std::string_view kPath = "an absolute path";
inline constexpr std::string_view kFlag = "1 or 0";
inline constexpr std::string_view kSeconds = "seconds, 0 to 86400";
inline constexpr std::string_view kPort = "[tcp:|udp:]HOSTPORT[:CONTAINERPORT], as in tcp:8080:80";
inline constexpr std::string_view kCapabilities =
    "capability names with commas between, as in CAP_SYS_TIME";
inline constexpr std::string_view kCommand =
    "the path of a program and its arguments, quoted as in a shell";

}  // namespace form

// clang-format off
inline constexpr auto kVariables = std::to_array<Variable>({
    {"INSTANCE", "MACHINE", form::kMachine, kOnHost, "name of the container"},
    {"root", "PATH", form::kPath, kStart, "root directory of the container"},
    {"HOST_ADDRESS", "ADDR[/LEN]", form::kIpv4Prefix, kNetwork | kMainPair | kPairKey, "IPv4 address of the host's end"},
    {"HOST_ADDRESS6", "ADDR[/LEN]", form::kIpv6Prefix, kNetwork | kMainPair | kPairKey, "IPv6 address of the host's end"},
    {"LOCAL_ADDRESS", "ADDR[/LEN]", form::kIpv4Prefix, kNetwork | kMainPair | kPairKey, "IPv4 address of the container's end"},
    {"LOCAL_ADDRESS6", "ADDR[/LEN]", form::kIpv6Prefix, kNetwork | kMainPair | kPairKey, "IPv6 address of the container's end"},
    {"LOCAL_GATEWAY", "ADDR", "ADDR, as in 10.0.0.1", kNetwork | kMainPair, "IPv4 gateway, default HOST_ADDRESS"},
    {"LOCAL_GATEWAY6", "ADDR", "ADDR, as in fd00::1", kNetwork | kMainPair, "IPv6 gateway, default HOST_ADDRESS6"},
    {"LOCAL_MAC_ADDRESS", "MAC", "six octets, unicast, as in 02:00:00:00:00:01", kNetwork | kMainPair | kPairKey, "MAC address of the container's end"},
    {"HOST_BRIDGE", "LINK", form::kLink, kNetwork | kMainPair | kPairKey, "bridge that the host's end is a port of"},
    {"MTU", "BYTES", form::kMtu, kNetwork | kMainPair | kPairKey, "MTU of both ends of the pair"},
    {"EXTRA_VETHS", "NAME[:INNER][,KEY=VALUE]...", form::kExtraPair, kNetwork | kNewNamespace | kOwnNetwork, "more pairs, with addresses and bridge as KEYs"},
    {"WAIT_CARRIER", "SECONDS", form::kSeconds, kContainerInit, "time to wait for carrier in the container"},
    {"DEVICE_TIMEOUT", "SECONDS", form::kSeconds, kPreStart, "time to wait for links of the host, default 10"},
    {"PRIVATE_NETWORK", "1|0", form::kFlag, kStart, "a network apart from the host's"},
    {"PRIVATE_USERS", "no|identity|pick|NUMBER", "no, identity, pick or a number", kStart, "user IDs apart from the host's"},
    {"NETWORK_NAMESPACE_PATH", "PATH", form::kPath, kStart | kOwnNetwork, "network namespace to join"},
    {"HOST_PORT", "PORT[,PORT]...", form::kPort, kStart | kNewNamespace, "ports of the host to forward"},
    {"INTERFACES", "LINK...", form::kLinks, kPreStart | kStart | kOwnNetwork, "links of the host to move into the container"},
    {"MACVLANS", "LINK...", form::kLinks, kPreStart | kStart | kOwnNetwork, "links of the host to add a macvlan to"},
    {"CAPABILITIES", "NAME[,NAME]...", form::kCapabilities, kStart, "capabilities to keep beyond the default"},
    {"TMPFS", "PATH[:OPTIONS]...", "absolute paths, each with [:OPTIONS]", kStart, "where to mount a tmpfs"},
    {"EPHEMERAL", "1|0", form::kFlag, kStart, "run on a copy of root, which is removed"},
    {"STAGE2", "PATH", form::kPath, kStart | kOfInit, "init of the container"},
    {"COMMAND", "PROGRAM [ARG]...", form::kCommand, kStart, "one program in place of an init"},
    {"SYSTEM_PATH", "PATH", form::kPath, kStart | kReload | kOfInit, "NixOS system of the container"},
    {"FLAKE", "URI", "a flake URI", kStart | kOfInit, "flake to build the NixOS system from"},
    {"COPY_RESOLV_CONF", "1|0", form::kFlag, kStart, "copy the host's resolv.conf, default 1"},
    {"KILL_SIGNAL", "SIGNAL", "a signal name, as in SIGTERM or SIGRTMIN+3", kStart | kOfInit, "signal that stops the init"},
    {"EXTRA_NSPAWN_FLAGS", "OPTION...", "words, quoted as in a shell", kStart, "more options for systemd-nspawn"},
    {"LITERAL_NSPAWN_FLAGS", "1|0", form::kFlag, kStart, "take quotes in EXTRA_NSPAWN_FLAGS literally"},
    {"RELOAD_COMMAND", "PROGRAM [ARG]...", form::kCommand, kReload, "what to run in the container"},
    {"RELOAD_SIGNAL", "SIGNAL", "a signal name, as in SIGHUP", kReload, "signal for the program of COMMAND"},
});
// clang-format on

// By its name; one that the table lacks does not compile.
consteval const Variable& variable(std::string_view name) {
  const auto* found = std::find_if(kVariables.begin(), kVariables.end(),
                                   [=](const Variable& known) { return known.name == name; });
  if (found == kVariables.end()) throw "not in the table of variables";
  return *found;
}

// The part of --help that lists the variables with one of these uses, a line or two each.
std::string list_variables(unsigned any_of);

// The variable with one of these uses that is meant by a name which is almost its own; nullptr
// where there is none, or where the name is that of a variable. Upper and lower case and
// underscores are not compared. Beyond that names from 7 characters on may differ in one character,
// or two neighbours that are swapped; not in the first, and shorter ones not at all: STAGE and
// TMPDIR are names of others.
const Variable* find_misspelt(std::string_view name, unsigned any_of);

}  // namespace container_init
