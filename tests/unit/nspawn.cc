// SPDX-License-Identifier: MIT
#include "hooks/start/nspawn.h"

#include <algorithm>

#include <string_view>

#include "tests/unit/catch.h"
#include "tests/unit/values.h"

using namespace container_init;

namespace {

using Words = std::vector<std::string>;
using Assignments = std::vector<std::string_view>;

constexpr auto kProgram = "/opt/container-init";
constexpr auto kInside = "/run/host/container-init";
constexpr Nix kWholeNix{.has_store = true, .has_database = true, .has_daemon_socket = true};

Words joined(std::initializer_list<Words> parts) {
  Words whole;
  for (const Words& part : parts) whole.insert(whole.end(), part.begin(), part.end());
  return whole;
}

Words command_of(Assignments assignments, const Nix& nix = {},
                 const std::string& program = kProgram) {
  assignments.insert(assignments.begin(), {"INSTANCE=web", "root=/c"});
  const Environment environment(std::move(assignments));
  return make_nspawn_command(parse_config(environment), environment, nix,
                             {.container_init = program});
}

// The command of a container "web", with what a configuration adds to it.
struct Added {
  Words network;  // flags of network and users
  Words shared;   // from the link to the journal, or what is in its place, to the program's bind
  Words extra;
};

Words with(const Added& added) {
  return joined({{"systemd-nspawn", "--keep-unit", "--settings=yes", "-M", "web", "-D", "/c"},
                 added.network,
                 {"--notify-ready=yes", "--kill-signal=SIGRTMIN+3"},
                 added.shared,
                 {"--bind-ro=/opt/container-init:/run/host/container-init"},
                 added.extra,
                 {kInside, "/sbin/init"}});
}

// What follows `--kill-signal=`, up to the program.
Words after_kill_signal(const Words& command) {
  for (std::size_t i = 0; i < command.size(); ++i)
    if (command[i].starts_with("--kill-signal="))
      return {command.begin() + static_cast<std::ptrdiff_t>(i) + 1, command.end() - 2};
  return {};
}

const std::string kJournal = "--link-journal=try-guest";
const std::string kCarrier = "--setenv=WAIT_CARRIER=10";

}  // namespace

TEST_CASE("a container without any variable") {
  CHECK(command_of({}) == with({{}, {kJournal}, {}}));
}

TEST_CASE("each variable is a flag") {
  struct Row {
    Assignments assignments;
    Added added;
  };
  const std::vector<Row> rows{
      {{"PRIVATE_NETWORK=1"}, {{"--private-network"}, {kJournal}, {}}},
      {{"PRIVATE_NETWORK=0"}, {{}, {kJournal}, {}}},
      {{"PRIVATE_USERS=pick"}, {{"--private-users=pick"}, {kJournal}, {}}},
      {{"PRIVATE_USERS=no"}, {{"--private-users=no"}, {kJournal}, {}}},
      {{"HOST_PORT=tcp:8080:80,53", "PRIVATE_NETWORK=1"},
       {{"--private-network", "--port=tcp:8080:80", "--port=53"}, {kJournal}, {}}},
      {{"NETWORK_NAMESPACE_PATH=/run/netns/a"},
       {{"--network-namespace-path=/run/netns/a"}, {kJournal}, {}}},
      {{"INTERFACES=a b:c"},
       {{"--network-interface=a", "--network-interface=b:c"}, {kJournal}, {}}},
      {{"MACVLANS=a b:c"}, {{"--network-macvlan=a", "--network-macvlan=b:c"}, {kJournal}, {}}},
      {{"CAPABILITIES=CAP_KILL,CAP_CHOWN"},
       {{}, {kJournal, "--capability=CAP_KILL,CAP_CHOWN"}, {}}},
      {{"TMPFS=/tmp /a:size=1M"}, {{}, {kJournal, "--tmpfs=/tmp", "--tmpfs=/a:size=1M"}, {}}},
      {{"EPHEMERAL=1"}, {{}, {"--ephemeral"}, {}}},
      {{"EPHEMERAL=0"}, {{}, {kJournal}, {}}},
      {{"PATH=/a:/b c"}, {{}, {kJournal, "--setenv=PATH=/a:/b c"}, {}}},
      {{"WAIT_CARRIER=3"}, {{}, {kJournal, "--setenv=WAIT_CARRIER=3"}, {}}},
      {{"EXTRA_NSPAWN_FLAGS=--bind='/a b' -E \"\""}, {{}, {kJournal}, {"--bind=/a b", "-E", ""}}},
      // Not of systemd-nspawn.
      {{"DEVICE_TIMEOUT=3", "COPY_RESOLV_CONF=0", "RELOAD_COMMAND=/a", "HOME=/root", "FOO=1"},
       {{}, {kJournal}, {}}},
  };
  for (const auto& [assignments, added] : rows) {
    CAPTURE(assignments.front());
    CHECK(command_of(assignments) == with(added));
  }
}

