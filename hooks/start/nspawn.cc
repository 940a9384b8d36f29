// SPDX-License-Identifier: MIT
#include "hooks/start/nspawn.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include <fmt/core.h>

#include "common/base/descriptor.h"
#include "common/config/nspawn_flags.h"
#include "common/config/variables.h"

namespace container_init {
namespace {

using Words = std::vector<std::string>;

// Long enough for a host that starts a hundred containers at once.
constexpr std::string_view kWaitCarrier = "10";

// In the tmpfs that systemd-nspawn mounts, so that no mount point is made in the root.
constexpr std::string_view kInside = "/run/host/container-init";

bool has_pairs(const Network& network) { return network.pair || !network.extra_pairs.empty(); }

void add_each(Words& command, std::string_view flag, const Words& values) {
  for (const std::string& value : values) command.push_back(fmt::format("{}={}", flag, value));
}

void add_set(Words& command, std::string_view flag, const std::string& value) {
  if (!value.empty()) command.push_back(fmt::format("{}={}", flag, value));
}

// "NAME", or "NAME:INNER" where they differ.
Words extra_pairs(const Network& network) {
  Words words;
  for (const Pair& pair : network.extra_pairs)
    words.push_back(pair.host_link == pair.container_link
                        ? pair.host_link
                        : pair.host_link + ':' + pair.container_link);
  return words;
}

void add_network(Words& command, const Config& config) {
  const auto& pair = config.network.pair;
  // systemd-nspawn takes no second answer to the question which network it is.
  if (config.private_network && config.network_namespace_path.empty())
    command.emplace_back("--private-network");
  add_set(command, "--private-users", config.private_users);
  // As systemd-nspawn itself does it for pick: else all files of the root would belong to nobody.
  if (has_shifted_users(config) && config.private_users != "pick")
    command.emplace_back("--private-users-ownership=auto");
  if (pair && pair->bridge.empty()) command.emplace_back("--network-veth");
  add_each(command, "--port", config.host_ports);
  if (pair) add_set(command, "--network-bridge", pair->bridge);
  add_set(command, "--network-namespace-path", config.network_namespace_path);
  add_each(command, "--network-veth-extra", extra_pairs(config.network));
  add_each(command, "--network-interface", config.interfaces);
  add_each(command, "--network-macvlan", config.macvlans);
}

// systemd-nspawn's own init runs a program as PID 2, reaps what it leaves, and asks it to end with
// SIGTERM when it gets the kill signal. It does not report when the program is ready.
void add_start_mode(Words& command, const Config& config) {
  if (!config.command.empty()) command.emplace_back("--as-pid2");
  command.emplace_back(config.command.empty() ? "--notify-ready=yes" : "--notify-ready=no");
}

// In a container with a user namespace, idmap shows files of the host's root as files of its root.
std::string_view bind_options(const Config& config) {
  return has_shifted_users(config) ? ":idmap" : "";
}

void add_nix(Words& command, const Config& config, const Nix& nix) {
  if (!nix.has_store) return;
  const auto bind = [&](std::string_view flag, std::string_view from, std::string_view to) {
    command.push_back(fmt::format("{}={}:{}{}", flag, from, to, bind_options(config)));
  };
  bind("--bind-ro", "/nix/store", "/nix/store");
  if (nix.has_database) bind("--bind-ro", "/nix/var/nix/db", "/nix/var/nix/db");
  if (nix.has_daemon_socket)
    bind("--bind-ro", "/nix/var/nix/daemon-socket", "/nix/var/nix/daemon-socket");
  bind("--bind", nix_profiles(config.instance), "/nix/var/nix/profiles");
  bind("--bind", nix_gcroots(config.instance), "/nix/var/nix/gcroots");
}

// --setenv=NAME=VALUE for each variable that is set.
void add_variables(Words& command, const Config& config, const Environment& environment) {
  for (const Variable& variable : kVariables) {
    if (!variable.has(kContainerInit)) continue;
    const auto name = variable.name;
    if (const auto value = environment.get(name)) {
      command.push_back(fmt::format("--setenv={}={}", name, *value));
    } else if (name == "WAIT_CARRIER" && has_pairs(config.network)) {
      command.push_back(fmt::format("--setenv={}={}", name, kWaitCarrier));
    }
  }
  if (const auto path = environment.get("PATH"))
    command.push_back(fmt::format("--setenv=PATH={}", *path));
}

std::string joined(const Words& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ",") + word;
  return text;
}

// A colon separates the parts of a bind.
std::string escaped(std::string_view path) {
  std::string text;
  for (const char c : path) {
    if (c == ':' || c == '\\') text += '\\';
    text += c;
  }
  return text;
}

// SOURCE[:PATH[:OPTIONS]]. A '+' before the source means the root, a '-' that it may be missing.
std::string path_of_bind(std::string_view text) {
  const Words parts = parts_of_bind(text);
  if (parts.size() > 1 && !parts[1].empty()) return parts[1];
  return parts[0].substr(std::min(parts[0].find_first_not_of("+-"), parts[0].size()));
}

// LOWER:...:PATH
std::string path_of_overlay(std::string_view text) { return parts_of_bind(text).back(); }

struct BindFlag {
  std::string_view name;
  std::string (*path_of)(std::string_view text);
};

constexpr std::array<BindFlag, 4> kBindFlags = {{{"bind", path_of_bind},
                                                 {"bind-ro", path_of_bind},
                                                 {"overlay", path_of_overlay},
                                                 {"overlay-ro", path_of_overlay}}};

// Gives the program's path inside.
std::string bind_container_init(Words& command, const Nix& nix, const std::string& program) {
  if (sees_program(nix, program)) return program;
  command.push_back(fmt::format("--bind-ro={}:{}", escaped(program), kInside));
  return std::string(kInside);
}

// Without a value it permits all of them.
constexpr std::string_view kFamilies = "--restrict-address-families";

// Whether the file of a program has the text, as it has those of its options. To ask it with --help
// would take longer than all else that is done before it is started.
bool has_text(const std::string& program, std::string_view text) {
  const Descriptor file(open(program.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!file.is_open() || fstat(file.get(), &status) != 0 || status.st_size == 0) return false;
  const auto size = static_cast<std::size_t>(status.st_size);
  void* const mapped = mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file.get(), 0);
  if (mapped == MAP_FAILED) return false;
  const bool found = memmem(mapped, size, text.data(), text.size()) != nullptr;
  munmap(mapped, size);
  return found;
}

bool has_settings_file(const Config& config) {
  const std::array<std::string, 3> directories{"/etc/systemd/nspawn", "/run/systemd/nspawn",
                                               config.root + "/.."};
  return std::ranges::any_of(directories, [&](const std::string& directory) {
    return access(fmt::format("{}/{}.nspawn", directory, config.instance).c_str(), F_OK) == 0;
  });
}

}  // namespace

