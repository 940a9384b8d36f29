// SPDX-License-Identifier: MIT
#include "common/config/flag_rules.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/core.h>

#include "common/base/words.h"
#include "common/config/nspawn_flags.h"
#include "common/config/variables.h"

namespace container_init {
namespace {

bool always(const Config&) { return true; }
bool has_main_pair(const Config& config) { return config.network.pair.has_value(); }
bool has_pairs(const Config& config) {
  return config.network.pair || !config.network.extra_pairs.empty();
}
bool joins_namespace(const Config& config) { return !config.network_namespace_path.empty(); }

// The flag is a fault where this is so, and what helps.
struct Rule {
  std::string_view flag;
  bool (*applies)(const Config& config);
  std::string_view wanted;
};

constexpr std::string_view kNoContainer = "no such flag, with which no container is started";
constexpr std::string_view kOneDirectory = "root, which names a directory, and no such flag";
constexpr std::string_view kNotBesidePath =
    "no such flag beside NETWORK_NAMESPACE_PATH, as nothing can be made for a namespace that "
    "exists";

constexpr auto kRules = std::to_array<Rule>({
    {"boot", always, "no such flag, as container-init executes the init"},
    {"help", always, kNoContainer},
    {"version", always, kNoContainer},
    {"machine", always, "no such flag, as INSTANCE is the name"},
    {"directory", always, kOneDirectory},
    {"image", always, kOneDirectory},
    {"oci-bundle", always, kOneDirectory},
    {"network-namespace-path", always, "NETWORK_NAMESPACE_PATH in its place"},
    {"private-network", joins_namespace, kNotBesidePath},
    {"network-veth", joins_namespace, kNotBesidePath},
    {"network-veth-extra", joins_namespace, kNotBesidePath},
    {"network-bridge", joins_namespace, kNotBesidePath},
    {"network-zone", joins_namespace, kNotBesidePath},
    {"port", joins_namespace, kNotBesidePath},
    {"network-veth", has_main_pair, "no such flag, as the variables of the pair ask for its links"},
    {"network-bridge", has_main_pair, "HOST_BRIDGE in its place"},
    {"network-zone", has_main_pair, "HOST_BRIDGE in its place, with a bridge that exists"},
    {"user", has_pairs, "no such flag, as container-init needs root to configure the links"},
});

// The word of a flag, in quotes only where it needs them.
std::string shown(std::string_view word) {
  const std::string quoted = quote(word);
  return quoted.substr(1, quoted.size() - 2) == word ? std::string(word) : quoted;
}

void refuse(Reader& reader, std::string_view word, std::string_view wanted) {
  reader.fault(fmt::format("EXTRA_NSPAWN_FLAGS has {}; wanted: {}", word, wanted));
}

void check_rules(Reader& reader, const Config& config, const NspawnFlag& flag) {
  for (const Rule& rule : kRules)
    if (rule.flag == flag.name && rule.applies(config))
      refuse(reader, shown(flag.word), rule.wanted);
}

// container-init would read another value than the programs on the host.
void check_variable(Reader& reader, const NspawnFlag& flag) {
  const auto name = std::string_view(flag.value).substr(0, flag.value.find('='));
  const bool is_read = std::ranges::any_of(kVariables, [=](const Variable& known) {
    return known.name == name && known.has(kContainerInit);
  });
  if (flag.name == "setenv" && is_read)
    refuse(reader, quote(flag.value), fmt::format("{} as a variable of its own", name));
}

bool is_bind(const NspawnFlag& flag) { return flag.name == "bind" || flag.name == "bind-ro"; }

// Of the options that give files other owners: idmap, rootidmap and owneridmap, systemd-nspawn(1).
bool maps_owners(const NspawnFlag& flag) {
  const auto parts = parts_of_bind(flag.value);
  const auto options =
      parts.size() > 2 ? split_list(parts[2], ',') : std::vector<std::string_view>{};
  return std::ranges::any_of(options, [](auto option) { return option.ends_with("idmap"); });
}

bool has_own_users(const Config& config) {
  return has_shifted_users(config) || has_flag(config.extra_nspawn_flags, "private-users");
}

// Where PRIVATE_USERS is not set, NAME.nspawn may say which users there are.
void check_mapped_bind(Reader& reader, const Config& config, const NspawnFlag& flag) {
  if (is_bind(flag) && maps_owners(flag) && !config.private_users.empty() && !has_own_users(config))
    reader.fault(fmt::format(
        "EXTRA_NSPAWN_FLAGS binds {} with idmap, and PRIVATE_USERS is {}; wanted: no idmap, as "
        "there are no other owners to map, or PRIVATE_USERS=pick",
        quote(flag.value), quote(config.private_users)));
}

// Devices and sockets have the owners that they need.
// What a '+' precedes is in the root.
bool holds_files(const NspawnFlag& flag) {
  const std::string source = parts_of_bind(flag.value).front();
  const std::string_view path = std::string_view(source).substr(source.starts_with('-') ? 1 : 0);
  if (path.starts_with('+')) return false;
  constexpr std::array<std::string_view, 4> kOthers = {"/dev", "/proc", "/run", "/sys"};
  return std::ranges::none_of(kOthers, [=](std::string_view other) {
    return path == other || (path.starts_with(other) && path[other.size()] == '/');
  });
}

}  // namespace

void check_flags(Reader& reader, const Config& config) {
  const NspawnFlags parsed = parse_nspawn_flags(config.extra_nspawn_flags);
  for (const std::string& fault : parsed.faults)
    refuse(reader, fault,
           "flags as systemd-nspawn takes them, and quotes around what has white space");
  for (const NspawnFlag& flag : parsed.flags) {
    check_rules(reader, config, flag);
    check_variable(reader, flag);
    check_mapped_bind(reader, config, flag);
  }
}

void warn_of_binds(Config& config) {
  if (!has_shifted_users(config) || has_flag(config.extra_nspawn_flags, "private-users")) return;
  for (const NspawnFlag& flag : parse_nspawn_flags(config.extra_nspawn_flags).flags) {
    if (flag.name != "bind" || maps_owners(flag) || !holds_files(flag)) continue;
    config.warnings.push_back(
        fmt::format("EXTRA_NSPAWN_FLAGS binds {} without idmap: its files belong to nobody in the "
                    "container, whose users are others",
                    quote(flag.value)));
  }
}

}  // namespace container_init
