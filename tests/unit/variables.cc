// SPDX-License-Identifier: MIT
#include "common/config/variables.h"

#include <map>
#include <set>
#include <string>

#include "tests/unit/catch.h"

using namespace container_init;

namespace {

constexpr unsigned kEveryUse = ~0U;

std::string misspelt(std::string_view name, unsigned any_of = kEveryUse) {
  const Variable* meant = find_misspelt(name, any_of);
  return meant ? std::string(meant->name) : std::string{};
}

}  // namespace

TEST_CASE("every variable is in the table once, and a program acts on it") {
  std::set<std::string_view> names;
  for (const Variable& known : kVariables) {
    CAPTURE(known.name);
    CHECK(names.insert(known.name).second);
    CHECK(known.has(kContainerInit | kOnHost));
    CHECK_FALSE(known.value.empty());
    CHECK_FALSE(known.form.empty());
    CHECK_FALSE(known.help.empty());
  }
}

TEST_CASE("a KEY of an extra pair and what asks for the main pair concern the network") {
  for (const Variable& known : kVariables) {
    CAPTURE(known.name);
    if (known.has(kMainPair | kPairKey)) CHECK((known.uses & kNetwork) == kNetwork);
  }
}

TEST_CASE("variables are listed in one column, long ones on a line of their own") {
  const std::string text = list_variables(kReload);
  CHECK(
      text.starts_with("  INSTANCE=MACHINE              name of the container\n"
                       "  HOST_ADDRESS=ADDR[/LEN]       IPv4 address of the host's end\n"));
  CHECK(
      text.ends_with("  SYSTEM_PATH=PATH              NixOS system of the container\n"
                     "  RELOAD_COMMAND=PROGRAM [ARG]...\n"
                     "                                what to run in the container\n"
                     "  RELOAD_SIGNAL=SIGNAL          signal for the program of COMMAND\n"));
  CHECK(list_variables(0).empty());
}

TEST_CASE("a misspelt variable is recognised") {
  const std::map<std::string_view, std::string_view> rows{
      {"HOST_ADRESS", "HOST_ADDRESS"},
      {"HOST_ADRESS6", "HOST_ADDRESS6"},
      {"HOST_ADDRES6", "HOST_ADDRESS6"},
      {"HSOT_ADDRESS", "HOST_ADDRESS"},
      {"HOST_ADDRESSS", "HOST_ADDRESS"},
      {"HOST_ADDRESS_6", "HOST_ADDRESS6"},
      {"HOST_ADDRESS4", "HOST_ADDRESS"},
      {"HOSTADDRESS", "HOST_ADDRESS"},
      {"host_address", "HOST_ADDRESS"},
      {"hostAddress6", "HOST_ADDRESS6"},
      {"LOCAL_ADDRES", "LOCAL_ADDRESS"},
      {"LOCALADDRESS6", "LOCAL_ADDRESS6"},
      {"LOCAL_GATWAY", "LOCAL_GATEWAY"},
      {"LOCAL_GATEWAY_6", "LOCAL_GATEWAY6"},
      {"HOST_BRIGDE", "HOST_BRIDGE"},
      {"HOST_PORTS", "HOST_PORT"},
      {"EXTRA_VETH", "EXTRA_VETHS"},
      {"EXTRA_NSPAWN_FLAG", "EXTRA_NSPAWN_FLAGS"},
      {"LITERAL_NSPAWN_FLAG", "LITERAL_NSPAWN_FLAGS"},
      {"INTERFACE", "INTERFACES"},
      {"MACVLAN", "MACVLANS"},
      {"PRIVATE_USER", "PRIVATE_USERS"},
      {"PRIVATE_NETWROK", "PRIVATE_NETWORK"},
      {"ROOT", "root"},
      {"Root", "root"},
      {"Stage2", "STAGE2"},
      {"STAGE_2", "STAGE2"},
      {"tmpfs", "TMPFS"},
      {"flake", "FLAKE"},
      {"EPHEMRAL", "EPHEMERAL"},
      {"INSTACE", "INSTANCE"},
      {"RELOAD_COMAND", "RELOAD_COMMAND"},
      {"COMMANDS", "COMMAND"},
      {"KILLSIGNAL", "KILL_SIGNAL"},
      {"COPY_RESOLVE_CONF", "COPY_RESOLV_CONF"},
  };
  for (const auto& [name, meant] : rows) {
    CAPTURE(name);
    CHECK(misspelt(name) == meant);
  }
}

TEST_CASE("a variable is not a misspelt one, whoever acts on it") {
  for (const Variable& known : kVariables) {
    CAPTURE(known.name);
    for (const unsigned uses : {kEveryUse, unsigned{kPairKey}, unsigned{kReload}})
      CHECK(misspelt(known.name, uses).empty());
  }
}

TEST_CASE("only variables with a wanted use are meant") {
  CHECK(misspelt("LOCAL_ADRESS", kPairKey) == "LOCAL_ADDRESS");
  CHECK(misspelt("LOCAL_GATWAY", kPairKey).empty());
  CHECK(misspelt("HOST_ADRESS", kOfInit).empty());
  CHECK(misspelt("RELOAD_COMAND", kReload) == "RELOAD_COMMAND");
}

