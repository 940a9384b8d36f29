#include "common/config.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <set>
#include <utility>

#include <fmt/core.h>

#include "common/error.h"
#include "common/link_name.h"
#include "common/words.h"

namespace container_init {
namespace {

using Faults = std::vector<std::string>;

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
    "1 to 64 of A-Z a-z 0-9 - _ in labels with . between, none with - at an end, as machinectl(1) "
    "accepts";
constexpr std::string_view kPathForm = "an absolute path";
constexpr std::string_view kFlagForm = "1 or 0";
constexpr std::string_view kSecondsForm = "seconds, 0 to 86400";
constexpr std::string_view kPairForm = "NAME[:INNER][,KEY=VALUE]...";
constexpr std::string_view kPortForm = "[tcp:|udp:]HOSTPORT[:CONTAINERPORT], as in tcp:8080:80";
constexpr std::string_view kUsersForm = "no, identity, pick or a number";
constexpr std::string_view kCapabilityForm =
    "capability names with commas between, as in CAP_SYS_TIME";
constexpr std::string_view kTmpfsForm = "absolute paths, each with [:OPTIONS]";
constexpr std::string_view kSignalForm = "a signal name, as in SIGTERM or SIGRTMIN+3";
constexpr std::string_view kQuotedForm = "words, quoted as in a shell";

constexpr std::array<std::string_view, 6> kPairKeys = {"HOST_ADDRESS",      "HOST_ADDRESS6",
                                                       "LOCAL_ADDRESS",     "LOCAL_ADDRESS6",
                                                       "LOCAL_MAC_ADDRESS", "HOST_BRIDGE"};

// Any one of them asks for the main pair.
constexpr std::array<std::string_view, 8> kMainPairVariables = {
    "HOST_ADDRESS",  "HOST_ADDRESS6",  "LOCAL_ADDRESS",     "LOCAL_ADDRESS6",
    "LOCAL_GATEWAY", "LOCAL_GATEWAY6", "LOCAL_MAC_ADDRESS", "HOST_BRIDGE"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

template <typename T>
std::optional<T> parse_number(std::string_view text, T least, T most) {
  T number{};
  const auto [end, error] = std::from_chars(text.begin(), text.end(), number);
  if (error != std::errc{} || end != text.end() || number < least || number > most)
    return std::nullopt;
  return number;
}

// A parser for values that stay text, from a check and what to say when it fails.
template <typename Check>
auto text_that(Check is_valid, std::string_view reason) {
  return [=](std::string_view text) -> Parsed<std::string> {
    if (is_valid(text)) return std::string(text);
    return Reason{std::string(reason)};
  };
}

bool is_absolute_path(std::string_view text) { return text.starts_with('/'); }

bool is_port(std::string_view text) {
  return parse_number<unsigned>(text, 1, std::numeric_limits<std::uint16_t>::max()).has_value();
}

bool is_port_mapping(std::string_view text) {
  auto parts = split_list(text, ':');
  if (parts.front() == "tcp" || parts.front() == "udp") parts.erase(parts.begin());
  return (parts.size() == 1 || parts.size() == 2) &&
         std::all_of(parts.begin(), parts.end(), is_port);
}

bool is_private_users(std::string_view text) {
  constexpr auto kLargest = std::numeric_limits<std::uint32_t>::max();
  return text == "no" || text == "identity" || text == "pick" ||
         parse_number<std::uint32_t>(text, 0, kLargest);
}

bool is_capability(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return is_letter(c) || is_digit(c) || c == '_';
  });
}

// LINK[:INNER], as --network-interface= and --network-macvlan= take it.
bool is_link_with_inner_name(std::string_view text) {
  const auto names = split_list(text, ':');
  return names.size() <= 2 && std::all_of(names.begin(), names.end(), is_link_name);
}

// The names of signal(7), without SIG.
constexpr std::array<std::string_view, 35> kSignals = {
    "HUP",  "INT",  "QUIT", "ILL",   "TRAP", "ABRT", "IOT",   "BUS",  "FPE",
    "KILL", "USR1", "SEGV", "USR2",  "PIPE", "ALRM", "TERM",  "CHLD", "CLD",
    "CONT", "STOP", "TSTP", "TTIN",  "TTOU", "URG",  "XCPU",  "XFSZ", "VTALRM",
    "PROF", "IO",   "POLL", "WINCH", "PWR",  "SYS",  "RTMIN", "RTMAX"};

bool is_signal(std::string_view text) {
  constexpr unsigned kLargest = 64;  // _NSIG of the kernel
  if (parse_number<unsigned>(text, 1, kLargest)) return true;
  if (text.starts_with("SIG")) text.remove_prefix(3);
  if (std::find(kSignals.begin(), kSignals.end(), text) != kSignals.end()) return true;
  constexpr unsigned kRealTimeSignals = 30;  // SIGRTMIN+0 to SIGRTMIN+30
  return (text.starts_with("RTMIN+") || text.starts_with("RTMAX-")) &&
         parse_number<unsigned>(text.substr(6), 0, kRealTimeSignals);
}

auto prefix_parser(Family family) {
  return [family](std::string_view text) { return parse_prefix(text, family); };
}

auto address_parser(Family family) {
  return [family](std::string_view text) { return parse_address(text, family); };
}

Parsed<bool> parse_flag(std::string_view text) {
  if (text == "1") return true;
  if (text == "0") return false;
  return Reason{"neither 1 nor 0"};
}

// Reads typed values out of assignments and notes every fault on the way.
class Reader {
 public:
  // `where` goes before the variable in a fault: empty, or the extra pair it belongs to.
  Reader(const Environment& environment, Faults& faults, std::string where = {})
      : environment_(environment), faults_(faults), where_(std::move(where)) {}