TEST_CASE("a program runs below systemd-nspawn's own init, which does not wait for it") {
  const Words command =
      command_of({"COMMAND=/bin/httpd -f -h '/my files'", "LOCAL_ADDRESS=10.0.0.2"});
  CHECK(command == Words{"systemd-nspawn",
                         "--keep-unit",
                         "--settings=yes",
                         "-M",
                         "web",
                         "-D",
                         "/c",
                         "--network-veth",
                         "--as-pid2",
                         "--notify-ready=no",
                         "--kill-signal=SIGRTMIN+3",
                         kJournal,
                         "--setenv=LOCAL_ADDRESS=10.0.0.2",
                         kCarrier,
                         "--bind-ro=/opt/container-init:/run/host/container-init",
                         kInside,
                         "/bin/httpd",
                         "-f",
                         "-h",
                         "/my files"});
}

TEST_CASE("every variable that makes a pair asks for it") {
  for (const std::string assignment :
       {"HOST_ADDRESS=10.0.0.1", "HOST_ADDRESS6=fd00::1", "LOCAL_ADDRESS=10.0.0.2",
        "LOCAL_ADDRESS6=fd00::2", "LOCAL_GATEWAY=10.0.0.1", "LOCAL_GATEWAY6=fd00::1",
        "LOCAL_MAC_ADDRESS=02:00:00:00:00:01"}) {
    CAPTURE(assignment);
    CHECK(command_of({assignment}) ==
          with({{"--network-veth"}, {kJournal, "--setenv=" + assignment, kCarrier}, {}}));
  }
  CHECK(command_of({"HOST_BRIDGE=br0"}) ==
        with({{"--network-bridge=br0"}, {kJournal, "--setenv=HOST_BRIDGE=br0", kCarrier}, {}}));
}

TEST_CASE("extra pairs keep their names, and what else is said of them goes inside") {
  CHECK(
      command_of({"EXTRA_VETHS= lan0 lan1:lan1\tlan2:eth2,HOST_BRIDGE=br0"}) ==
      with({{"--network-veth-extra=lan0", "--network-veth-extra=lan1",
             "--network-veth-extra=lan2:eth2"},
            {kJournal, "--setenv=EXTRA_VETHS= lan0 lan1:lan1\tlan2:eth2,HOST_BRIDGE=br0", kCarrier},
            {}}));
}

TEST_CASE("a container with pairs waits for carrier, as long as its own value says") {
  CHECK(after_kill_signal(command_of({"EXTRA_VETHS=lan0", "WAIT_CARRIER=0"}))[2] ==
        "--setenv=WAIT_CARRIER=0");
  CHECK(after_kill_signal(command_of({"LOCAL_ADDRESS=10.0.0.2", "WAIT_CARRIER="}))[2] == kCarrier);
  for (const auto* without : {"PRIVATE_NETWORK=1", "MACVLANS=a", "NETWORK_NAMESPACE_PATH=/a"}) {
    CAPTURE(without);
    CHECK(after_kill_signal(command_of({without}))[1].starts_with("--bind-ro="));
  }
}