// systemd.exec(5), environ(7), the files of NixOS, and names that people give to variables of
// theirs.
TEST_CASE("what others set is not a misspelt variable") {
  for (const auto* name : {"PATH",
                           "HOME",
                           "USER",
                           "LOGNAME",
                           "SHELL",
                           "LANG",
                           "LANGUAGE",
                           "LC_ALL",
                           "TERM",
                           "TZ",
                           "TMPDIR",
                           "TMP",
                           "TEMP",
                           "PWD",
                           "OLDPWD",
                           "SHLVL",
                           "_",
                           "HOST",
                           "HOSTNAME",
                           "HOSTTYPE",
                           "EDITOR",
                           "MAIL",
                           "PAGER",
                           "DISPLAY",
                           "INVOCATION_ID",
                           "JOURNAL_STREAM",
                           "LOG_NAMESPACE",
                           "LISTEN_FDS",
                           "LISTEN_FDNAMES",
                           "LISTEN_PID",
                           "LISTEN_PIDFDID",
                           "NOTIFY_SOCKET",
                           "WATCHDOG_PID",
                           "WATCHDOG_USEC",
                           "MAINPID",
                           "MAINPIDFDID",
                           "MANAGERPID",
                           "MANAGERPIDFDID",
                           "PIDFILE",
                           "SYSTEMD_EXEC_PID",
                           "SYSTEMD_LOG_LEVEL",
                           "SYSTEMD_LOG_TARGET",
                           "SYSTEMD_NSPAWN_LOCK",
                           "SYSTEMD_NSPAWN_API_VFS_WRITABLE",
                           "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY",
                           "SYSTEMD_NSPAWN_USE_CGNS",
                           "SYSTEMD_NSPAWN_NETWORK_MAC",
                           "SYSTEMD_NSPAWN_TMPFS_TMP",
                           "SYSTEMD_UNIT_PATH",
                           "SYSTEMD_PAGER",
                           "SYSTEMD_COLORS",
                           "RUNTIME_DIRECTORY",
                           "STATE_DIRECTORY",
                           "CACHE_DIRECTORY",
                           "LOGS_DIRECTORY",
                           "CONFIGURATION_DIRECTORY",
                           "CREDENTIALS_DIRECTORY",
                           "MEMORY_PRESSURE_WATCH",
                           "MEMORY_PRESSURE_WRITE",
                           "REMOTE_ADDR",
                           "REMOTE_PORT",
                           "SERVICE_RESULT",
                           "EXIT_CODE",
                           "EXIT_STATUS",
                           "TRIGGER_UNIT",
                           "TRIGGER_PATH",
                           "MONITOR_SERVICE_RESULT",
                           "MONITOR_UNIT",
                           "DEBUG_INVOCATION",
                           "FDSTORE",
                           "XDG_RUNTIME_DIR",
                           "XDG_SESSION_ID",
                           "DBUS_SESSION_BUS_ADDRESS",
                           "DBUS_SYSTEM_BUS_ADDRESS",
                           "SSH_CONNECTION",
                           "SUDO_USER",
                           "SUDO_COMMAND",
                           "container",
                           "container_uuid",
                           "container_host_id",
                           "LOCALE_ARCHIVE",
                           "TZDIR",
                           "NIX_PATH",
                           "NIX_PROFILES",
                           "AUTO_START",
                           "http_proxy",
                           "HTTP_PROXY",
                           "NO_PROXY",
                           "LD_LIBRARY_PATH",
                           "LD_PRELOAD",
                           "ASAN_OPTIONS",
                           "UBSAN_OPTIONS",
                           "STAGE",
                           "STAGE1",
                           "TARGET",
                           "DOMAIN",
                           "PORT",
                           "ADDRESS",
                           "GATEWAY",
                           "BRIDGE",
                           "NETWORK",
                           "INSTANCE_ID",
                           "INSTANCE_NAME",
                           "IP_ADDRESS",
                           "MAC_ADDRESS",
                           "GUEST_ADDRESS",
                           "LISTEN_ADDRESS",
                           "SERVICE_TIMEOUT",
                           "HOST_IP",
                           "HOST_NAME",
                           "HOST_PATH",
                           "HOST_INTERFACE",
                           "LOCAL_PORT",
                           "CONTAINER",
                           "SYSTEM",
                           "SYSTEM_NAME",
                           "SYSTEMROOT",
                           "PRIVATE_KEY",
                           "",
                           "=",
                           "HOST_ADRES",
                           "HOST_ADDR",
                           "HOST_ADDRESSES",
                           "LOCAL_MAC",
                           "NETWORK_NAMESPACE",
                           "XOST_ADDRESS",
                           "root2",
                           "rootfs",
                           "ROOT_DIR",
                           "reboot"}) {
    CAPTURE(name);
    CHECK(misspelt(name).empty());
  }
}

TEST_CASE("a name of any length and bytes is looked at") {
  const std::string start = "HOST_ADDRESS";
  CHECK(misspelt(start + std::string(1 << 20, 'x')).empty());
  CHECK(misspelt(start + std::string(1 << 20, '_')) == start);
  CHECK(misspelt(start + '\xff') == start);
  CHECK(misspelt(std::string_view("HOST\0ADDRESS", 12)) == start);
}