  bool has(std::string_view variable) const { return environment_.get(variable).has_value(); }
  std::string_view text(std::string_view variable) const {
    return environment_.get(variable).value_or(std::string_view{});
  }

  // The value, or nothing where the variable is not set or not valid.
  template <typename Parse>
  auto value(std::string_view variable, Parse parse, std::string_view form) {
    using Value = std::variant_alternative_t<0, decltype(parse(text(variable)))>;
    std::optional<Value> result;
    if (!has(variable)) return result;
    auto parsed = parse(text(variable));
    if (const Value* valid = value_of(parsed)) {
      result = *valid;
    } else {
      fault(variable, text(variable), std::get<Reason>(parsed).text, form);
    }
    return result;
  }

  // The text itself where `is_valid`, else empty.
  template <typename Check>
  std::string checked(std::string_view variable, Check is_valid, std::string_view form) {
    return value(variable, text_that(is_valid, "not valid"), form).value_or(std::string{});
  }

  bool flag(std::string_view variable, bool otherwise) {
    return value(variable, parse_flag, kFlagForm).value_or(otherwise);
  }

  // Items that all pass `is_valid`; each one that does not is a fault of its own.
  template <typename Check>
  std::vector<std::string> items(std::string_view variable,
                                 const std::vector<std::string_view>& texts, Check is_valid,
                                 std::string_view form) {
    std::vector<std::string> valid;
    for (const auto item : texts) {
      if (is_valid(item)) {
        valid.emplace_back(item);
      } else {
        fault(variable, item, "not valid", form);
      }
    }
    return valid;
  }

  template <typename Check>
  std::vector<std::string> words(std::string_view variable, Check is_valid, std::string_view form) {
    return items(variable, split_words(text(variable)), is_valid, form);
  }

  template <typename Check>
  std::vector<std::string> list(std::string_view variable, Check is_valid, std::string_view form) {
    if (!has(variable)) return {};
    return items(variable, split_list(text(variable), ','), is_valid, form);
  }

  void fault(std::string_view variable, std::string_view text, std::string_view reason,
             std::string_view form) {
    faults_.push_back(
        fmt::format("{}{}={}: {}; wanted: {}", where_, variable, quote(text), reason, form));
  }

  void fault(std::string_view sentence) { faults_.push_back(where_ + std::string(sentence)); }

