#include "common/config/config.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include <fmt/core.h>

#include "common/base/error.h"
#include "common/base/number.h"
#include "common/base/words.h"
#include "common/config/reader.h"
#include "common/config/text_values.h"
#include "common/network/link_name.h"

namespace container_init {
namespace {

// The accepted form of a value, as faults and the manual page name it.
constexpr std::string_view kIpv4Form = "ADDR[/LEN], as in 10.0.0.2 or 10.0.0.2/24";
constexpr std::string_view kIpv6Form = "ADDR[/LEN], as in fd00::2 or fd00::2/64";
constexpr std::string_view kIpv4GatewayForm = "ADDR, as in 10.0.0.1";
constexpr std::string_view kIpv6GatewayForm = "ADDR, as in fd00::1";
constexpr std::string_view kMacForm = "six octets, unicast, as in 02:00:00:00:00:01";
constexpr std::string_view kLinkForm =
    "a link name: 1 to 15 printable characters without / : % or white space";
constexpr std::string_view kLinkPairForm = "LINK[:INNER], each a link name of 1 to 15 characters";
constexpr std::string_view kMachineForm =
    "1 to 64 of A-Z a-z 0-9 - _ in labels with . between, none with - at an end";
constexpr std::string_view kPathForm = "an absolute path";
constexpr std::string_view kFlagForm = "1 or 0";
constexpr std::string_view kSecondsForm = "seconds, 0 to 86400";
constexpr std::string_view kPairForm = "NAME[:INNER][,KEY=VALUE]...";
constexpr std::string_view kPortForm =
    "[tcp:|udp:|sctp:]HOSTPORT[:CONTAINERPORT], as in tcp:8080:80";
constexpr std::string_view kUsersForm = "no, identity, pick or a number";
constexpr std::string_view kCapabilityForm =
    "capability names with commas between, as in CAP_SYS_TIME";
constexpr std::string_view kTmpfsForm = "absolute paths, each with [:OPTIONS]";
constexpr std::string_view kSignalForm = "a signal name, as in SIGTERM or SIGRTMIN+3";
constexpr std::string_view kQuotedForm = "words, quoted as in a shell";
constexpr std::string_view kCommandForm =
    "the path of a program and its arguments, quoted as in a shell";

constexpr std::array<std::string_view, 6> kPairKeys = {"HOST_ADDRESS",      "HOST_ADDRESS6",
                                                       "LOCAL_ADDRESS",     "LOCAL_ADDRESS6",
                                                       "LOCAL_MAC_ADDRESS", "HOST_BRIDGE"};

// Any one of them asks for the main pair.
constexpr std::array<std::string_view, 8> kMainPairVariables = {
    "HOST_ADDRESS",  "HOST_ADDRESS6",  "LOCAL_ADDRESS",     "LOCAL_ADDRESS6",
    "LOCAL_GATEWAY", "LOCAL_GATEWAY6", "LOCAL_MAC_ADDRESS", "HOST_BRIDGE"};

auto prefix_parser(Family family) {
  return [family](std::string_view text) { return parse_prefix(text, family); };
}

auto address_parser(Family family) {
  return [family](std::string_view text) { return parse_address(text, family); };
}

// Two different ends, and a gateway that is not the container itself.
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

// What the main pair and the extra pairs have in common.
void read_pair(Reader& reader, Pair& pair) {
  const auto ipv4 = prefix_parser(Family::ipv4);
  const auto ipv6 = prefix_parser(Family::ipv6);
  pair.ipv4.host = reader.value("HOST_ADDRESS", ipv4, kIpv4Form);
  pair.ipv6.host = reader.value("HOST_ADDRESS6", ipv6, kIpv6Form);
  pair.ipv4.local = reader.value("LOCAL_ADDRESS", ipv4, kIpv4Form);
  pair.ipv6.local = reader.value("LOCAL_ADDRESS6", ipv6, kIpv6Form);
  pair.local_mac_address = reader.value("LOCAL_MAC_ADDRESS", parse_mac_address, kMacForm);
  pair.bridge = reader.value("HOST_BRIDGE", parse_link_name, kLinkForm).value_or(std::string{});
}

std::optional<Pair> read_main_pair(Reader& reader) {
  const bool wanted = std::any_of(kMainPairVariables.begin(), kMainPairVariables.end(),
                                  [&](auto variable) { return reader.has(variable); });
  if (!wanted) return std::nullopt;
  Pair pair;
  pair.container_link = kContainerLink;
  read_pair(reader, pair);
  pair.ipv4.gateway = reader.value("LOCAL_GATEWAY", address_parser(Family::ipv4), kIpv4GatewayForm);
  pair.ipv6.gateway =
      reader.value("LOCAL_GATEWAY6", address_parser(Family::ipv6), kIpv6GatewayForm);
  check_addresses_differ(reader, pair.ipv4, "");
  check_addresses_differ(reader, pair.ipv6, "6");
  return pair;
}

void check_pair_keys(Reader& reader, const Environment& keys) {
  std::vector<std::string_view> seen;
  for (const auto assignment : keys.assignments()) {
    const auto key = assignment.substr(0, assignment.find('='));
    const bool known = std::find(kPairKeys.begin(), kPairKeys.end(), key) != kPairKeys.end();
    if (!known || key.size() == assignment.size()) {
      reader.fault(fmt::format("{} is not a KEY=VALUE of an extra pair; wanted: {}",
                               quote(assignment),
                               "HOST_ADDRESS, HOST_ADDRESS6, LOCAL_ADDRESS, LOCAL_ADDRESS6, "
                               "LOCAL_MAC_ADDRESS or HOST_BRIDGE as KEY"));
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
    faults.push_back(fmt::format("EXTRA_VETHS={}: NAME or INNER is not valid; wanted: {}, each {}",
                                 quote(word), kPairForm, kLinkForm));
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
  return pair;
}

// Every link is there once, on the host and in the container.
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
  for (const auto word : split_words(reader.text("EXTRA_VETHS")))
    if (auto pair = read_extra_pair(word, faults)) network.extra_pairs.push_back(*std::move(pair));
  network.wait_carrier =
      reader.value("WAIT_CARRIER", parse_seconds, kSecondsForm).value_or(std::chrono::seconds{0});
  return network;
}

std::string read_instance(Reader& reader) {
  if (!reader.has("INSTANCE"))
    reader.fault(fmt::format("INSTANCE is not set; wanted: {}", kMachineForm));
  return reader.checked("INSTANCE", is_machine_name, kMachineForm);
}

// A namespace that somebody else made has its own links, and systemd-nspawn makes no pair for it.
// Whether INTERFACES and MACVLANS can be had beside it is for systemd-nspawn to say.
void check_network_namespace(Reader& reader) {
  if (!reader.has("NETWORK_NAMESPACE_PATH")) return;
  const auto exclude = [&](std::string_view variable) {
    if (reader.has(variable) && reader.text(variable) != "0")
      reader.fault(
          fmt::format("NETWORK_NAMESPACE_PATH and {} are both set; wanted: one of them, as "
                      "nothing can be made for a namespace that exists",
                      variable));
  };
  for (const auto variable : kMainPairVariables) exclude(variable);
  for (const auto* variable : {"EXTRA_VETHS", "PRIVATE_NETWORK", "HOST_PORT"}) exclude(variable);
}

// --private-network, --network-veth, -n and the like, beside our own.
bool is_network_flag(const std::string& flag) {
  return flag.starts_with("--private-network") || flag.starts_with("--network-") || flag == "-n";
}

// systemd-nspawn forwards ports only to a network of the container's own.
void check_ports(Reader& reader, const Config& config) {
  const bool own_network = has_private_network(config) ||
                           std::ranges::any_of(config.extra_nspawn_flags, is_network_flag);
  if (!config.host_ports.empty() && !own_network)
    reader.fault(
        "HOST_PORT is set, and the container shares the host's network; wanted: addresses, a "
        "bridge or PRIVATE_NETWORK=1 with it");
}

// With the names that the links have on the host.
Network read_host_network(Reader& reader, const std::string& instance, Faults& faults) {
  Network network = read_network(reader, faults);
  if (auto& pair = network.pair) pair->host_link = host_link_name(instance, !pair->bridge.empty());
  check_link_names(network, faults);
  check_network_namespace(reader);
  return network;
}

// Empty where it is not set.
std::vector<std::string> read_reload_command(Reader& reader) {
  auto command = reader.value("RELOAD_COMMAND", split_quoted, kQuotedForm)
                     .value_or(std::vector<std::string>{});
  if (!command.empty() && !is_absolute_path(command.front()))
    reader.fault("RELOAD_COMMAND", command.front(), "not an absolute path", kCommandForm);
  return command;
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
  Reader reader(environment, faults);
  const std::string instance = read_instance(reader);
  Network network = read_host_network(reader, instance, faults);
  throw_faults(std::move(faults));
  return network;
}

Reload parse_reload(const Environment& environment) {
  Faults faults;
  Reader reader(environment, faults);
  Reload reload;
  reload.instance = read_instance(reader);
  reload.command = read_reload_command(reader);
  const std::string system = reader.checked("SYSTEM_PATH", is_absolute_path, kPathForm);
  if (reload.command.empty())
    reload.command = {
        (system.empty() ? std::string(kNixosSystem) : system) + "/bin/switch-to-configuration",
        "test"};
  throw_faults(std::move(faults));
  return reload;
}

Config parse_config(const Environment& environment) {
  Faults faults;
  Reader reader(environment, faults);
  Config config;
  config.instance = read_instance(reader);
  config.network = read_host_network(reader, config.instance, faults);
  config.root = reader.checked("root", is_absolute_path, kPathForm);
  config.private_network = reader.value("PRIVATE_NETWORK", parse_flag, kFlagForm).value_or(false);
  config.private_users = reader.checked("PRIVATE_USERS", is_private_users, kUsersForm);
  config.network_namespace_path =
      reader.checked("NETWORK_NAMESPACE_PATH", is_absolute_path, kPathForm);
  config.host_ports = reader.list("HOST_PORT", is_port_mapping, kPortForm);
  config.interfaces = reader.words("INTERFACES", is_link_with_inner_name, kLinkPairForm);
  config.macvlans = reader.words("MACVLANS", is_link_with_inner_name, kLinkPairForm);
  config.capabilities = reader.list("CAPABILITIES", is_capability, kCapabilityForm);
  config.tmpfs = reader.words("TMPFS", is_absolute_path, kTmpfsForm);
  config.ephemeral = reader.value("EPHEMERAL", parse_flag, kFlagForm).value_or(false);
  config.system_path = reader.checked("SYSTEM_PATH", is_absolute_path, kPathForm);
  config.stage2 = reader.checked("STAGE2", is_absolute_path, kPathForm);
  config.copy_resolv_conf = reader.value("COPY_RESOLV_CONF", parse_flag, kFlagForm).value_or(true);
  config.flake = reader.text("FLAKE");
  config.kill_signal = reader.checked("KILL_SIGNAL", is_signal, kSignalForm);
  config.device_timeout =
      reader.value("DEVICE_TIMEOUT", parse_seconds, kSecondsForm).value_or(config.device_timeout);
  config.extra_nspawn_flags = reader.value("EXTRA_NSPAWN_FLAGS", split_quoted, kQuotedForm)
                                  .value_or(std::vector<std::string>{});
  check_ports(reader, config);
  read_reload_command(reader);  // reload's, but a fault of it is told before the start
  throw_faults(std::move(faults));
  return config;
}

}  // namespace container_init