TEST_CASE("all flags have their order, and those of the user are the last") {
  CHECK(command_of({"PRIVATE_NETWORK=1",
                    "PRIVATE_USERS=65536",
                    "HOST_ADDRESS=10.0.0.1",
                    "HOST_ADDRESS6=fd00::1",
                    "LOCAL_ADDRESS=10.0.0.2",
                    "LOCAL_ADDRESS6=fd00::2",
                    "LOCAL_GATEWAY=10.0.0.3",
                    "LOCAL_GATEWAY6=fd00::3",
                    "LOCAL_MAC_ADDRESS=02:00:00:00:00:01",
                    "EXTRA_VETHS=lan0",
                    "WAIT_CARRIER=5",
                    "HOST_PORT=80",
                    "INTERFACES=a",
                    "MACVLANS=b",
                    "KILL_SIGNAL=SIGTERM",
                    "CAPABILITIES=all",
                    "TMPFS=/tmp",
                    "STAGE2=/init",
                    "SYSTEM_PATH=/s",
                    "EXTRA_NSPAWN_FLAGS=--kill-signal=INT --private-users=no",
                    "PATH=/bin"},
                   {.has_store = true,
                    .has_database = true,
                    .has_daemon_socket = true,
                    .has_system = true,
                    .is_i686 = true}) ==
        Words{"systemd-nspawn",
              "--keep-unit",
              "--settings=yes",
              "-M",
              "web",
              "-D",
              "/c",
              "--private-network",
              "--private-users=65536",
              "--private-users-ownership=auto",
              "--network-veth",
              "--port=80",
              "--network-veth-extra=lan0",
              "--network-interface=a",
              "--network-macvlan=b",
#ifdef __x86_64__
              "--personality=x86",
#endif
              "--notify-ready=yes",
              "--kill-signal=SIGTERM",
              "--bind-ro=/nix/store:/nix/store:idmap",
              "--bind-ro=/nix/var/nix/db:/nix/var/nix/db:idmap",
              "--bind-ro=/nix/var/nix/daemon-socket:/nix/var/nix/daemon-socket:idmap",
              "--bind=/nix/var/nix/profiles/per-container/web:/nix/var/nix/profiles:idmap",
              "--bind=/nix/var/nix/gcroots/per-container/web:/nix/var/nix/gcroots:idmap",
              "--link-journal=try-guest",
              "--setenv=HOST_ADDRESS=10.0.0.1",
              "--setenv=HOST_ADDRESS6=fd00::1",
              "--setenv=LOCAL_ADDRESS=10.0.0.2",
              "--setenv=LOCAL_ADDRESS6=fd00::2",
              "--setenv=LOCAL_GATEWAY=10.0.0.3",
              "--setenv=LOCAL_GATEWAY6=fd00::3",
              "--setenv=LOCAL_MAC_ADDRESS=02:00:00:00:00:01",
              "--setenv=EXTRA_VETHS=lan0",
              "--setenv=WAIT_CARRIER=5",
              "--setenv=PATH=/bin",
              "--capability=all",
              "--tmpfs=/tmp",
              "--bind-ro=/opt/container-init:/run/host/container-init",
              "--kill-signal=INT",
              "--private-users=no",
              kInside,
              "/init"});
}

TEST_CASE("a bridge is in the place of the veth, behind the ports") {
  CHECK(command_of({"HOST_BRIDGE=br0", "HOST_PORT=80", "EXTRA_VETHS=lan0", "EPHEMERAL=1",
                    "CAPABILITIES=all"}) ==
        with({{"--port=80", "--network-bridge=br0", "--network-veth-extra=lan0"},
              {"--setenv=HOST_BRIDGE=br0", "--setenv=EXTRA_VETHS=lan0", kCarrier, "--ephemeral",
               "--capability=all"},
              {}}));
}

TEST_CASE("of Nix is given what the host has") {
  const Words store{"--bind-ro=/nix/store:/nix/store"};
  const Words database{"--bind-ro=/nix/var/nix/db:/nix/var/nix/db"};
  const Words socket{"--bind-ro=/nix/var/nix/daemon-socket:/nix/var/nix/daemon-socket"};
  const Words own{"--bind=/nix/var/nix/profiles/per-container/web:/nix/var/nix/profiles",
                  "--bind=/nix/var/nix/gcroots/per-container/web:/nix/var/nix/gcroots"};
  const auto command = [&](const Words& binds) {
    return with({{}, joined({binds, {kJournal}}), {}});
  };
  CHECK(command_of({}, kWholeNix) == command(joined({store, database, socket, own})));
  CHECK(command_of({}, {.has_store = true}) == command(joined({store, own})));
  CHECK(command_of({}, {.has_store = true, .has_database = true}) ==
        command(joined({store, database, own})));
  CHECK(command_of({}, {.has_store = true, .has_daemon_socket = true}) ==
        command(joined({store, socket, own})));
  CHECK(command_of({}, {.has_database = true, .has_daemon_socket = true}) == command({}));
}

TEST_CASE("the owners of what is bound are shifted with those of the container") {
  const std::vector<std::pair<std::string, bool>> rows{
      {"pick", true}, {"1", true},         {"65536", true}, {"4294901759", true},
      {"no", false},  {"identity", false}, {"0", false},    {"", false}};
  for (const auto& [users, shifted] : rows) {
    CAPTURE(users);
    const std::string assignment = "PRIVATE_USERS=" + users;
    std::size_t nix_binds = 0;
    for (const std::string& word : command_of({assignment}, kWholeNix)) {
      if (!word.starts_with("--bind")) continue;
      const bool is_nix = word.find("/nix/") != std::string::npos;
      nix_binds += is_nix ? 1 : 0;
      CHECK(word.ends_with(":idmap") == (is_nix && shifted));
    }
    CHECK(nix_binds == 5);
  }
}