bool opens_all_families(const Config& config, const std::string& nspawn) {
  return !has_flag(config.extra_nspawn_flags, kFamilies.substr(2)) &&
         has_text(nspawn, kFamilies.substr(2)) && !has_settings_file(config);
}

std::vector<std::string> stage2_command(const Config& config, const Nix& nix) {
  if (!config.command.empty()) return config.command;
  if (!config.stage2.empty()) return {config.stage2};
  if (!config.system_path.empty()) return {config.system_path + "/init"};
  if (nix.has_system || !config.flake.empty()) return {std::string(kNixosSystem) + "/init"};
  return {"/sbin/init"};
}

bool sees_program(const Nix& nix, const std::string& program) {
  return nix.has_store && program.starts_with("/nix/store/");
}

std::vector<std::string> make_nspawn_command(const Config& config, const Environment& environment,
                                             const Nix& nix, const Findings& findings) {
  // Its default: NAME.nspawn is read for what the command line leaves open, systemd.nspawn(5).
  Words command = {"systemd-nspawn", "--keep-unit", "--settings=yes", "-M",
                   config.instance,  "-D",          config.root};
  add_network(command, config);
#ifdef __x86_64__
  if (nix.is_i686) command.emplace_back("--personality=x86");
#endif
  add_start_mode(command, config);
  add_set(command, "--kill-signal", config.kill_signal.empty() ? "SIGRTMIN+3" : config.kill_signal);
  add_nix(command, config, nix);
  if (!config.ephemeral)
    command.emplace_back(findings.links_journal ? "--link-journal=try-guest" : "--link-journal=no");
  add_variables(command, config, environment);
  if (config.ephemeral) command.emplace_back("--ephemeral");
  add_set(command, "--capability", joined(config.capabilities));
  add_each(command, "--tmpfs", config.tmpfs);
  if (findings.opens_all_families) command.push_back(fmt::format("{}=", kFamilies));
  const std::string inside = bind_container_init(command, nix, findings.container_init);
  command.insert(command.end(), config.extra_nspawn_flags.begin(), config.extra_nspawn_flags.end());
  command.push_back(inside);
  const Words stage2 = stage2_command(config, nix);
  command.insert(command.end(), stage2.begin(), stage2.end());
  return command;
}

std::vector<std::string> bound_paths(const std::vector<std::string>& nspawn_command) {
  Words paths;
  const Words words(nspawn_command.begin() + 1, nspawn_command.end());
  for (const NspawnFlag& found : parse_nspawn_flags(words).flags) {
    const auto* const flag = std::ranges::find(kBindFlags, found.name, &BindFlag::name);
    if (flag != kBindFlags.end()) paths.push_back(flag->path_of(found.value));
  }
  std::erase(paths, kInside);
  return paths;
}

}  // namespace container_init
