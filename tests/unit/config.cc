// SPDX-License-Identifier: MIT
#include "common/config/config.h"
#include "common/config/text_values.h"
#include "common/config/variables.h"

#include <signal.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include <fmt/core.h>

#include "common/base/words.h"
#include "tests/unit/catch.h"
#include "tests/unit/values.h"

using namespace container_init;
using namespace std::string_view_literals;
using namespace std::chrono_literals;

namespace {

using Assignments = std::vector<std::string_view>;
using Lines = std::vector<std::string>;

template <typename Parse>
Lines faults_of(Parse parse, const Assignments& assignments) {
  const Caught caught = caught_from([&] { parse(Environment(assignments)); });
  CHECK(caught.exit == (caught.lines.empty() ? Exit::ok : Exit::config));
  return caught.lines;
}

Lines config_faults(const Assignments& assignments) { return faults_of(parse_config, assignments); }
Lines network_faults(const Assignments& assignments) {
  return faults_of(parse_network, assignments);
}
Lines host_network_faults(const Assignments& assignments) {
  return faults_of(parse_host_network, assignments);
}

// Of a container "web".
Lines web_faults(Assignments assignments) {
  assignments.insert(assignments.begin(), "INSTANCE=web");
  return config_faults(assignments);
}
Config web(Assignments assignments) {
  assignments.insert(assignments.begin(), "INSTANCE=web");
  return parse_config(Environment(std::move(assignments)));
}

std::string text_of(const std::optional<Prefix>& prefix) {
  return prefix ? to_string(*prefix) : std::string{};
}
std::string text_of(const std::optional<Address>& address) {
  return address ? to_string(*address) : std::string{};
}
std::string text_of(const std::optional<MacAddress>& address) {
  return address ? to_string(*address) : std::string{};
}

// The accepted forms, as the ends of faults.
constexpr auto kIpv4 = "ADDR[/LEN], as in 10.0.0.2 or 10.0.0.2/24"sv;
constexpr auto kIpv6 = "ADDR[/LEN], as in fd00::2 or fd00::2/64"sv;
constexpr auto kIpv4Gateway = "ADDR, as in 10.0.0.1"sv;
constexpr auto kIpv6Gateway = "ADDR, as in fd00::1"sv;
constexpr auto kMac = "six octets, unicast, as in 02:00:00:00:00:01"sv;
constexpr auto kMtu = "68 to 65535, and 1280 at least for IPv6"sv;
constexpr auto kLink = "a link name: 1 to 15 printable characters without / : % or white space"sv;
constexpr auto kLinkPair = "LINK[:INNER], each a link name of 1 to 15 characters"sv;
constexpr auto kMachine =
    "1 to 64 of A-Z a-z 0-9 - in labels with . between, none with - at an end"sv;
constexpr auto kPath = "an absolute path"sv;
constexpr auto kFlag = "1 or 0"sv;
constexpr auto kSeconds = "seconds, 0 to 86400"sv;
constexpr auto kPair =
    "NAME[:INNER][,KEY=VALUE]..., each a link name: 1 to 15 printable characters without / : % or "
    "white space"sv;
constexpr auto kKey =
    "one of HOST_ADDRESS, HOST_ADDRESS6, LOCAL_ADDRESS, LOCAL_ADDRESS6, LOCAL_MAC_ADDRESS, "
    "HOST_BRIDGE, MTU as KEY"sv;
constexpr auto kDiffer = "names that differ"sv;
constexpr auto kOnce = "each KEY once"sv;
constexpr auto kPort = "[tcp:|udp:]HOSTPORT[:CONTAINERPORT], as in tcp:8080:80"sv;
constexpr auto kUsers = "no, identity, pick or a number"sv;
constexpr auto kCapability = "capability names with commas between, as in CAP_SYS_TIME"sv;
constexpr auto kTmpfs = "absolute paths, each with [:OPTIONS]"sv;
constexpr auto kSignal = "a signal name, as in SIGTERM or SIGRTMIN+3"sv;
constexpr auto kQuoted = "words, quoted as in a shell"sv;
constexpr auto kCommand = "the path of a program and its arguments, quoted as in a shell"sv;
constexpr auto kNoInit = "one of them, as a program runs in place of an init"sv;
constexpr auto kOneEach = "one each for the two ends of the pair"sv;
constexpr auto kAnotherMachine = "the address of another machine as gateway"sv;
constexpr auto kOneOfThem = "one of them, as nothing can be made for a namespace that exists"sv;

std::string fault(std::string_view what, std::string_view wanted) {
  return fmt::format("{}; wanted: {}", what, wanted);
}

std::string_view name_of(std::string_view assignment) {
  return assignment.substr(0, assignment.find('='));
}

// One variable, and the fault that it is.
struct FaultRow {
  std::string_view assignment;
  std::string_view what;
  std::string_view wanted;
};

constexpr auto kNetworkFaults = std::to_array<FaultRow>({
    {"HOST_ADDRESS=10.0.0.256", R"(HOST_ADDRESS="10.0.0.256": not an IPv4 address)", kIpv4},
    {"HOST_ADDRESS= 10.0.0.1", R"(HOST_ADDRESS=" 10.0.0.1": not an IPv4 address)", kIpv4},
    {"HOST_ADDRESS=fd00::1/129", R"(HOST_ADDRESS="fd00::1/129": the prefix length is not 1 to 128)",
     kIpv6},
    {"HOST_ADDRESS=10.0.0.1:80", R"(HOST_ADDRESS="10.0.0.1:80": not an IPv4 address)", kIpv4},
    {"HOST_ADDRESS=10.0.0.1%a", R"(HOST_ADDRESS="10.0.0.1%a": a zone (%LINK) is not accepted)",
     kIpv4},
    {"HOST_ADDRESS=0.0.0.0", R"(HOST_ADDRESS="0.0.0.0": the unspecified address)", kIpv4},
    {"HOST_ADDRESS=127.0.0.1", R"(HOST_ADDRESS="127.0.0.1": a loopback address)", kIpv4},
    {"HOST_ADDRESS=224.0.0.1", R"(HOST_ADDRESS="224.0.0.1": not a unicast address)", kIpv4},
    {"HOST_ADDRESS=0.1.2.3", R"(HOST_ADDRESS="0.1.2.3": a reserved address)", kIpv4},
    {"LOCAL_ADDRESS=240.0.0.1/24", R"(LOCAL_ADDRESS="240.0.0.1/24": a reserved address)", kIpv4},
    {"HOST_ADDRESS=10.0.0.0/24", R"(HOST_ADDRESS="10.0.0.0/24": the address of its network)",
     kIpv4},
    {"HOST_ADDRESS=10.0.0.3/30",
     R"(HOST_ADDRESS="10.0.0.3/30": the broadcast address of its network)", kIpv4},
    {"LOCAL_ADDRESS=10.0.0.128/25", R"(LOCAL_ADDRESS="10.0.0.128/25": the address of its network)",
     kIpv4},
    {"LOCAL_ADDRESS=10.255.255.255/8",
     R"(LOCAL_ADDRESS="10.255.255.255/8": the broadcast address of its network)", kIpv4},
    {"LOCAL_ADDRESS6=fd00::/64",
     R"(LOCAL_ADDRESS6="fd00::/64": the subnet-router anycast address of its network)", kIpv6},
    {"LOCAL_ADDRESS=fd00::4/126",
     R"(LOCAL_ADDRESS="fd00::4/126": the subnet-router anycast address of its network)", kIpv6},
    {"EXTRA_VETHS=lan0,LOCAL_ADDRESS=10.0.0.0/24",
     R"(EXTRA_VETHS: lan0: LOCAL_ADDRESS="10.0.0.0/24": the address of its network)", kIpv4},
    {"HOST_ADDRESS=10.0.0.1/33", R"(HOST_ADDRESS="10.0.0.1/33": the prefix length is not 1 to 32)",
     kIpv4},
    {"HOST_ADDRESS=10.0.0.1/", R"(HOST_ADDRESS="10.0.0.1/": the prefix length is not a number)",
     kIpv4},
    {"HOST_ADDRESS6=fd00::g", R"(HOST_ADDRESS6="fd00::g": not an IPv6 address)", kIpv6},
    {"HOST_ADDRESS6=10.0.0.1", R"(HOST_ADDRESS6="10.0.0.1": IPv4 where IPv6 is wanted)", kIpv6},
    {"HOST_ADDRESS6=fe80::1%eth0",
     R"(HOST_ADDRESS6="fe80::1%eth0": a zone (%LINK) is not accepted)", kIpv6},
    {"HOST_ADDRESS6=::", R"(HOST_ADDRESS6="::": the unspecified address)", kIpv6},
    {"HOST_ADDRESS6=ff02::1", R"(HOST_ADDRESS6="ff02::1": not a unicast address)", kIpv6},
    {"HOST_ADDRESS6=::ffff:10.0.0.1",
     R"(HOST_ADDRESS6="::ffff:10.0.0.1": an IPv4 address in IPv6 form)", kIpv6},
    {"HOST_ADDRESS6=fd00::1/129",
     R"(HOST_ADDRESS6="fd00::1/129": the prefix length is not 1 to 128)", kIpv6},
    {"LOCAL_ADDRESS=web", R"(LOCAL_ADDRESS="web": not an IPv4 address)", kIpv4},
    {"LOCAL_ADDRESS6=web", R"(LOCAL_ADDRESS6="web": not an IPv6 address)", kIpv6},
    {"LOCAL_GATEWAY=10.0.0.1/24", R"(LOCAL_GATEWAY="10.0.0.1/24": not an IPv4 address)",
     kIpv4Gateway},
    {"LOCAL_GATEWAY=fd00::1/64", R"(LOCAL_GATEWAY="fd00::1/64": not an IPv6 address)",
     kIpv6Gateway},
    {"LOCAL_GATEWAY6=fd00::1/64", R"(LOCAL_GATEWAY6="fd00::1/64": not an IPv6 address)",
     kIpv6Gateway},
    {"LOCAL_GATEWAY6=10.0.0.1", R"(LOCAL_GATEWAY6="10.0.0.1": IPv4 where IPv6 is wanted)",
     kIpv6Gateway},
    {"LOCAL_MAC_ADDRESS=02:00", R"(LOCAL_MAC_ADDRESS="02:00": not six octets)", kMac},
    {"LOCAL_MAC_ADDRESS=x", R"(LOCAL_MAC_ADDRESS="x": not six octets in hexadecimal)", kMac},
    {"LOCAL_MAC_ADDRESS=01:00:00:00:00:01",
     R"(LOCAL_MAC_ADDRESS="01:00:00:00:00:01": the group bit is set)", kMac},
    {"LOCAL_MAC_ADDRESS=00:00:00:00:00:00", R"(LOCAL_MAC_ADDRESS="00:00:00:00:00:00": all zero)",
     kMac},
    {"HOST_BRIDGE=sixteen-letters0", R"(HOST_BRIDGE="sixteen-letters0": longer than 15 characters)",
     kLink},
    {"HOST_BRIDGE=123", R"(HOST_BRIDGE="123": a number)", kLink},
    {"HOST_BRIDGE=all", R"(HOST_BRIDGE="all": a name with a meaning of its own)", kLink},
    {"HOST_BRIDGE=br/0", R"(HOST_BRIDGE="br/0": a character that is not allowed)", kLink},
    {"HOST_BRIDGE=br0 br1", R"(HOST_BRIDGE="br0 br1": a character that is not allowed)", kLink},
    {"MTU=67", R"(MTU="67": not a number from 68 to 65535)", kMtu},
    {"MTU=65536", R"(MTU="65536": not a number from 68 to 65535)", kMtu},
    {"MTU=1500 ", R"(MTU="1500 ": not a number from 68 to 65535)", kMtu},
    {"MTU=-1", R"(MTU="-1": not a number from 68 to 65535)", kMtu},
    {"EXTRA_VETHS=lan0,MTU=67", R"(EXTRA_VETHS: lan0: MTU="67": not a number from 68 to 65535)",
     kMtu},
    {"EXTRA_VETHS=lan0,MTU=1279,LOCAL_ADDRESS6=fd00::2",
     R"(EXTRA_VETHS: lan0: MTU="1279": too small for IPv6, of which the pair has an address)",
     kMtu},
    {"EXTRA_VETHS=a:b:c", R"(EXTRA_VETHS="a:b:c": NAME or INNER is not valid)", kPair},
    {"EXTRA_VETHS=:a", R"(EXTRA_VETHS=":a": NAME or INNER is not valid)", kPair},
    {"EXTRA_VETHS=a:", R"(EXTRA_VETHS="a:": NAME or INNER is not valid)", kPair},
    {"EXTRA_VETHS=,HOST_BRIDGE=br0",
     R"(EXTRA_VETHS=",HOST_BRIDGE=br0": NAME or INNER is not valid)", kPair},
    {"EXTRA_VETHS=sixteen-letters0",
     R"(EXTRA_VETHS="sixteen-letters0": NAME or INNER is not valid)", kPair},
    {"EXTRA_VETHS=lan0:sixteen-letters0",
     R"(EXTRA_VETHS="lan0:sixteen-letters0": NAME or INNER is not valid)", kPair},
    {"EXTRA_VETHS=a/b", R"(EXTRA_VETHS="a/b": NAME or INNER is not valid)", kPair},
    {"EXTRA_VETHS=lan0,LOCAL_GATEWAY=10.0.0.1",
     R"(EXTRA_VETHS: lan0: "LOCAL_GATEWAY=10.0.0.1" is not a KEY=VALUE of an extra pair)", kKey},
    {"EXTRA_VETHS=lan0,host_address=10.0.0.1",
     R"(EXTRA_VETHS: lan0: "host_address=10.0.0.1" is not a KEY=VALUE of an extra pair)",
     "HOST_ADDRESS as KEY"},
    {"EXTRA_VETHS=lan0,LOCAL_ADRESS6=fd00::2",
     R"(EXTRA_VETHS: lan0: "LOCAL_ADRESS6=fd00::2" is not a KEY=VALUE of an extra pair)",
     "LOCAL_ADDRESS6 as KEY"},
    {"EXTRA_VETHS=lan0,BRIDGE=br0",
     R"(EXTRA_VETHS: lan0: "BRIDGE=br0" is not a KEY=VALUE of an extra pair)", kKey},
    {"EXTRA_VETHS=lan0:a,HOST_ADDRESS",
     R"(EXTRA_VETHS: lan0: "HOST_ADDRESS" is not a KEY=VALUE of an extra pair)", kKey},
    {"EXTRA_VETHS=lan0,", R"(EXTRA_VETHS: lan0: "" is not a KEY=VALUE of an extra pair)", kKey},
    {"EXTRA_VETHS=lan0,=br0", R"(EXTRA_VETHS: lan0: "=br0" is not a KEY=VALUE of an extra pair)",
     kKey},
    {"EXTRA_VETHS=lan0,HOST_BRIDGE=br0,HOST_BRIDGE=br1",
     "EXTRA_VETHS: lan0: HOST_BRIDGE is given twice", kOnce},
    {"EXTRA_VETHS=lan0,HOST_BRIDGE=,HOST_BRIDGE=br1",
     "EXTRA_VETHS: lan0: HOST_BRIDGE is given twice", kOnce},
    {"EXTRA_VETHS=lan0,HOST_ADDRESS=10.0.0.1/33",
     R"(EXTRA_VETHS: lan0: HOST_ADDRESS="10.0.0.1/33": the prefix length is not 1 to 32)", kIpv4},
    {"EXTRA_VETHS=lan0,HOST_ADDRESS6=10.0.0.1",
     R"(EXTRA_VETHS: lan0: HOST_ADDRESS6="10.0.0.1": IPv4 where IPv6 is wanted)", kIpv6},
    {"EXTRA_VETHS=lan0,LOCAL_ADDRESS=x",
     R"(EXTRA_VETHS: lan0: LOCAL_ADDRESS="x": not an IPv4 address)", kIpv4},
    {"EXTRA_VETHS=lan0,LOCAL_ADDRESS6=x",
     R"(EXTRA_VETHS: lan0: LOCAL_ADDRESS6="x": not an IPv6 address)", kIpv6},
    {"EXTRA_VETHS=lan0,LOCAL_MAC_ADDRESS=ff:ff:ff:ff:ff:ff",
     R"(EXTRA_VETHS: lan0: LOCAL_MAC_ADDRESS="ff:ff:ff:ff:ff:ff": the group bit is set)", kMac},
    {"EXTRA_VETHS=lan0,HOST_BRIDGE=br:0",
     R"(EXTRA_VETHS: lan0: HOST_BRIDGE="br:0": a character that is not allowed)", kLink},
    {"EXTRA_VETHS=lan0,HOST_ADDRESS=10.0.0.1,LOCAL_ADDRESS=10.0.0.1",
     "EXTRA_VETHS: lan0: HOST_ADDRESS and LOCAL_ADDRESS are both 10.0.0.1", kOneEach},
    {"EXTRA_VETHS=lan0,HOST_ADDRESS6=fd00::1,LOCAL_ADDRESS6=FD00::1",
     "EXTRA_VETHS: lan0: HOST_ADDRESS6 and LOCAL_ADDRESS6 are both fd00::1", kOneEach},
    {"EXTRA_VETHS=lan0 lan0", R"(EXTRA_VETHS: "lan0" is the name of another link on the host)",
     kDiffer},
    {"EXTRA_VETHS=lan0 lan0:b", R"(EXTRA_VETHS: "lan0" is the name of another link on the host)",
     kDiffer},
    {"EXTRA_VETHS=lan0:a lan1:a",
     R"(EXTRA_VETHS: "a" is the name of another link in the container)", kDiffer},
    {"EXTRA_VETHS=lan0 lan1:lan0",
     R"(EXTRA_VETHS: "lan0" is the name of another link in the container)", kDiffer},
    {"WAIT_CARRIER=soon", R"(WAIT_CARRIER="soon": not a number of seconds from 0 to 86400)",
     kSeconds},
    {"WAIT_CARRIER=86401", R"(WAIT_CARRIER="86401": not a number of seconds from 0 to 86400)",
     kSeconds},
});

// Of variables that only the programs on the host read.
constexpr auto kHostFaults = std::to_array<FaultRow>({
    {"root=machines/web", R"(root="machines/web": not valid)", kPath},
    {"PRIVATE_NETWORK=yes", R"(PRIVATE_NETWORK="yes": neither 1 nor 0)", kFlag},
    {"PRIVATE_NETWORK=11", R"(PRIVATE_NETWORK="11": neither 1 nor 0)", kFlag},
    {"PRIVATE_USERS=yes", R"(PRIVATE_USERS="yes": not valid)", kUsers},
    {"PRIVATE_USERS=-1", R"(PRIVATE_USERS="-1": not valid)", kUsers},
    {"PRIVATE_USERS=4294967296", R"(PRIVATE_USERS="4294967296": not valid)", kUsers},
    {"PRIVATE_USERS=4294901760", R"(PRIVATE_USERS="4294901760": not valid)", kUsers},
    {"PRIVATE_USERS=pick ", R"(PRIVATE_USERS="pick ": not valid)", kUsers},
    {"NETWORK_NAMESPACE_PATH=netns/a", R"(NETWORK_NAMESPACE_PATH="netns/a": not valid)", kPath},
    {"HOST_PORT=0", R"(HOST_PORT="0": not valid)", kPort},
    {"HOST_PORT=65536", R"(HOST_PORT="65536": not valid)", kPort},
    {"HOST_PORT=http", R"(HOST_PORT="http": not valid)", kPort},
    {"HOST_PORT=tcp", R"(HOST_PORT="tcp": not valid)", kPort},
    {"HOST_PORT=tcp:", R"(HOST_PORT="tcp:": not valid)", kPort},
    {"HOST_PORT=80:", R"(HOST_PORT="80:": not valid)", kPort},
    {"HOST_PORT=tcp:udp:80", R"(HOST_PORT="tcp:udp:80": not valid)", kPort},
    {"HOST_PORT=TCP:80:80", R"(HOST_PORT="TCP:80:80": not valid)", kPort},
    {"HOST_PORT=sctp:80", R"(HOST_PORT="sctp:80": not valid)", kPort},
    {"HOST_PORT=080", R"(HOST_PORT="080": not valid)", kPort},
    {"HOST_PORT=80,udp:80,tcp:80:81",
     R"(HOST_PORT="tcp:80:81": a port of the host that is there twice)", kPort},
    {"HOST_PORT=tcp:80:80:80", R"(HOST_PORT="tcp:80:80:80": not valid)", kPort},
    {"HOST_PORT=80,", R"(HOST_PORT="": not valid)", kPort},
    {"HOST_PORT=80, 81", R"(HOST_PORT=" 81": not valid)", kPort},
    {"INTERFACES=enp1s0 a/b", R"(INTERFACES="a/b": not valid)", kLinkPair},
    {"INTERFACES=a:b:c", R"(INTERFACES="a:b:c": not valid)", kLinkPair},
    {"INTERFACES=a:", R"(INTERFACES="a:": not valid)", kLinkPair},
    {"MACVLANS=sixteen-letters0", R"(MACVLANS="sixteen-letters0": not valid)", kLinkPair},
    {"MACVLANS=:a", R"(MACVLANS=":a": not valid)", kLinkPair},
    {"CAPABILITIES=CAP-X", R"(CAPABILITIES="CAP-X": not valid)", kCapability},
    {"CAPABILITIES=CAP_CHOWN,,CAP_KILL", R"(CAPABILITIES="": not valid)", kCapability},
    {"CAPABILITIES=CAP_CHOWN CAP_KILL", R"(CAPABILITIES="CAP_CHOWN CAP_KILL": not valid)",
     kCapability},
    {"CAPABILITIES=CAP_KILL,SYS_TIME", R"(CAPABILITIES="SYS_TIME": not valid)", kCapability},
    {"TMPFS=/tmp var", R"(TMPFS="var": not valid)", kTmpfs},
    {"TMPFS=/", R"(TMPFS="/": not valid)", kTmpfs},
    {"TMPFS=/tmp:size=lots", R"(TMPFS="/tmp:size=lots": not valid)", kTmpfs},
    {"EPHEMERAL=true", R"(EPHEMERAL="true": neither 1 nor 0)", kFlag},
    {"SYSTEM_PATH=nix/store", R"(SYSTEM_PATH="nix/store": not valid)", kPath},
    {"STAGE2=init", R"(STAGE2="init": not valid)", kPath},
    {"COPY_RESOLV_CONF=no", R"(COPY_RESOLV_CONF="no": neither 1 nor 0)", kFlag},
    {"KILL_SIGNAL=SIGFOO", R"(KILL_SIGNAL="SIGFOO": not valid)", kSignal},
    {"KILL_SIGNAL=SIGRTMIN+31", R"(KILL_SIGNAL="SIGRTMIN+31": not valid)", kSignal},
    {"KILL_SIGNAL=0", R"(KILL_SIGNAL="0": not valid)", kSignal},
    {"DEVICE_TIMEOUT=10s", R"(DEVICE_TIMEOUT="10s": not a number of seconds from 0 to 86400)",
     kSeconds},
    {"EXTRA_NSPAWN_FLAGS=--bind='/a",
     R"(EXTRA_NSPAWN_FLAGS="--bind='/a": the single quote at character 8 is not closed)", kQuoted},
    {"EXTRA_NSPAWN_FLAGS=\"",
     R"(EXTRA_NSPAWN_FLAGS="\"": the double quote at character 1 is not closed)", kQuoted},
    {"COMMAND=httpd -f", R"(COMMAND="httpd": not an absolute path)", kCommand},
    {"COMMAND=''", R"(COMMAND="": not an absolute path)", kCommand},
    {"COMMAND=/httpd \"-f",
     R"(COMMAND="/httpd \"-f": the double quote at character 8 is not closed)", kCommand},
    {"EXTRA_NSPAWN_FLAGS=a\\",
     R"(EXTRA_NSPAWN_FLAGS="a\\": the backslash at character 2 escapes nothing)", kQuoted},
    {"LITERAL_NSPAWN_FLAGS=yes", R"(LITERAL_NSPAWN_FLAGS="yes": neither 1 nor 0)", kFlag},
});

// Of variables that reload reads.
constexpr auto kReloadFaults = std::to_array<FaultRow>({
    {"SYSTEM_PATH=nix/store", R"(SYSTEM_PATH="nix/store": not valid)", kPath},
    {"RELOAD_COMMAND=true", R"(RELOAD_COMMAND="true": not an absolute path)", kCommand},
    {"RELOAD_COMMAND='' /bin/true", R"(RELOAD_COMMAND="": not an absolute path)", kCommand},
    {"RELOAD_COMMAND=' /bin/true'", R"(RELOAD_COMMAND=" /bin/true": not an absolute path)",
     kCommand},
    {"RELOAD_COMMAND=bin/true /a", R"(RELOAD_COMMAND="bin/true": not an absolute path)", kCommand},
    {"RELOAD_COMMAND=/bin/true '/a",
     R"(RELOAD_COMMAND="/bin/true '/a": the single quote at character 11 is not closed)", kCommand},
});

constexpr auto kExcluded = std::to_array<std::string_view>({
    "HOST_ADDRESS=10.0.0.1",
    "HOST_ADDRESS6=fd00::1",
    "LOCAL_ADDRESS=10.0.0.2",
    "LOCAL_ADDRESS6=fd00::2",
    "LOCAL_GATEWAY=10.0.0.1",
    "LOCAL_GATEWAY6=fd00::1",
    "HOST_BRIDGE=br0",
    "LOCAL_MAC_ADDRESS=02:00:00:00:00:01",
    "MTU=1500",
    "EXTRA_VETHS=lan0",
});

std::string exclusion(std::string_view assignment) {
  return fault(fmt::format("NETWORK_NAMESPACE_PATH and {} are both set", name_of(assignment)),
               kOneOfThem);
}

// Ports need one.
Assignments with_own_network(std::string_view assignment) {
  if (!assignment.starts_with("HOST_PORT=")) return {assignment};
  return {assignment, "EXTRA_NSPAWN_FLAGS=-n"};
}

}  // namespace

TEST_CASE("a fault of the network names variable, value, reason and accepted form") {
  for (const auto& [assignment, what, wanted] : kNetworkFaults) {
    CAPTURE(assignment);
    const Lines lines{fault(what, wanted)};
    CHECK(network_faults({assignment}) == lines);
    CHECK(host_network_faults({"INSTANCE=web", assignment}) == lines);
    CHECK(web_faults({assignment}) == lines);
  }
}

TEST_CASE("so does a fault of any other variable, which container-init does not read") {
  for (const auto& [assignment, what, wanted] : kHostFaults) {
    CAPTURE(assignment);
    CHECK(web_faults(with_own_network(assignment)) == Lines{fault(what, wanted)});
    CHECK(network_faults({assignment}).empty());
    CHECK(host_network_faults({"INSTANCE=web", assignment}).empty());
  }
}

TEST_CASE("container-init reads what start passes to it") {
  std::set<std::string_view> read;
  for (const FaultRow& row : kNetworkFaults) read.insert(name_of(row.assignment));
  std::set<std::string_view> listed;
  for (const Variable& known : kVariables)
    if (known.has(kContainerInit)) listed.insert(known.name);
  CHECK(read == listed);
  for (const auto variable : listed) {
    CAPTURE(variable);
    CHECK(network_faults({std::string(variable) + "=/"}).size() == 1);
  }
  for (const FaultRow& row : kHostFaults) CHECK_FALSE(listed.contains(name_of(row.assignment)));
}

TEST_CASE("a fault of a variable of reload is reported before the start, too") {
  for (const auto& [assignment, what, wanted] : kReloadFaults) {
    CAPTURE(assignment);
    CHECK(web_faults({assignment}) == Lines{fault(what, wanted)});
    CHECK(network_faults({assignment}).empty());
    CHECK(host_network_faults({"INSTANCE=web", assignment}).empty());
  }
}

TEST_CASE("reload runs a command, or sends the program of COMMAND a signal") {
  const auto reloaded = [](const Assignments& assignments) {
    return parse_config(Environment(assignments));
  };
  using Words = std::vector<std::string>;
  CHECK(reloaded({"INSTANCE=web"}).reload_command.empty());
  CHECK(reloaded({"INSTANCE=web", "RELOAD_COMMAND= \t"}).reload_command.empty());
  CHECK(reloaded({"INSTANCE=web", "RELOAD_COMMAND='/a b' \"c d\" e\\ f ''"}).reload_command ==
        Words{"/a b", "c d", "e f", ""});
  CHECK(reloaded({"INSTANCE=web", "RELOAD_COMMAND=/bin/echo $HOME *"}).reload_command ==
        Words{"/bin/echo", "$HOME", "*"});
  CHECK(reloaded({"INSTANCE=web"}).reload_signal == 0);
  CHECK(reloaded({"INSTANCE=web", "COMMAND=/httpd", "RELOAD_SIGNAL=SIGHUP"}).reload_signal ==
        SIGHUP);
  CHECK(web_faults({"COMMAND=/httpd", "RELOAD_SIGNAL=HANGUP"}) ==
        Lines{fault(R"(RELOAD_SIGNAL="HANGUP": not valid)", "a signal name, as in SIGHUP")});
  CHECK(web_faults({"RELOAD_SIGNAL=SIGHUP"}) ==
        Lines{fault("RELOAD_SIGNAL is set, and COMMAND is not",
                    "RELOAD_COMMAND for a container with an init")});
}

TEST_CASE("the host's programs need the name of the container") {
  const Lines missing{fault("INSTANCE is not set", kMachine)};
  const Lines dash{fault(R"(INSTANCE="-web": not valid)", kMachine)};
  const Lines blank{fault(R"(INSTANCE="a b": not valid)", kMachine)};
  for (const auto faults : {config_faults, host_network_faults}) {
    CHECK(faults({}) == missing);
    CHECK(faults({"INSTANCE="}) == missing);
    CHECK(faults({"INSTANCE=-web"}) == dash);
    CHECK(faults({"INSTANCE=a b"}) == blank);
  }
  CHECK(network_faults({}).empty());
  CHECK(network_faults({"INSTANCE=-web"}).empty());
}

TEST_CASE("IPv6 in a variable of IPv4 is that of the 6 variable, where that is not set") {
  const Network network =
      parse_network(Environment({"HOST_ADDRESS=fd00::1", "LOCAL_ADDRESS=FD00::2/64",
                                 "LOCAL_GATEWAY=fe80::1", "HOST_ADDRESS6=",
                                 "EXTRA_VETHS=lan0,HOST_ADDRESS=fd01::1,LOCAL_ADDRESS=10.1.0.2,"
                                 "LOCAL_ADDRESS6=fd01::2"}));
  REQUIRE(network.pair);
  CHECK_FALSE(network.pair->ipv4.host);
  CHECK_FALSE(network.pair->ipv4.local);
  CHECK_FALSE(network.pair->ipv4.gateway);
  CHECK(text_of(network.pair->ipv6.host) == "fd00::1/128");
  CHECK(text_of(network.pair->ipv6.local) == "fd00::2/64");
  CHECK(text_of(network.pair->ipv6.gateway) == "fe80::1");
  REQUIRE(network.extra_pairs.size() == 1);
  const Pair& extra = network.extra_pairs.front();
  CHECK_FALSE(extra.ipv4.host);
  CHECK(text_of(extra.ipv6.host) == "fd01::1/128");
  CHECK(text_of(extra.ipv4.local) == "10.1.0.2/32");
  CHECK(text_of(extra.ipv6.local) == "fd01::2/128");
}

TEST_CASE("two values for one family are a fault") {
  const auto ipv6 = [](std::string_view name) {
    return fmt::format(R"({}="fd00::1": IPv6 where IPv4 is wanted)", name);
  };
  CHECK(network_faults({"HOST_ADDRESS=fd00::1", "HOST_ADDRESS6=fd00::2"}) ==
        Lines{fault(ipv6("HOST_ADDRESS"), kIpv4)});
  CHECK(network_faults({"LOCAL_ADDRESS=fd00::1", "LOCAL_ADDRESS6=fd00::1"}) ==
        Lines{fault(ipv6("LOCAL_ADDRESS"), kIpv4)});
  CHECK(network_faults({"LOCAL_GATEWAY=fd00::1", "LOCAL_GATEWAY6=fd00::2"}) ==
        Lines{fault(ipv6("LOCAL_GATEWAY"), kIpv4Gateway)});
  CHECK(network_faults({"EXTRA_VETHS=lan0,HOST_ADDRESS=fd00::1,HOST_ADDRESS6=fd00::2"}) ==
        Lines{fault(ipv6("EXTRA_VETHS: lan0: HOST_ADDRESS"), kIpv4)});
}

TEST_CASE("the two ends of a pair and the gateway are different machines") {
  CHECK(network_faults({"HOST_ADDRESS=10.0.0.1/24", "LOCAL_ADDRESS=10.0.0.1"}) ==
        Lines{fault("HOST_ADDRESS and LOCAL_ADDRESS are both 10.0.0.1", kOneEach)});
  CHECK(network_faults({"HOST_ADDRESS6=fd00::1", "LOCAL_ADDRESS6=FD00::0:1/64"}) ==
        Lines{fault("HOST_ADDRESS6 and LOCAL_ADDRESS6 are both fd00::1", kOneEach)});
  CHECK(network_faults({"LOCAL_ADDRESS=10.0.0.2/24", "LOCAL_GATEWAY=10.0.0.2"}) ==
        Lines{fault("LOCAL_GATEWAY and LOCAL_ADDRESS are both 10.0.0.2", kAnotherMachine)});
  CHECK(network_faults({"LOCAL_ADDRESS6=fd00::2", "LOCAL_GATEWAY6=fd00::2"}) ==
        Lines{fault("LOCAL_GATEWAY6 and LOCAL_ADDRESS6 are both fd00::2", kAnotherMachine)});
  CHECK(network_faults({"HOST_ADDRESS=10.0.0.1", "LOCAL_GATEWAY=10.0.0.1"}).empty());
}

TEST_CASE("an extra pair has names that the main pair does not use") {
  const Lines eth0{
      fault(R"(EXTRA_VETHS: "eth0" is the name of another link in the container)", kDiffer)};
  const Lines host0{
      fault(R"(EXTRA_VETHS: "host0" is the name of another link in the container)", kDiffer)};
  const Lines outer{
      fault(R"(EXTRA_VETHS: "ve-web" is the name of another link on the host)", kDiffer)};
  CHECK(network_faults({"HOST_BRIDGE=br0", "EXTRA_VETHS=lan0:eth0"}) == eth0);
  CHECK(network_faults({"HOST_BRIDGE=br0", "EXTRA_VETHS=host0"}) == host0);
  CHECK(web_faults({"LOCAL_ADDRESS=10.0.0.2", "EXTRA_VETHS=ve-web:a"}) == outer);
  CHECK(host_network_faults({"INSTANCE=web", "LOCAL_ADDRESS=10.0.0.2", "EXTRA_VETHS=ve-web:a"}) ==
        outer);
  CHECK(web_faults({"HOST_BRIDGE=br0", "EXTRA_VETHS=ve-web:a"}).empty());
  CHECK(web_faults({"EXTRA_VETHS=eth0 host0 ve-web"}).empty());
}

TEST_CASE("a network namespace that exists excludes every pair") {
  constexpr auto kSet = "NETWORK_NAMESPACE_PATH=/run/netns/a"sv;
  CHECK(web_faults({kSet}).empty());
  for (const auto excluded : kExcluded) {
    CAPTURE(excluded);
    CHECK(web_faults({kSet, excluded}) == Lines{exclusion(excluded)});
    CHECK(host_network_faults({"INSTANCE=web", kSet, excluded}) == Lines{exclusion(excluded)});
    CHECK(web_faults({"NETWORK_NAMESPACE_PATH=", excluded}).empty());
    CHECK(web_faults({kSet, excluded.substr(0, excluded.find('=') + 1)}).empty());
  }
  CHECK(web_faults({kSet, "HOST_PORT=80"}) == Lines{exclusion("HOST_PORT=80")});
  for (const std::string_view allowed :
       {"INTERFACES=a", "MACVLANS=a", "PRIVATE_NETWORK=1", "PRIVATE_NETWORK=0"}) {
    CAPTURE(allowed);
    CHECK(web_faults({kSet, allowed}).empty());
  }
  CHECK(web_faults({kSet, "PRIVATE_NETWORK=0"}).empty());
}

TEST_CASE("a program excludes what is said of an init") {
  constexpr auto kSet = "COMMAND=/bin/httpd -f -h '/srv/my files'"sv;
  CHECK(web({kSet}).command == Lines{"/bin/httpd", "-f", "-h", "/srv/my files"});
  for (const std::string_view excluded :
       {"STAGE2=/init", "SYSTEM_PATH=/system", "FLAKE=a", "KILL_SIGNAL=SIGTERM"}) {
    CAPTURE(excluded);
    CHECK(web_faults({kSet, excluded}) ==
          Lines{fault(fmt::format("COMMAND and {} are both set", name_of(excluded)), kNoInit)});
    CHECK(web_faults({"COMMAND=", excluded}).empty());
    CHECK(web_faults({kSet, excluded.substr(0, excluded.find('=') + 1)}).empty());
  }
}

TEST_CASE("systemd-nspawn is not told to execute an init itself") {
  for (const std::string_view flag : {"--boot", "--boo", "--bo", "-b", "-qb", "-bq"}) {
    const std::string flags = fmt::format("EXTRA_NSPAWN_FLAGS=-q {}", flag);
    const Lines refused{fault(fmt::format("EXTRA_NSPAWN_FLAGS has {}", flag),
                              "no such flag, as container-init executes the init")};
    CHECK(web_faults({flags}) == refused);
    CHECK(web_faults({flags, "COMMAND=/bin/httpd"}) == refused);
  }
}

namespace {

// Of the flags alone, and beside other variables.
Lines flag_faults(std::string_view flags, Assignments assignments = {}) {
  const std::string text = fmt::format("EXTRA_NSPAWN_FLAGS={}", flags);
  assignments.emplace_back(text);
  return web_faults(assignments);
}

Lines has_flag_fault(std::string_view flag, std::string_view wanted) {
  return {fault(fmt::format("EXTRA_NSPAWN_FLAGS has {}", flag), wanted)};
}

}  // namespace

TEST_CASE("flags that override a variable or add to what is there are fine") {
  for (const std::string_view flags : {"--bind=/b",
                                       "--background=b",
                                       "--keep-unit",
                                       "--register=no",
                                       "-q -x",
                                       "--kill-signal=TERM",
                                       "--private-users=no",
                                       "--setenv=A=b",
                                       "-E HOST_NAME=b",
                                       "--notify-ready=no",
                                       "--link-journal=host",
                                       "--settings no",
                                       "--network-zone=z",
                                       "--network-bridge br1",
                                       "-n",
                                       "--network-veth-extra=a",
                                       "--new-in-262",
                                       "--new-in-262 a --bind=/b",
                                       "-K",
                                       "--u root",
                                       "",
                                       "--template=/a",
                                       "--tmpfs /a -q --",
                                       "--drop-capability=CAP_NET_RAW"}) {
    CAPTURE(flags);
    CHECK(flag_faults(flags).empty());
  }
  CHECK(
      flag_faults("--network-macvlan=a --no-new-privileges --tmpfs=/a", {"LOCAL_ADDRESS=10.0.0.2"})
          .empty());
}

TEST_CASE("flags for which there is a variable") {
  constexpr auto kName = "no such flag, as INSTANCE is the name"sv;
  constexpr auto kRoot = "root, which names a directory, and no such flag"sv;
  for (const std::string_view flag : {"--machine=db", "-Mb", "-M", "--mach=db", "-qMdb"}) {
    CAPTURE(flag);
    CHECK(flag_faults(flag == "-M" ? "-M db" : flag) == has_flag_fault(flag, kName));
  }
  for (const std::string_view flag :
       {"-D/a", "--directory=/a", "--dir=/a", "-qDb", "-i/a", "--image=/a", "--oci=/a"}) {
    CAPTURE(flag);
    CHECK(flag_faults(flag) == has_flag_fault(flag, kRoot));
  }
  CHECK(flag_faults("--network-names=/run/netns/a") ==
        has_flag_fault("--network-names=/run/netns/a", "NETWORK_NAMESPACE_PATH in its place"));
  CHECK(flag_faults("--setenv=LOCAL_ADDRESS=10.0.0.9 -E MTU") ==
        Lines{has_flag_fault(R"("LOCAL_ADDRESS=10.0.0.9")",
                             "LOCAL_ADDRESS as a variable of its own")[0],
              has_flag_fault(R"("MTU")", "MTU as a variable of its own")[0]});
  for (const std::string_view flag : {"-h", "--help", "--version"})
    CHECK(flag_faults(flag) ==
          has_flag_fault(flag, "no such flag, with which no container is started"));
}

TEST_CASE("flags that give the links of a pair other names") {
  for (const Assignments& pair :
       {Assignments{"LOCAL_ADDRESS=10.0.0.2"}, Assignments{"HOST_BRIDGE=br0"}}) {
    CHECK(flag_faults("--network-bridge=br1", pair) ==
          has_flag_fault("--network-bridge=br1", "HOST_BRIDGE in its place"));
    CHECK(flag_faults("--network-br=br1", pair) ==
          has_flag_fault("--network-br=br1", "HOST_BRIDGE in its place"));
    CHECK(
        flag_faults("--network-zone=z", pair) ==
        has_flag_fault("--network-zone=z", "HOST_BRIDGE in its place, with a bridge that exists"));
    for (const std::string_view flag : {"--network-veth", "-n", "-qn"})
      CHECK(flag_faults(flag, pair) ==
            has_flag_fault(flag, "no such flag, as the variables of the pair ask for its links"));
  }
  CHECK(flag_faults("-u daemon", {"EXTRA_VETHS=lan0"}) ==
        has_flag_fault("-u", "no such flag, as container-init needs root to configure the links"));
}

TEST_CASE("flags that make something for a network namespace that exists") {
  for (const std::string_view flag : {"--private-network", "-n", "--network-bridge=br0",
                                      "--network-zone=z", "--network-veth-e=a", "-p80"}) {
    CAPTURE(flag);
    CHECK(flag_faults(flag, {"NETWORK_NAMESPACE_PATH=/a"}) ==
          has_flag_fault(flag,
                         "no such flag beside NETWORK_NAMESPACE_PATH, as nothing can be made "
                         "for a namespace that exists"));
  }
  CHECK(flag_faults("--network-macvlan=a", {"NETWORK_NAMESPACE_PATH=/a"}).empty());
}

TEST_CASE("flags that systemd-nspawn would refuse, and words that it would execute") {
  constexpr auto kFlags =
      "flags as systemd-nspawn takes them, and quotes around what has white space"sv;
  for (const auto& [flags, what] : std::map<std::string_view, std::string_view>{
           {"--keep-unit=no", R"("--keep-unit=no", which takes no value)"},
           {"--boot=yes", R"("--boot=yes", which takes no value)"},
           {"-q --bind", R"("--bind", which lacks its value)"},
           {"-qE", R"("-qE", which lacks its value)"},
           {"--bind=/my data:/data -q", R"("data:/data", which is no flag)"},
           {"--private-users no", R"("no", which is no flag)"},
           {"-q ''", R"("", which is no flag)"},
           {"-", R"("-", which is no flag)"},
           {"b", R"("b", which is no flag)"},
           {"-- b", R"("b", which is no flag)"}}) {
    CAPTURE(flags);
    CHECK(flag_faults(flags) == has_flag_fault(what, kFlags));
  }
}

TEST_CASE("owners are mapped where there are others") {
  const auto refused = [](std::string_view bind, std::string_view users) {
    return Lines{
        fault(fmt::format(R"(EXTRA_NSPAWN_FLAGS binds "{}" with idmap, and PRIVATE_USERS is "{}")",
                          bind, users),
              "no idmap, as there are no other owners to map, or PRIVATE_USERS=pick")};
  };
  for (const std::string_view users : {"no", "identity", "0"}) {
    const std::string assignment = fmt::format("PRIVATE_USERS={}", users);
    CHECK(flag_faults("--bind=/srv:/srv:idmap", {assignment}) == refused("/srv:/srv:idmap", users));
    CHECK(flag_faults("--bind-ro /a::norbind,rootidmap", {assignment}) ==
          refused("/a::norbind,rootidmap", users));
    CHECK(flag_faults("--bind=/srv:/idmap:rbind --bind=/idmap", {assignment}).empty());
    CHECK(flag_faults("--bind=/srv:/srv:idmap -U", {assignment}).empty());
  }
  CHECK(flag_faults("--bind=/srv:/srv:idmap", {"PRIVATE_USERS=pick"}).empty());
  CHECK(flag_faults("--bind=/srv:/srv:idmap").empty());  // NAME.nspawn may say which users
}

TEST_CASE("files that would belong to nobody are a warning") {
  const auto warnings = [](std::string_view flags, std::string_view users) {
    const std::string text = fmt::format("EXTRA_NSPAWN_FLAGS={}", flags);
    return web({users, text}).warnings;
  };
  for (const std::string_view users : {"PRIVATE_USERS=pick", "PRIVATE_USERS=65536"})
    CHECK(
        warnings("--bind=/srv --bind=/a:/b", users) ==
        Lines{
            R"(EXTRA_NSPAWN_FLAGS binds "/srv" without idmap: its files belong to nobody in the container, whose users are others)",
            R"(EXTRA_NSPAWN_FLAGS binds "/a:/b" without idmap: its files belong to nobody in the container, whose users are others)"});
  for (const std::string_view flags :
       {"--bind=/srv:/srv:idmap", "--bind=/srv::owneridmap", "--bind-ro=/etc/hosts",
        "--bind=/dev/dri", "--bind=-/dev:/b", "--bind=/run/a.sock", "--bind=+/srv:/b",
        "--bind=/srv --private-users=no"})
    CHECK(warnings(flags, "PRIVATE_USERS=pick").empty());
  CHECK(warnings("--bind=/srv", "PRIVATE_USERS=no").empty());
  CHECK(warnings("--bind=/device", "PRIVATE_USERS=pick").size() == 1);
}

TEST_CASE("a router has no address that all of its network, or none, have") {
  CHECK(web_faults({"LOCAL_ADDRESS=10.0.0.2/24", "LOCAL_GATEWAY=10.0.0.255"}) ==
        Lines{fault(
            R"(LOCAL_GATEWAY="10.0.0.255": the broadcast address of its network, 10.0.0.0/24)",
            kIpv4Gateway)});
  CHECK(web_faults({"LOCAL_ADDRESS=10.0.0.2/24", "LOCAL_GATEWAY=10.0.0.0"}) ==
        Lines{fault(R"(LOCAL_GATEWAY="10.0.0.0": the address of its network, 10.0.0.0/24)",
                    kIpv4Gateway)});
  for (const std::string_view gateway :
       {"LOCAL_GATEWAY=10.0.1.0", "LOCAL_GATEWAY=10.0.0.254", "LOCAL_GATEWAY=fd00::"})
    CHECK(web_faults({"LOCAL_ADDRESS=10.0.0.2/24", "LOCAL_ADDRESS6=fd00::2/64", gateway}).empty());
}

TEST_CASE("a single address in a bridge, without a gateway, is a warning") {
  const Lines both =
      web({"HOST_BRIDGE=br0", "LOCAL_ADDRESS=10.0.0.2", "LOCAL_ADDRESS6=fd00::2"}).warnings;
  CHECK(both ==
        Lines{"LOCAL_ADDRESS is the single address 10.0.0.2, so the container has no route to the "
              "bridge br0; wanted: a length, as in 10.0.0.2/24, or a gateway",
              "LOCAL_ADDRESS6 is the single address fd00::2, so the container has no route to the "
              "bridge br0; wanted: a length, as in fd00::2/64, or a gateway"});
  CHECK(web({"EXTRA_VETHS=lan0,HOST_BRIDGE=br0,LOCAL_ADDRESS=10.0.0.2"})
            .warnings.front()
            .starts_with("EXTRA_VETHS: lan0: LOCAL_ADDRESS is the single address 10.0.0.2, "));
  for (const std::string_view other :
       {"LOCAL_GATEWAY=10.0.0.1", "HOST_ADDRESS=10.0.0.1", "LOCAL_ADDRESS=10.0.0.2/24"})
    CHECK(web({other, "HOST_BRIDGE=br0", "LOCAL_ADDRESS=10.0.0.2"}).warnings.empty());
  CHECK(web({"LOCAL_ADDRESS=10.0.0.2"}).warnings.empty());
  CHECK(web({"HOST_BRIDGE=br0"}).warnings.empty());
}

TEST_CASE("faults of every kind are told together") {
  CHECK(web_faults({"HOST_ADRESS=10.0.0.1", "LOCAL_ADDRESS=10.0.0.300", "CAPABILITIES=FOO",
                    "TMPFS=x", "EXTRA_NSPAWN_FLAGS=-Mx -n --bind", "NETWORK_NAMESPACE_PATH=/a",
                    "PRIVATE_USERS=pick", "COMMAND=/a", "STAGE2=/b"})
            .size() == 11);
}

TEST_CASE("a network namespace that exists excludes a user namespace") {
  constexpr auto kSet = "NETWORK_NAMESPACE_PATH=/run/netns/a"sv;
  const auto refused = [](std::string_view users) {
    return Lines{fault(fmt::format("NETWORK_NAMESPACE_PATH is set, and PRIVATE_USERS is {}", users),
                       "PRIVATE_USERS=no, as a container with a user namespace cannot join the "
                       "network namespace of another")};
  };
  CHECK(web_faults({kSet, "PRIVATE_USERS=pick"}) ==
        refused(R"("pick", the default of container@.service)"));
  CHECK(web_faults({kSet, "PRIVATE_USERS=identity"}) == refused(R"("identity")"));
  CHECK(web_faults({kSet, "PRIVATE_USERS=0"}) == refused(R"("0")"));
  for (const std::string_view allowed : {"PRIVATE_USERS=no", "PRIVATE_USERS="})
    CHECK(web_faults({kSet, allowed}).empty());
}

TEST_CASE("all faults are reported at once, in a fixed order") {
  const Lines lines =
      config_faults({"RELOAD_COMMAND=x",
                     "LITERAL_NSPAWN_FLAGS=x",
                     "EXTRA_NSPAWN_FLAGS='",
                     "DEVICE_TIMEOUT=x",
                     "KILL_SIGNAL=x",
                     "COPY_RESOLV_CONF=x",
                     "STAGE2=x",
                     "SYSTEM_PATH=x",
                     "EPHEMERAL=x",
                     "TMPFS=x y",
                     "CAPABILITIES=-,+",
                     "MACVLANS=/ :",
                     "INTERFACES=/",
                     "HOST_PORT=x,y",
                     "NETWORK_NAMESPACE_PATH=x",
                     "PRIVATE_USERS=x",
                     "PRIVATE_NETWORK=x",
                     "root=x",
                     "WAIT_CARRIER=x",
                     "EXTRA_VETHS=a:b:c lan0,X=1,LOCAL_ADDRESS=x,LOCAL_ADDRESS=y lan0",
                     "LOCAL_GATEWAY6=x",
                     "LOCAL_GATEWAY=x",
                     "HOST_BRIDGE=/",
                     "LOCAL_MAC_ADDRESS=x",
                     "LOCAL_ADDRESS6=x",
                     "LOCAL_ADDRESS=x",
                     "HOST_ADDRESS6=x",
                     "HOST_ADDRESS=x",
                     "INSTANCE=/"});
  CHECK(lines ==
        Lines{
            fault(R"(INSTANCE="/": not valid)", kMachine),
            fault(R"(HOST_ADDRESS="x": not an IPv4 address)", kIpv4),
            fault(R"(HOST_ADDRESS6="x": not an IPv6 address)", kIpv6),
            fault(R"(LOCAL_ADDRESS="x": not an IPv4 address)", kIpv4),
            fault(R"(LOCAL_ADDRESS6="x": not an IPv6 address)", kIpv6),
            fault(R"(LOCAL_MAC_ADDRESS="x": not six octets in hexadecimal)", kMac),
            fault(R"(HOST_BRIDGE="/": a character that is not allowed)", kLink),
            fault(R"(LOCAL_GATEWAY="x": not an IPv4 address)", kIpv4Gateway),
            fault(R"(LOCAL_GATEWAY6="x": not an IPv6 address)", kIpv6Gateway),
            fault(R"(EXTRA_VETHS="a:b:c": NAME or INNER is not valid)", kPair),
            fault(R"(EXTRA_VETHS: lan0: "X=1" is not a KEY=VALUE of an extra pair)", kKey),
            fault("EXTRA_VETHS: lan0: LOCAL_ADDRESS is given twice", kOnce),
            fault(R"(EXTRA_VETHS: lan0: LOCAL_ADDRESS="x": not an IPv4 address)", kIpv4),
            fault(R"(WAIT_CARRIER="x": not a number of seconds from 0 to 86400)", kSeconds),
            fault(R"(EXTRA_VETHS: "lan0" is the name of another link on the host)", kDiffer),
            exclusion("HOST_ADDRESS"),
            exclusion("HOST_ADDRESS6"),
            exclusion("LOCAL_ADDRESS"),
            exclusion("LOCAL_ADDRESS6"),
            exclusion("LOCAL_GATEWAY"),
            exclusion("LOCAL_GATEWAY6"),
            exclusion("LOCAL_MAC_ADDRESS"),
            exclusion("HOST_BRIDGE"),
            exclusion("EXTRA_VETHS"),
            exclusion("HOST_PORT"),
            fault(R"(root="x": not valid)", kPath),
            fault(R"(PRIVATE_NETWORK="x": neither 1 nor 0)", kFlag),
            fault(R"(PRIVATE_USERS="x": not valid)", kUsers),
            fault(R"(NETWORK_NAMESPACE_PATH="x": not valid)", kPath),
            fault(R"(HOST_PORT="x": not valid)", kPort),
            fault(R"(HOST_PORT="y": not valid)", kPort),
            fault(R"(INTERFACES="/": not valid)", kLinkPair),
            fault(R"(MACVLANS="/": not valid)", kLinkPair),
            fault(R"(MACVLANS=":": not valid)", kLinkPair),
            fault(R"(CAPABILITIES="-": not valid)", kCapability),
            fault(R"(CAPABILITIES="+": not valid)", kCapability),
            fault(R"(TMPFS="x": not valid)", kTmpfs),
            fault(R"(TMPFS="y": not valid)", kTmpfs),
            fault(R"(EPHEMERAL="x": neither 1 nor 0)", kFlag),
            fault(R"(SYSTEM_PATH="x": not valid)", kPath),
            fault(R"(STAGE2="x": not valid)", kPath),
            fault(R"(COPY_RESOLV_CONF="x": neither 1 nor 0)", kFlag),
            fault(R"(KILL_SIGNAL="x": not valid)", kSignal),
            fault(R"(DEVICE_TIMEOUT="x": not a number of seconds from 0 to 86400)", kSeconds),
            fault(R"(LITERAL_NSPAWN_FLAGS="x": neither 1 nor 0)", kFlag),
            fault(R"(EXTRA_NSPAWN_FLAGS="'": the single quote at character 1 is not closed)",
                  kQuoted),
            fault(R"(RELOAD_COMMAND="x": not an absolute path)", kCommand),
        });
}

TEST_CASE("an empty environment configures nothing") {
  const Network network = parse_network(Environment(Assignments{}));
  CHECK_FALSE(network.pair);
  CHECK(network.extra_pairs.empty());
  CHECK(network.wait_carrier == 0s);
}

TEST_CASE("what is not set has its default") {
  const Config config = web({});
  CHECK(config.instance == "web");
  CHECK_FALSE(config.network.pair);
  CHECK(config.network.extra_pairs.empty());
  CHECK(config.root.empty());
  CHECK_FALSE(config.private_network);
  CHECK(config.private_users.empty());
  CHECK(config.network_namespace_path.empty());
  CHECK(config.host_ports.empty());
  CHECK(config.interfaces.empty());
  CHECK(config.macvlans.empty());
  CHECK(config.capabilities.empty());
  CHECK(config.tmpfs.empty());
  CHECK_FALSE(config.ephemeral);
  CHECK(config.system_path.empty());
  CHECK(config.stage2.empty());
  CHECK(config.copy_resolv_conf);
  CHECK(config.flake.empty());
  CHECK(config.kill_signal.empty());
  CHECK(config.device_timeout == 10s);
  CHECK(config.extra_nspawn_flags.empty());
}

TEST_CASE("empty is the same as not set") {
  const Config config = web({"HOST_ADDRESS=",
                             "HOST_ADDRESS6=",
                             "LOCAL_ADDRESS=",
                             "LOCAL_ADDRESS6=",
                             "LOCAL_GATEWAY=",
                             "LOCAL_GATEWAY6=",
                             "LOCAL_MAC_ADDRESS=",
                             "HOST_BRIDGE=",
                             "EXTRA_VETHS=",
                             "WAIT_CARRIER=",
                             "root=",
                             "PRIVATE_NETWORK=",
                             "PRIVATE_USERS=",
                             "NETWORK_NAMESPACE_PATH=",
                             "HOST_PORT=",
                             "INTERFACES=",
                             "MACVLANS=",
                             "CAPABILITIES=",
                             "TMPFS=",
                             "EPHEMERAL=",
                             "SYSTEM_PATH=",
                             "STAGE2=",
                             "COPY_RESOLV_CONF=",
                             "FLAKE=",
                             "KILL_SIGNAL=",
                             "DEVICE_TIMEOUT=",
                             "EXTRA_NSPAWN_FLAGS=",
                             "LITERAL_NSPAWN_FLAGS="});
  CHECK_FALSE(config.network.pair);
  CHECK(config.network.extra_pairs.empty());
  CHECK(config.host_ports.empty());
  CHECK(config.capabilities.empty());
  CHECK(config.copy_resolv_conf);
  CHECK(config.device_timeout == 10s);
}

TEST_CASE("every variable of the main pair is read") {
  const Config config =
      web({"HOST_ADDRESS=10.0.0.1", "HOST_ADDRESS6=FD00::1/64", "LOCAL_ADDRESS=10.0.0.2/24",
           "LOCAL_ADDRESS6=fd00::2", "LOCAL_GATEWAY=10.0.0.254", "LOCAL_GATEWAY6=fe80::1",
           "LOCAL_MAC_ADDRESS=02:00:00:00:00:0A", "HOST_BRIDGE=br0", "MTU=1280", "WAIT_CARRIER=5"});
  REQUIRE(config.network.pair);
  const Pair& pair = *config.network.pair;
  CHECK(pair.host_link == "vb-web");
  CHECK(pair.container_link == "eth0");
  CHECK(text_of(pair.ipv4.host) == "10.0.0.1/32");
  CHECK(text_of(pair.ipv6.host) == "fd00::1/64");
  CHECK(text_of(pair.ipv4.local) == "10.0.0.2/24");
  CHECK(text_of(pair.ipv6.local) == "fd00::2/128");
  CHECK(text_of(pair.ipv4.gateway) == "10.0.0.254");
  CHECK(text_of(pair.ipv6.gateway) == "fe80::1");
  CHECK(text_of(pair.local_mac_address) == "02:00:00:00:00:0a");
  CHECK(pair.bridge == "br0");
  CHECK(pair.mtu == 1280);
  CHECK(config.network.wait_carrier == 5s);
}

TEST_CASE("each variable of the main pair alone asks for it") {
  for (const auto assignment : kExcluded) {
    CAPTURE(assignment);
    const bool is_main = !assignment.starts_with("EXTRA_VETHS");
    CHECK(parse_network(Environment({assignment})).pair.has_value() == is_main);
  }
}

TEST_CASE("the host's end is named after the container, where its name is known") {
  CHECK(web({"LOCAL_ADDRESS=10.0.0.2"}).network.pair->host_link == "ve-web");
  CHECK(web({"HOST_BRIDGE=br0"}).network.pair->host_link == "vb-web");
  const Environment environment({"INSTANCE=web", "HOST_BRIDGE=br0"});
  CHECK(parse_host_network(environment).pair->host_link == "vb-web");
  CHECK(parse_network(environment).pair->host_link.empty());
}

TEST_CASE("every key of an extra pair is read") {
  const Network network = parse_network(
      Environment({"EXTRA_VETHS= lan0:inner,HOST_ADDRESS=10.0.0.1/24,HOST_ADDRESS6=fd00::1,"
                   "LOCAL_ADDRESS=10.0.0.2,LOCAL_ADDRESS6=fd00::2/64,"
                   "LOCAL_MAC_ADDRESS=02:00:00:00:00:01,HOST_BRIDGE=br0,MTU=9000\n\tlan1 "}));
  CHECK_FALSE(network.pair);
  REQUIRE(network.extra_pairs.size() == 2);
  const Pair& full = network.extra_pairs[0];
  CHECK(full.host_link == "lan0");
  CHECK(full.container_link == "inner");
  CHECK(text_of(full.ipv4.host) == "10.0.0.1/24");
  CHECK(text_of(full.ipv6.host) == "fd00::1/128");
  CHECK(text_of(full.ipv4.local) == "10.0.0.2/32");
  CHECK(text_of(full.ipv6.local) == "fd00::2/64");
  CHECK_FALSE(full.ipv4.gateway);
  CHECK_FALSE(full.ipv6.gateway);
  CHECK(text_of(full.local_mac_address) == "02:00:00:00:00:01");
  CHECK(full.bridge == "br0");
  CHECK(full.mtu == 9000);

  const Pair& bare = network.extra_pairs[1];
  CHECK(bare.host_link == "lan1");
  CHECK(bare.container_link == "lan1");
  CHECK_FALSE(bare.ipv4.host);
  CHECK_FALSE(bare.ipv6.local);
  CHECK_FALSE(bare.local_mac_address);
  CHECK(bare.bridge.empty());
  CHECK(bare.mtu == 0);
}

TEST_CASE("an MTU is too small for IPv6 only where the pair has IPv6") {
  for (const auto ipv6 :
       {"HOST_ADDRESS6=fd00::1", "LOCAL_ADDRESS6=fd00::2", "LOCAL_GATEWAY6=fd00::3",
        "HOST_ADDRESS=fd00::1", "LOCAL_ADDRESS=fd00::2", "LOCAL_GATEWAY=fd00::3"}) {
    CAPTURE(ipv6);
    const auto parse = [=](std::string_view mtu) {
      return caught_from([=] { parse_network(Environment({ipv6, mtu})); }).lines;
    };
    CHECK(parse("MTU=1279") ==
          std::vector{
              fault(R"(MTU="1279": too small for IPv6, of which the pair has an address)", kMtu)});
    CHECK(parse("MTU=1280").empty());
  }
  CHECK(web({"LOCAL_ADDRESS=10.0.0.2", "MTU=68"}).network.pair->mtu == 68);
  CHECK(web({"LOCAL_ADDRESS6=fd00::2", "EXTRA_VETHS=lan0,MTU=1279"})
            .network.extra_pairs.front()
            .mtu == 1279);
  CHECK(web({"MTU=65535"}).network.pair->mtu == 65535);
}

TEST_CASE("an empty key of an extra pair is not set") {
  const Network network =
      parse_network(Environment({"EXTRA_VETHS=lan0,HOST_ADDRESS=,HOST_BRIDGE="}));
  REQUIRE(network.extra_pairs.size() == 1);
  CHECK_FALSE(network.extra_pairs[0].ipv4.host);
  CHECK(network.extra_pairs[0].bridge.empty());
}

TEST_CASE("every variable of the host's programs is read") {
  const Config config = web(
      {"root=/var/lib/machines/web", "PRIVATE_NETWORK=1", "PRIVATE_USERS=pick",
       "HOST_PORT=tcp:8080:80,53", "INTERFACES= a  b:c\n", "MACVLANS=d\te:f",
       "CAPABILITIES=CAP_KILL,all", "TMPFS=/tmp /var:size=1M", "EPHEMERAL=1",
       "SYSTEM_PATH=/nix/store/x", "STAGE2=/init", "COPY_RESOLV_CONF=0", "FLAKE=github:a/b#c d",
       "KILL_SIGNAL=SIGTERM", "DEVICE_TIMEOUT=0", "EXTRA_NSPAWN_FLAGS=--bind='/a b' -E \"c d\""});
  CHECK(config.root == "/var/lib/machines/web");
  CHECK(config.private_network);
  CHECK(config.private_users == "pick");
  CHECK(web({"NETWORK_NAMESPACE_PATH=/run/netns/a"}).network_namespace_path == "/run/netns/a");
  CHECK(config.host_ports == Lines{"tcp:8080:80", "53"});
  CHECK(config.interfaces == Lines{"a", "b:c"});
  CHECK(config.macvlans == Lines{"d", "e:f"});
  CHECK(config.capabilities == Lines{"CAP_KILL", "all"});
  CHECK(config.tmpfs == Lines{"/tmp", "/var:size=1M"});
  CHECK(config.ephemeral);
  CHECK(config.system_path == "/nix/store/x");
  CHECK(config.stage2 == "/init");
  CHECK_FALSE(config.copy_resolv_conf);
  CHECK(config.flake == "github:a/b#c d");
  CHECK(config.kill_signal == "SIGTERM");
  CHECK(config.device_timeout == 0s);
  CHECK(config.extra_nspawn_flags == Lines{"--bind=/a b", "-E", "c d"});
}

TEST_CASE("literal flags are split at white space, and a quote in them is a character") {
  const std::string flags = R"(EXTRA_NSPAWN_FLAGS= --bind='/a  -Eb" --bind c\:d)";
  const Config config = web({"LITERAL_NSPAWN_FLAGS=1", flags});
  CHECK(config.extra_nspawn_flags == Lines{"--bind='/a", "-Eb\"", "--bind", "c\\:d"});
  CHECK(web_faults({"LITERAL_NSPAWN_FLAGS=0", flags}).size() == 1);
}

TEST_CASE("values that are accepted") {
  for (const auto* assignment : {"root=/",
                                 "PRIVATE_NETWORK=0",
                                 "EPHEMERAL=0",
                                 "COPY_RESOLV_CONF=1",
                                 "PRIVATE_USERS=no",
                                 "PRIVATE_USERS=identity",
                                 "PRIVATE_USERS=0",
                                 "PRIVATE_USERS=4294901759",
                                 "HOST_PORT=1",
                                 "HOST_PORT=65535:65535",
                                 "HOST_PORT=udp:53",
                                 "HOST_PORT=tcp:80:80,udp:53:53",
                                 "CAPABILITIES=cap_sys_admin",
                                 "KILL_SIGNAL=TERM",
                                 "KILL_SIGNAL=SIGHUP",
                                 "KILL_SIGNAL=SYS",
                                 "KILL_SIGNAL=SIGRTMIN",
                                 "KILL_SIGNAL=RTMAX",
                                 "KILL_SIGNAL=SIGRTMIN+0",
                                 "KILL_SIGNAL=RTMIN+30",
                                 "KILL_SIGNAL=SIGRTMAX-30",
                                 "KILL_SIGNAL=1",
                                 "KILL_SIGNAL=64",
                                 "DEVICE_TIMEOUT=86400",
                                 "EXTRA_NSPAWN_FLAGS= ",
                                 "INTERFACES= ",
                                 "EXTRA_VETHS= \t\n",
                                 "HOST_ADDRESS=10.0.0.0/31",
                                 "HOST_ADDRESS=10.0.0.0",
                                 "LOCAL_ADDRESS=10.0.0.255",
                                 "LOCAL_ADDRESS=10.0.0.255/16",
                                 "HOST_ADDRESS6=fd00::/64",
                                 "LOCAL_ADDRESS6=fd00::/127",
                                 "LOCAL_ADDRESS6=fd00::",
                                 "LOCAL_ADDRESS6=fe80::2/64",
                                 "FLAKE=\xff"}) {
    CAPTURE(assignment);
    CHECK(web_faults(with_own_network(assignment)).empty());
  }
}

TEST_CASE("ports need a network of the container's own") {
  const Lines lines{
      "HOST_PORT is set, and the container shares the host's network; wanted: addresses, a "
      "bridge or PRIVATE_NETWORK=1 with it"};
  CHECK(web_faults({"HOST_PORT=80"}) == lines);
  CHECK(web_faults({"HOST_PORT=80", "EXTRA_NSPAWN_FLAGS=--bind=/a"}) == lines);
  for (const auto* own :
       {"PRIVATE_NETWORK=1", "LOCAL_ADDRESS=10.0.0.2", "HOST_BRIDGE=br0", "EXTRA_VETHS=a",
        "INTERFACES=a", "MACVLANS=a", "EXTRA_NSPAWN_FLAGS=--bind=/a --network-zone=z",
        "EXTRA_NSPAWN_FLAGS=-qn", "EXTRA_NSPAWN_FLAGS=--private-net"}) {
    CAPTURE(own);
    CHECK(web_faults({"HOST_PORT=80", own}).empty());
  }
}

TEST_CASE("which variables give a container a network of its own") {
  const std::vector<std::pair<std::string_view, bool>> rows{
      {"", false},
      {"PRIVATE_NETWORK=0", false},
      {"PRIVATE_USERS=pick", false},
      {"PRIVATE_NETWORK=1", true},
      {"LOCAL_ADDRESS=10.0.0.2", true},
      {"HOST_BRIDGE=br0", true},
      {"LOCAL_MAC_ADDRESS=02:00:00:00:00:01", true},
      {"EXTRA_VETHS=lan0", true},
      {"NETWORK_NAMESPACE_PATH=/a", true},
      {"INTERFACES=a", true},
      {"MACVLANS=a", true},
  };
  for (const auto& [assignment, is_private] : rows) {
    CAPTURE(assignment);
    CHECK(has_private_network(web({assignment})) == is_private);
  }
}

TEST_CASE("that the host's network is asked for in vain is a warning") {
  const auto warning = [](std::string_view name) {
    return Lines{fmt::format(
        "PRIVATE_NETWORK=0 has no effect: {} gives the container a network of its own", name)};
  };
  for (const std::string_view own :
       {"HOST_ADDRESS=10.0.0.1", "LOCAL_ADDRESS6=fd00::2", "HOST_BRIDGE=br0", "MTU=1500",
        "EXTRA_VETHS=lan0", "INTERFACES=a", "MACVLANS=a", "NETWORK_NAMESPACE_PATH=/a"}) {
    CAPTURE(own);
    CHECK(web({"PRIVATE_NETWORK=0", own}).warnings == warning(name_of(own)));
    CHECK(web({"PRIVATE_NETWORK=1", own}).warnings.empty());
    CHECK(web({own}).warnings.empty());
  }
  for (const std::string_view shared : {"", "INTERFACES=", "INTERFACES= ", "CAPABILITIES=all"}) {
    CAPTURE(shared);
    CHECK(web({"PRIVATE_NETWORK=0", shared}).warnings.empty());
  }
}

TEST_CASE("that the values of the unit are emptied is a warning") {
  CHECK(
      web({"PRIVATE_NETWORK=", "PRIVATE_USERS="}).warnings ==
      Lines{"PRIVATE_NETWORK is empty, so the container shares the host's network; wanted: 1 or 0",
            "PRIVATE_USERS is empty, so root of the container is root of the host; wanted: pick "
            "or no"});
  CHECK(web({"PRIVATE_NETWORK=", "LOCAL_ADDRESS=10.0.0.2"}).warnings.empty());
  CHECK(web({"PRIVATE_NETWORK=1", "PRIVATE_NETWORK=", "PRIVATE_USERS=no"}).warnings.empty());
}

TEST_CASE("a signal has its name with SIG or without") {
  for (const std::string name :
       {"HUP",  "INT",  "QUIT", "ILL",    "TRAP", "ABRT", "BUS",   "FPE",  "KILL",  "USR1", "SEGV",
        "USR2", "PIPE", "ALRM", "TERM",   "CHLD", "CONT", "STOP",  "TSTP", "TTIN",  "TTOU", "URG",
        "XCPU", "XFSZ", "PROF", "VTALRM", "IO",   "PWR",  "WINCH", "SYS",  "RTMIN", "RTMAX"}) {
    CAPTURE(name);
    CHECK(web({"KILL_SIGNAL=" + name}).kill_signal == name);
    CHECK(web({"KILL_SIGNAL=SIG" + name}).kill_signal == "SIG" + name);
  }
}

TEST_CASE("signals that are refused") {
  for (const auto* signal : {"SIG", "SIGSIGTERM", "term", "SIG15", "65", "-1", "RTMIN-1", "RTMAX+1",
                             "RTMAX-31", "RTMIN+", "RTMIN+x", "SIGTERM "}) {
    CAPTURE(signal);
    CHECK(web_faults({std::string("KILL_SIGNAL=") + signal}).size() == 1);
  }
}

TEST_CASE("if a variable is there twice, the first one counts") {
  const Config config =
      web({"INSTANCE=db", "LOCAL_ADDRESS=10.0.0.2", "LOCAL_ADDRESS=x", "STAGE2=", "STAGE2=/init"});
  CHECK(config.instance == "web");
  CHECK(text_of(config.network.pair->ipv4.local) == "10.0.0.2/32");
  CHECK(config.stage2.empty());
}

TEST_CASE("a misspelt variable is a fault of the programs that act on it") {
  const Lines address{fault(R"("HOST_ADRESS" is not a variable)", "HOST_ADDRESS")};
  CHECK(web_faults({"HOST_ADRESS=10.0.0.1"}) == address);
  CHECK(host_network_faults({"INSTANCE=web", "HOST_ADRESS=10.0.0.1"}) == address);
  CHECK(network_faults({"HOST_ADRESS=10.0.0.1"}).empty());

  const Lines command{fault(R"("RELOAD_COMAND" is not a variable)", "RELOAD_COMMAND")};
  CHECK(web_faults({"RELOAD_COMAND=/bin/true"}) == command);
  CHECK(host_network_faults({"INSTANCE=web", "RELOAD_COMAND=/bin/true"}).empty());

  CHECK(web_faults({"HOST_ADRESS=", "HOST_ADRESS", "host_address="}).empty());
  CHECK(web_faults({"ROOT=/srv/web", "root=/srv/web", "local_address=x", "Own=1"}) ==
        Lines{fault(R"("ROOT" is not a variable)", "root"),
              fault(R"("local_address" is not a variable)", "LOCAL_ADDRESS")});
  CHECK(web_faults({"HOST_ADDRESS\xff=x"}) ==
        Lines{fault(R"("HOST_ADDRESS\xff" is not a variable)", "HOST_ADDRESS")});
}

TEST_CASE("a huge value makes a short message") {
  const std::string huge(1 << 20, 'x');
  const std::string cut = '"' + std::string(80, 'x') + "\"...";
  struct Row {
    std::string start;
    std::string what;
    std::string_view wanted;
  };
  const std::vector<Row> rows{
      {"HOST_ADDRESS=", "HOST_ADDRESS=" + cut + ": not an IPv4 address", kIpv4},
      {"LOCAL_GATEWAY6=", "LOCAL_GATEWAY6=" + cut + ": not an IPv6 address", kIpv6Gateway},
      {"LOCAL_MAC_ADDRESS=", "LOCAL_MAC_ADDRESS=" + cut + ": not six octets in hexadecimal", kMac},
      {"HOST_BRIDGE=", "HOST_BRIDGE=" + cut + ": longer than 15 characters", kLink},
      {"EXTRA_VETHS=", "EXTRA_VETHS=" + cut + ": NAME or INNER is not valid", kPair},
      {"EXTRA_VETHS=lan0,", "EXTRA_VETHS: lan0: " + cut + " is not a KEY=VALUE of an extra pair",
       kKey},
      {"root=", "root=" + cut + ": not valid", kPath},
      {"HOST_PORT=", "HOST_PORT=" + cut + ": not valid", kPort},
      {"INTERFACES=", "INTERFACES=" + cut + ": not valid", kLinkPair},
      {"KILL_SIGNAL=", "KILL_SIGNAL=" + cut + ": not valid", kSignal},
      {"DEVICE_TIMEOUT=", "DEVICE_TIMEOUT=" + cut + ": not a number of seconds from 0 to 86400",
       kSeconds},
      {R"(EXTRA_NSPAWN_FLAGS=")",
       R"(EXTRA_NSPAWN_FLAGS="\")" + std::string(79, 'x') +
           R"("...: the double quote at character 1 is not closed)",
       kQuoted},
  };
  for (const auto& [start, what, wanted] : rows) {
    CAPTURE(start);
    CHECK(web_faults({start + huge}) == Lines{fault(what, wanted)});
  }
  CHECK(config_faults({"INSTANCE=" + huge}) ==
        Lines{fault("INSTANCE=" + cut + ": not valid", kMachine)});
}