TEST_CASE("the program is bound where the container could not see it") {
  const auto last = [](const Words& command) { return Words(command.end() - 3, command.end()); };
  const std::string in_store = "/nix/store/x-container-init/libexec/container-init";
  const Words stored = command_of({}, kWholeNix, in_store);
  CHECK(last(stored) == Words{kJournal, in_store, "/sbin/init"});
  for (const std::string& word : stored) CHECK(word.find(kInside) == std::string::npos);

  CHECK(last(command_of({}, {}, in_store)) ==
        Words{"--bind-ro=" + in_store + ':' + kInside, kInside, "/sbin/init"});
  CHECK(last(command_of({}, kWholeNix, "/nix/storeroom/container-init")) ==
        Words{"--bind-ro=/nix/storeroom/container-init:" + std::string(kInside), kInside,
              "/sbin/init"});
}

TEST_CASE("a colon or backslash in the path of the program separates nothing") {
  CHECK(after_kill_signal(command_of({}, {}, R"(/a:b\c d/container-init)")).back() ==
        R"(--bind-ro=/a\:b\\c d/container-init:)" + std::string(kInside));
}

TEST_CASE("stage 2 is the one that is named, else that of a NixOS, else the usual one") {
  struct Row {
    Assignments assignments;
    bool has_system;
    std::string_view path;
  };
  const std::vector<Row> rows{
      {{}, false, "/sbin/init"},
      {{}, true, "/nix/var/nix/profiles/system/init"},
      {{"FLAKE=github:a/b"}, false, "/nix/var/nix/profiles/system/init"},
      {{"SYSTEM_PATH=/s"}, false, "/s/init"},
      {{"SYSTEM_PATH=/s"}, true, "/s/init"},
      {{"STAGE2=/a b"}, true, "/a b"},
      {{"STAGE2=/a b", "SYSTEM_PATH=/s"}, true, "/a b"},
  };
  for (const auto& [assignments, has_system, path] : rows) {
    Assignments all = assignments;
    all.emplace_back("INSTANCE=web");
    const Nix nix{.has_store = has_system, .has_system = has_system};
    CHECK(stage2_command(parse_config(Environment(std::move(all))), nix) ==
          Words{std::string(path)});
    CHECK(command_of(assignments, nix).back() == path);
  }
}

TEST_CASE("the journal is not linked where that would lead out of the root") {
  const std::vector<std::string_view> assignments{"INSTANCE=web", "root=/c"};
  const Environment environment(assignments);
  const auto command = make_nspawn_command(parse_config(environment), environment, {},
                                           {.container_init = kProgram, .links_journal = false});
  CHECK(std::ranges::count(command, "--link-journal=no") == 1);
  CHECK(std::ranges::count(command, "--link-journal=try-guest") == 0);
}

TEST_CASE("where the command binds something") {
  struct Row {
    Words flags;
    Words paths;
  };
  const std::vector<Row> rows{
      {{}, {}},
      {{"--bind"}, {}},
      {{"-q", "--new-in-262", "a", "--bind=/b"}, {"/b"}},
      {{"--overlay-r=/a:/b", "-qxE", "A", "--bind-r", "/c", "a", "--bind=/d"}, {"/b", "/c"}},
      {{"--bind=/a"}, {"/a"}},
      {{"--bind", "/a"}, {"/a"}},
      {{"--bind-ro=/a:/b"}, {"/b"}},
      {{"--bind=/a:/b:idmap", "--bind=/a::idmap"}, {"/b", "/a"}},
      {{"--bind=+/a", "--bind=-/a", "--bind=-+/a", "--bind="}, {"/a", "/a", "/a", ""}},
      {{R"(--bind=/a\:b)", R"(--bind=/a:/b\\c\:d)", R"(--bind=/a\)"},
       {"/a:b", R"(/b\c:d)", R"(/a\)"}},
      {{"--overlay=/a:/b:/c", "--overlay-ro", "+/var::/var"}, {"/c", "/var"}},
      {{"--bind-user=a", "--binder=/a", "-b", "--tmpfs=/a", "bind=/a"}, {}},
  };
  for (const auto& [flags, paths] : rows) {
    Words command = flags;
    command.insert(command.begin(), "systemd-nspawn");
    CHECK(bound_paths(command) == paths);
  }
  CHECK(bound_paths(command_of({})).empty());
  CHECK(bound_paths(command_of({}, kWholeNix)) ==
        Words{"/nix/store", "/nix/var/nix/db", "/nix/var/nix/daemon-socket",
              "/nix/var/nix/profiles", "/nix/var/nix/gcroots"});
}
