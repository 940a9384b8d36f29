#include "hooks/start/nspawn.h"

#include <string_view>

#include <fmt/core.h>

namespace container_init {
namespace {

using Words = std::vector<std::string>;

// Long enough for a host that starts a hundred containers at once.
constexpr std::string_view kWaitCarrier = "10";

// systemd-nspawn's tmpfs, so that nothing is made in the root.
constexpr std::string_view kInside = "/run/container-init/container-init";

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
  if (config.private_network) command.emplace_back("--private-network");
  add_set(command, "--private-users", config.private_users);
  if (pair && pair->bridge.empty()) command.emplace_back("--network-veth");
  add_each(command, "--port", config.host_ports);
  if (pair) add_set(command, "--network-bridge", pair->bridge);
  add_set(command, "--network-namespace-path", config.network_namespace_path);
  add_each(command, "--network-veth-extra", extra_pairs(config.network));
  add_each(command, "--network-interface", config.interfaces);
  add_each(command, "--network-macvlan", config.macvlans);
}

// Where the container has other user IDs, they are shown as its own.
std::string_view bind_options(const Config& config) {
  const std::string& users = config.private_users;
  const bool shifted = !users.empty() && users != "no" && users != "identity" && users != "0";
  return shifted ? ":idmap" : "";
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

// --setenv=NAME=VALUE of what is set.
void add_variables(Words& command, const Config& config, const Environment& environment) {
  for (const auto name : kContainerVariables) {
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

// The program's path inside: a store is there already.
std::string bind_container_init(Words& command, const Nix& nix, const std::string& program) {
  if (nix.has_store && program.starts_with("/nix/store/")) return program;
  command.push_back(fmt::format("--bind-ro={}:{}", escaped(program), kInside));
  return std::string(kInside);
}

}  // namespace

std::string stage2_path(const Config& config, const Nix& nix) {
  if (!config.stage2.empty()) return config.stage2;
  if (!config.system_path.empty()) return config.system_path + "/init";
  if (nix.has_system || !config.flake.empty()) return std::string(kNixosSystem) + "/init";
  return "/sbin/init";
}

std::vector<std::string> make_nspawn_command(const Config& config, const Environment& environment,
                                             const Nix& nix, const std::string& container_init,
                                             bool links_journal) {
  // Its default: NAME.nspawn is read for what the command line leaves open, systemd.nspawn(5).
  Words command = {"systemd-nspawn", "--keep-unit", "--settings=yes", "-M",
                   config.instance,  "-D",          config.root};
  add_network(command, config);
#ifdef __x86_64__
  if (nix.is_i686) command.emplace_back("--personality=x86");
#endif
  command.emplace_back("--notify-ready=yes");
  add_set(command, "--kill-signal", config.kill_signal.empty() ? "SIGRTMIN+3" : config.kill_signal);
  add_nix(command, config, nix);
  if (!config.ephemeral)
    command.emplace_back(links_journal ? "--link-journal=try-guest" : "--link-journal=no");
  add_variables(command, config, environment);
  if (config.ephemeral) command.emplace_back("--ephemeral");
  add_set(command, "--capability", joined(config.capabilities));
  add_each(command, "--tmpfs", config.tmpfs);
  const std::string inside = bind_container_init(command, nix, container_init);
  command.insert(command.end(), config.extra_nspawn_flags.begin(), config.extra_nspawn_flags.end());
  command.insert(command.end(), {inside, stage2_path(config, nix)});
  return command;
}

}  // namespace container_init