TEST_CASE("bytes that are not printable ASCII do not reach a message") {
  constexpr auto rows = std::to_array<FaultRow>({
      {"HOST_BRIDGE=\xff\xfe", R"(HOST_BRIDGE="\xff\xfe": a character that is not allowed)", kLink},
      {"HOST_ADDRESS=10.0.0.1\n", R"(HOST_ADDRESS="10.0.0.1\x0a": not an IPv4 address)", kIpv4},
      {"EXTRA_VETHS=lan\xc3\xa9", R"(EXTRA_VETHS="lan\xc3\xa9": NAME or INNER is not valid)",
       kPair},
      {"EXTRA_VETHS=lan0,\x1b[0m=1",
       R"(EXTRA_VETHS: lan0: "\x1b[0m=1" is not a KEY=VALUE of an extra pair)", kKey},
      {"STAGE2=\x80", R"(STAGE2="\x80": not valid)", kPath},
      {"EXTRA_NSPAWN_FLAGS=\xff'",
       R"(EXTRA_NSPAWN_FLAGS="\xff'": the single quote at character 2 is not closed)", kQuoted},
  });
  for (const auto& [assignment, what, wanted] : rows) {
    CAPTURE(quote(assignment));
    CHECK(web_faults({assignment}) == Lines{fault(what, wanted)});
  }
}

TEST_CASE("a machine name is one that machined takes") {
  const std::string longest(64, 'a');
  for (const std::string_view name : {"a"sv, "web"sv, "Web-1"sv, "a.b.c"sv, "0"sv, "a--b"sv,
                                      "1.2"sv, "localhost"sv, std::string_view(longest)}) {
    CAPTURE(name);
    CHECK(is_machine_name(name));
  }
  for (const std::string_view name :
       {""sv,    "."sv,   ".."sv,   ".a"sv,   "a."sv,  "a..b"sv,     "-"sv,
        "-a"sv,  "a-"sv,  "a-.b"sv, "a.-b"sv, "a/b"sv, "a b"sv,      "a\n"sv,
        "a@b"sv, "a:b"sv, "x_y"sv,  "_"sv,    "a\0"sv, "\xc3\xa9"sv, "../a"sv}) {
    CAPTURE(quote(name));
    CHECK_FALSE(is_machine_name(name));
  }
  CHECK_FALSE(is_machine_name(longest + 'a'));
}