 private:
  const Environment& environment_;
  Faults& faults_;
  std::string where_;
};

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
  pair.bridge = reader.checked("HOST_BRIDGE", is_link_name, kLinkForm);
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
  if (network.pair) {
    outer = {network.pair->host_link};
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

// A namespace that somebody else made has its own links.
void check_network_namespace(Reader& reader) {
  if (!reader.has("NETWORK_NAMESPACE_PATH")) return;
  const auto exclude = [&](std::string_view variable) {
    if (reader.has(variable))
      reader.fault(
          fmt::format("NETWORK_NAMESPACE_PATH and {} are both set; wanted: one of them, as "
                      "no pair can be made for a namespace that exists",
                      variable));
  };
  for (const auto variable : kMainPairVariables) exclude(variable);
  exclude("EXTRA_VETHS");
}

// With the names that the links have on the host.
Network read_host_network(Reader& reader, const std::string& instance, Faults& faults) {
  Network network = read_network(reader, faults);
  if (auto& pair = network.pair) pair->host_link = host_link_name(instance, !pair->bridge.empty());
  check_link_names(network, faults);
  check_network_namespace(reader);
  return network;
}

void throw_faults(Faults faults) {
  if (!faults.empty()) throw Error(Exit::config, std::move(faults));
}

}  // namespace

bool is_machine_name(std::string_view name) {
  constexpr std::size_t kLongest = 64;  // HOST_NAME_MAX
  if (name.size() > kLongest) return false;
  const auto labels = split_list(name, '.');
  return std::all_of(labels.begin(), labels.end(), [](std::string_view label) {
    return !label.empty() && label.front() != '-' && label.back() != '-' &&
           std::all_of(label.begin(), label.end(),
                       [](char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '_'; });
  });
}

Parsed<std::chrono::seconds> parse_seconds(std::string_view text) {
  constexpr unsigned kDay = 86400;
  if (const auto number = parse_number<unsigned>(text, 0, kDay))
    return std::chrono::seconds{*number};
  return Reason{"not a number of seconds from 0 to 86400"};
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

Config parse_config(const Environment& environment) {
  Faults faults;
  Reader reader(environment, faults);
  Config config;
  config.instance = read_instance(reader);
  config.network = read_host_network(reader, config.instance, faults);
  config.root = reader.checked("root", is_absolute_path, kPathForm);
  config.private_network = reader.flag("PRIVATE_NETWORK", false);
  config.private_users = reader.checked("PRIVATE_USERS", is_private_users, kUsersForm);
  config.network_namespace_path =
      reader.checked("NETWORK_NAMESPACE_PATH", is_absolute_path, kPathForm);
  config.host_ports = reader.list("HOST_PORT", is_port_mapping, kPortForm);
  config.interfaces = reader.words("INTERFACES", is_link_with_inner_name, kLinkPairForm);
  config.macvlans = reader.words("MACVLANS", is_link_with_inner_name, kLinkPairForm);
  config.capabilities = reader.list("CAPABILITIES", is_capability, kCapabilityForm);
  config.tmpfs = reader.words("TMPFS", is_absolute_path, kTmpfsForm);
  config.ephemeral = reader.flag("EPHEMERAL", false);
  config.system_path = reader.checked("SYSTEM_PATH", is_absolute_path, kPathForm);
  config.stage2 = reader.checked("STAGE2", is_absolute_path, kPathForm);
  config.copy_resolv_conf = reader.flag("COPY_RESOLV_CONF", true);
  config.flake = reader.text("FLAKE");
  config.kill_signal = reader.checked("KILL_SIGNAL", is_signal, kSignalForm);
  config.device_timeout =
      reader.value("DEVICE_TIMEOUT", parse_seconds, kSecondsForm).value_or(config.device_timeout);
  config.extra_nspawn_flags = reader.value("EXTRA_NSPAWN_FLAGS", split_quoted, kQuotedForm)
                                  .value_or(std::vector<std::string>{});
  throw_faults(std::move(faults));
  return config;
}

}  // namespace container_init
