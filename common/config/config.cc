// SPDX-License-Identifier: MIT
#include "common/config/config.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include <fmt/core.h>

#include "common/base/error.h"
#include "common/base/number.h"
#include "common/base/words.h"
#include "common/config/flag_rules.h"
#include "common/config/nspawn_flags.h"
#include "common/config/reader.h"
#include "common/config/text_values.h"
#include "common/config/variables.h"
#include "common/network/link_name.h"

namespace container_init {
namespace {

// The values of both families. An IPv6 value in the variable of IPv4 is taken as that of the ...6
// variable if that is not set, as the ip(8) commands of scripts take either.
template <typename Value>
void read_families(Reader& reader, const Variable& ipv4, const Variable& ipv6,
                   Parsed<Value> (*parse)(std::string_view, Family),
                   std::optional<Value>& ipv4_value, std::optional<Value>& ipv6_value) {
  const auto as_ipv4 = [=](std::string_view text) { return parse(text, Family::ipv4); };
  const auto as_ipv6 = [=](std::string_view text) { return parse(text, Family::ipv6); };
  if (!reader.has(ipv6) && std::ranges::count(reader.text(ipv4), ':') >= 2) {
    Variable taken = ipv6;
    taken.name = ipv4.name;
    ipv6_value = reader.value(taken, as_ipv6);
  } else {
    ipv4_value = reader.value(ipv4, as_ipv4);
    ipv6_value = reader.value(ipv6, as_ipv6);
  }
}

Parsed<Prefix> parse_container_end(std::string_view text, Family family) {
  auto parsed = parse_prefix(text, family);
  const Prefix* prefix = value_of(parsed);
  const auto use = prefix ? shared_use(*prefix) : std::string_view{};
  return use.empty() ? parsed : Reason{std::string(use)};
}

// The host's end may be the router that an anycast address of IPv6 stands for.
Parsed<Prefix> parse_host_end(std::string_view text, Family family) {
  return family == Family::ipv6 ? parse_prefix(text, family) : parse_container_end(text, family);
}

// The two ends have different addresses, and the gateway is not the container itself.
void check_addresses_differ(Reader& reader, const FamilyConfig& family, std::string_view suffix) {
  if (!family.local) return;
  if (family.host && family.host->address == family.local->address)
    reader.fault(
        fmt::format("HOST_ADDRESS{0} and LOCAL_ADDRESS{0} are both {1}; wanted: one each for "
                    "the two ends of the pair",
                    suffix, to_string(family.local->address)));
  if (family.gateway && *family.gateway == family.local->address)
    reader.fault(
        fmt::format("LOCAL_GATEWAY{0} and LOCAL_ADDRESS{0} are both {1}; wanted: the address "
                    "of another machine as gateway",
                    suffix, to_string(family.local->address)));
}

// No router has an address that all machines of the network, or none, have.
void check_gateway(Reader& reader, const FamilyConfig& ipv4) {
  if (!ipv4.gateway || !ipv4.local || !ipv4.local->contains(*ipv4.gateway)) return;
  const auto use = shared_use({*ipv4.gateway, ipv4.local->length});
  if (!use.empty())
    reader.fault(variable("LOCAL_GATEWAY"), to_string(*ipv4.gateway),
                 fmt::format("{}, {}", use, to_string(ipv4.local->network())));
}

Parsed<std::uint32_t> parse_mtu(std::string_view text) {
  constexpr std::uint32_t kLeast = 68;     // of IPv4, RFC 791
  constexpr std::uint32_t kMost = 65'535;  // ETH_MAX_MTU of linux/if_ether.h
  if (const auto number = parse_number<std::uint32_t>(text, kLeast, kMost)) return *number;
  return Reason{"not a number from 68 to 65535"};
}

// The kernel takes IPv6 away from a link whose MTU is too small for it.
void check_mtu(Reader& reader, const Pair& pair) {
  constexpr std::uint32_t kLeastForIpv6 = 1280;  // RFC 8200
  const FamilyConfig& ipv6 = pair.ipv6;
  if (pair.mtu != 0 && pair.mtu < kLeastForIpv6 && (ipv6.host || ipv6.local || ipv6.gateway))
    reader.fault(variable("MTU"), reader.text(variable("MTU")),
                 "too small for IPv6, of which the pair has an address");
}

// What the main pair and the extra pairs have in common.
void read_pair(Reader& reader, Pair& pair) {
  read_families(reader, variable("HOST_ADDRESS"), variable("HOST_ADDRESS6"), parse_host_end,
                pair.ipv4.host, pair.ipv6.host);
  read_families(reader, variable("LOCAL_ADDRESS"), variable("LOCAL_ADDRESS6"), parse_container_end,
                pair.ipv4.local, pair.ipv6.local);
  pair.local_mac_address = reader.value(variable("LOCAL_MAC_ADDRESS"), parse_mac_address);
  pair.bridge = reader.value(variable("HOST_BRIDGE"), parse_link_name).value_or(std::string{});
  pair.mtu = reader.value(variable("MTU"), parse_mtu).value_or(0);
}

std::optional<Pair> read_main_pair(Reader& reader) {
  const bool wanted = std::ranges::any_of(
      kVariables, [&](const Variable& known) { return known.has(kMainPair) && reader.has(known); });
  if (!wanted) return std::nullopt;
  Pair pair;
  pair.container_link = kContainerLink;
  read_pair(reader, pair);
  read_families(reader, variable("LOCAL_GATEWAY"), variable("LOCAL_GATEWAY6"), parse_address,
                pair.ipv4.gateway, pair.ipv6.gateway);
  check_addresses_differ(reader, pair.ipv4, "");
  check_addresses_differ(reader, pair.ipv6, "6");
  check_gateway(reader, pair.ipv4);
  check_mtu(reader, pair);
  return pair;
}

// "HOST_ADDRESS, ..., HOST_BRIDGE"
std::string pair_keys() {
  std::string text;
  for (const Variable& known : kVariables)
    if (known.has(kPairKey)) text += fmt::format("{}{}", text.empty() ? "" : ", ", known.name);
  return text;
}

bool is_pair_key(std::string_view key) {
  return std::ranges::any_of(
      kVariables, [=](const Variable& known) { return known.has(kPairKey) && known.name == key; });
}

void check_pair_keys(Reader& reader, const Environment& keys) {
  std::vector<std::string_view> seen;
  for (const auto assignment : keys.assignments()) {
    const auto key = assignment.substr(0, assignment.find('='));
    if (!is_pair_key(key) || key.size() == assignment.size()) {
      const Variable* meant = find_misspelt(key, kPairKey);
      reader.fault(fmt::format("{} is not a KEY=VALUE of an extra pair; wanted: {} as KEY",
                               quote(assignment),
                               meant ? std::string(meant->name) : "one of " + pair_keys()));
    } else if (std::find(seen.begin(), seen.end(), key) != seen.end()) {
      reader.fault(fmt::format("{} is given twice; wanted: each KEY once", key));
    }
    seen.push_back(key);
  }
}

// NAME[:INNER][,KEY=VALUE]...
std::optional<Pair> read_extra_pair(std::string_view word, Faults& faults) {
  auto parts = split_list(word, ',');
  const auto names = split_list(parts.front(), ':');
  parts.erase(parts.begin());
  if (names.size() > 2 || !std::all_of(names.begin(), names.end(), is_link_name)) {
    faults.push_back(fmt::format("EXTRA_VETHS={}: NAME or INNER is not valid; wanted: {}",
                                 quote(word), form::kExtraPair));
    return std::nullopt;
  }
  Pair pair;
  pair.host_link = names.front();
  pair.container_link = names.back();
  const Environment keys(std::move(parts));
  Reader reader(keys, faults, fmt::format("EXTRA_VETHS: {}: ", pair.host_link));
  check_pair_keys(reader, keys);
  read_pair(reader, pair);
  check_addresses_differ(reader, pair.ipv4, "");
  check_addresses_differ(reader, pair.ipv6, "6");
  check_mtu(reader, pair);
  return pair;
}

// No two links have the same name on the host, and no two in the container.
void check_link_names(const Network& network, Faults& faults) {
  std::set<std::string_view> outer;
  std::set<std::string_view> inner;
  const std::string short_name =
      network.pair ? short_link_name(network.pair->host_link) : std::string{};
  if (network.pair) {
    outer = {network.pair->host_link, short_name};
    inner = {kNspawnLink, kContainerLink};
  }
  constexpr std::string_view kTwice =
      "EXTRA_VETHS: {} is the name of another link {}; wanted: names that differ";
  for (const Pair& pair : network.extra_pairs) {
    if (!outer.insert(pair.host_link).second) {
      faults.push_back(fmt::format(kTwice, quote(pair.host_link), "on the host"));
    } else if (!inner.insert(pair.container_link).second) {
      faults.push_back(fmt::format(kTwice, quote(pair.container_link), "in the container"));
    }
  }
}

Network read_network(Reader& reader, Faults& faults) {
  Network network;
  network.pair = read_main_pair(reader);
  for (const auto word : split_words(reader.text(variable("EXTRA_VETHS"))))
    if (auto pair = read_extra_pair(word, faults)) network.extra_pairs.push_back(*std::move(pair));
  network.wait_carrier =
      reader.value(variable("WAIT_CARRIER"), parse_seconds).value_or(std::chrono::seconds{0});
  return network;
}

std::string read_instance(Reader& reader) {
  if (!reader.has(variable("INSTANCE")))
    reader.fault(fmt::format("INSTANCE is not set; wanted: {}", form::kMachine));
  return reader.checked(variable("INSTANCE"), is_machine_name);
}

// systemd-nspawn creates no pair for a network namespace that exists already. Whether it takes
// INTERFACES and MACVLANS beside it depends on its version, and it reports that itself.
void check_network_namespace(Reader& reader) {
  if (!reader.has(variable("NETWORK_NAMESPACE_PATH"))) return;
  for (const Variable& known : kVariables)
    if (known.has(kMainPair | kNewNamespace) && reader.has(known))
      reader.fault(
          fmt::format("NETWORK_NAMESPACE_PATH and {} are both set; wanted: one of them, as "
                      "nothing can be made for a namespace that exists",
                      known.name));
}

// Variables that need a network of the container's own decide, as in the scripts of NixOS's module.
void warn_of_private_network(const Reader& reader, Config& config) {
  if (reader.text(variable("PRIVATE_NETWORK")) != "0" || !has_private_network(config)) return;
  for (const Variable& known : kVariables)
    if (known.has(kMainPair | kOwnNetwork) && reader.has(known))
      return config.warnings.push_back(fmt::format(
          "PRIVATE_NETWORK=0 has no effect: {} gives the container a network of its own",
          known.name));
}

// A file can empty what the unit has set. Nobody means the network or the users of the host by
// that.
void warn_of_empty(const Environment& environment, Config& config) {
  if (environment.is_empty("PRIVATE_NETWORK") && !has_private_network(config))
    config.warnings.emplace_back(
        "PRIVATE_NETWORK is empty, so the container shares the host's network; wanted: 1 or 0");
  if (environment.is_empty("PRIVATE_USERS"))
    config.warnings.emplace_back(
        "PRIVATE_USERS is empty, so root of the container is root of the host; wanted: pick or no");
}

// To join a network namespace, a process needs a capability in the user namespace that owns it.
void check_users_of_namespace(Reader& reader, const Config& config) {
  const std::string& users = config.private_users;
  if (config.network_namespace_path.empty() || users.empty() || users == "no") return;
  reader.fault(
      fmt::format("NETWORK_NAMESPACE_PATH is set, and PRIVATE_USERS is {}{}; wanted: "
                  "PRIVATE_USERS=no, as a container with a user namespace cannot join the network "
                  "namespace of another",
                  quote(users), users == "pick" ? ", the default of container@.service" : ""));
}

// Whether EXTRA_NSPAWN_FLAGS gives the container a network of its own.
bool has_network_flag(const Config& config) {
  return std::ranges::any_of(parse_nspawn_flags(config.extra_nspawn_flags).flags, [](auto& flag) {
    return flag.name == "private-network" || flag.name.starts_with("network-");
  });
}

// In a bridge the host is no gateway, and an address without a length no network.
void warn_of_lonely_addresses(const Pair& pair, std::string_view where, Config& config) {
  if (pair.bridge.empty()) return;
  for (const FamilyConfig* family : {&pair.ipv4, &pair.ipv6})
    if (family->local && family->local->is_host() && !family->host && !family->gateway)
      config.warnings.push_back(fmt::format(
          "{}LOCAL_ADDRESS{} is the single address {}, so the container has no route to the bridge "
          "{}; wanted: a length, as in {}/{}, or a gateway",
          where, family == &pair.ipv6 ? "6" : "", to_string(family->local->address), pair.bridge,
          to_string(family->local->address), family == &pair.ipv6 ? 64 : 24));
}

void warn_of_lonely_addresses(Config& config) {
  if (config.network.pair) warn_of_lonely_addresses(*config.network.pair, "", config);
  for (const Pair& pair : config.network.extra_pairs)
    warn_of_lonely_addresses(pair, fmt::format("EXTRA_VETHS: {}: ", pair.host_link), config);
}

// systemd-nspawn forwards ports only to a network of the container's own.
void check_ports(Reader& reader, const Config& config) {
  std::set<std::string> seen;
  for (const std::string& port : config.host_ports)
    if (!seen.insert(port_of_host(port)).second)
      reader.fault(variable("HOST_PORT"), port, "a port of the host that is there twice");
  if (!config.host_ports.empty() && !has_private_network(config) && !has_network_flag(config))
    reader.fault(
        "HOST_PORT is set, and the container shares the host's network; wanted: addresses, a "
        "bridge or PRIVATE_NETWORK=1 with it");
}

// The network, with the names that the links have on the host.
Network read_host_network(Reader& reader, const std::string& instance, Faults& faults) {
  Network network = read_network(reader, faults);
  if (auto& pair = network.pair) pair->host_link = host_link_name(instance, !pair->bridge.empty());
  check_link_names(network, faults);
  check_network_namespace(reader);
  return network;
}

// Variables that have a value and a name that is almost one of ours.
void check_names(const Environment& environment, unsigned any_of, Faults& faults) {
  for (const auto assignment : environment.assignments()) {
    const auto name = assignment.substr(0, assignment.find('='));
    if (assignment.size() <= name.size() + 1) continue;
    if (const Variable* meant = find_misspelt(name, any_of))
      faults.push_back(fmt::format("{} is not a variable; wanted: {}", quote(name), meant->name));
  }
}

// The scripts of NixOS's module split them at white space, and a quote is a character like others.
std::vector<std::string> read_nspawn_flags(Reader& reader) {
  constexpr const Variable& kFlags = variable("EXTRA_NSPAWN_FLAGS");
  if (reader.value(variable("LITERAL_NSPAWN_FLAGS"), parse_flag).value_or(false))
    return reader.words(kFlags, [](std::string_view) { return true; });
  return reader.value(kFlags, split_quoted).value_or(std::vector<std::string>{});
}

// A program and its arguments; empty if it is not set.
std::vector<std::string> read_command(Reader& reader, const Variable& variable) {
  auto command = reader.value(variable, split_quoted).value_or(std::vector<std::string>{});
  if (!command.empty() && !is_absolute_path(command.front()))
    reader.fault(variable, command.front(), "not an absolute path");
  return command;
}

// systemd-nspawn's own init is above the program, and asks it to end with signals of its choice.
void check_no_init(Reader& reader, const Config& config) {
  if (config.command.empty()) return;
  for (const Variable& known : kVariables)
    if (known.has(kOfInit) && reader.has(known))
      reader.fault(
          fmt::format("COMMAND and {} are both set; wanted: one of them, as a program runs "
                      "in place of an init",
                      known.name));
}

// An init has its own way to reload what runs below it.
void check_reload_signal(Reader& reader, const Config& config) {
  if (config.command.empty() && reader.has(variable("RELOAD_SIGNAL")))
    reader.fault(
        "RELOAD_SIGNAL is set, and COMMAND is not; wanted: RELOAD_COMMAND for a container with an "
        "init");
}

void throw_faults(Faults faults) {
  if (!faults.empty()) throw Error(Exit::config, std::move(faults));
}

}  // namespace

bool has_private_network(const Config& config) {
  return config.private_network || config.network.pair || !config.network.extra_pairs.empty() ||
         !config.network_namespace_path.empty() || !config.interfaces.empty() ||
         !config.macvlans.empty();
}

bool has_shifted_users(const Config& config) {
  const std::string& users = config.private_users;
  return !users.empty() && users != "no" && users != "identity" && users != "0";
}

Network parse_network(const Environment& environment) {
  Faults faults;
  Reader reader(environment, faults);
  Network network = read_network(reader, faults);
  check_link_names(network, faults);
  throw_faults(std::move(faults));
  return network;
}

Network parse_host_network(const Environment& environment) {
  Faults faults;
  check_names(environment, kPostStart, faults);
  Reader reader(environment, faults);
  const std::string instance = read_instance(reader);
  Network network = read_host_network(reader, instance, faults);
  throw_faults(std::move(faults));
  return network;
}

Config parse_config(const Environment& environment) {
  Faults faults;
  check_names(environment, kOnHost, faults);
  Reader reader(environment, faults);
  Config config;
  config.instance = read_instance(reader);
  config.network = read_host_network(reader, config.instance, faults);
  config.root = reader.checked(variable("root"), is_absolute_path);
  config.private_network = reader.value(variable("PRIVATE_NETWORK"), parse_flag).value_or(false);
  config.private_users = reader.checked(variable("PRIVATE_USERS"), is_private_users);
  config.network_namespace_path =
      reader.checked(variable("NETWORK_NAMESPACE_PATH"), is_absolute_path);
  check_users_of_namespace(reader, config);
  config.host_ports = reader.list(variable("HOST_PORT"), is_port_mapping);
  config.interfaces = reader.words(variable("INTERFACES"), is_link_with_inner_name);
  config.macvlans = reader.words(variable("MACVLANS"), is_link_with_inner_name);
  config.capabilities = reader.list(variable("CAPABILITIES"), is_capability);
  config.tmpfs = reader.words(variable("TMPFS"), is_tmpfs);
  config.ephemeral = reader.value(variable("EPHEMERAL"), parse_flag).value_or(false);
  config.system_path = reader.checked(variable("SYSTEM_PATH"), is_absolute_path);
  config.stage2 = reader.checked(variable("STAGE2"), is_absolute_path);
  config.command = read_command(reader, variable("COMMAND"));
  config.copy_resolv_conf = reader.value(variable("COPY_RESOLV_CONF"), parse_flag).value_or(true);
  config.flake = reader.text(variable("FLAKE"));
  config.kill_signal = reader.checked(variable("KILL_SIGNAL"), is_signal);
  config.device_timeout =
      reader.value(variable("DEVICE_TIMEOUT"), parse_seconds).value_or(config.device_timeout);
  config.extra_nspawn_flags = read_nspawn_flags(reader);
  config.reload_command = read_command(reader, variable("RELOAD_COMMAND"));
  config.reload_signal = reader.value(variable("RELOAD_SIGNAL"), parse_signal).value_or(0);
  warn_of_lonely_addresses(config);
  warn_of_private_network(reader, config);
  warn_of_empty(environment, config);
  warn_of_binds(config);
  check_ports(reader, config);
  check_reload_signal(reader, config);
  check_flags(reader, config);
  check_no_init(reader, config);
  throw_faults(std::move(faults));
  return config;
}

}  // namespace container_init
