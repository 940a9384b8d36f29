// SPDX-License-Identifier: MIT
#include "common/network/plan.h"

#include <algorithm>
#include <array>
#include <set>

#include "common/config/assignments.h"
#include "common/config/config.h"
#include "tests/unit/catch.h"
#include "tests/unit/values.h"

using namespace container_init;

namespace {

using Assignments = std::vector<std::string_view>;
using Texts = std::vector<std::string>;

Texts commands_of(const Plan& plan) {
  Texts commands;
  for (const Operation& operation : plan) commands.push_back(ip_command(operation));
  return commands;
}

Plan container_plan(const Assignments& assignments) {
  return make_container_plan(parse_network(Environment(assignments)));
}

Plan host_plan(Assignments assignments) {
  assignments.push_back("INSTANCE=web");
  return make_host_plan(parse_host_network(Environment(std::move(assignments))));
}

// What must hold for every plan

template <typename Concrete>
std::vector<Concrete> all(const Plan& plan) {
  std::vector<Concrete> found;
  for (const Operation& operation : plan)
    if (const auto* concrete = std::get_if<Concrete>(&operation)) found.push_back(*concrete);
  return found;
}

bool is_unique(Texts texts) {
  std::sort(texts.begin(), texts.end());
  return std::adjacent_find(texts.begin(), texts.end()) == texts.end();
}

// Every other operation is on a link that was brought up before, under the name it then has.
bool links_are_up_first(const Plan& plan) {
  std::set<std::string> up;
  for (const Operation& operation : plan) {
    if (const auto* set = std::get_if<SetLink>(&operation)) {
      up.insert(set->new_name.empty() ? set->link : set->new_name);
    } else if (!std::visit([&](const auto& other) { return up.contains(other.link); }, operation)) {
      return false;
    }
  }
  return true;
}

// The operation makes the address a neighbour on the link.
bool puts_on_link(const Operation& operation, const Address& address) {
  if (const auto* added = std::get_if<AddAddress>(&operation))
    return added->address.contains(address);
  const auto* added = std::get_if<AddRoute>(&operation);
  return added && !added->gateway && added->destination.contains(address);
}

bool is_on_link(std::span<const Operation> plan, const Address& address) {
  return std::any_of(plan.begin(), plan.end(),
                     [&](const auto& operation) { return puts_on_link(operation, address); });
}

// A route of our own, as the one that the kernel makes with an address may be there on other links.
bool is_routed(const Plan& plan, const Address& address) {
  return std::any_of(plan.begin(), plan.end(), [&](const auto& operation) {
    return std::holds_alternative<AddRoute>(operation) && puts_on_link(operation, address);
  });
}

bool gateways_are_on_link_first(const Plan& plan) {
  for (std::size_t i = 0; i < plan.size(); ++i) {
    const auto* route = std::get_if<AddRoute>(&plan[i]);
    if (route && route->gateway && !route->gateway->is_link_local() &&
        !is_on_link(std::span(plan).first(i), *route->gateway))
      return false;
  }
  return true;
}

// The kernel makes a route to the network of each address by itself.
Texts all_destinations(const Plan& plan) {
  Texts destinations;
  for (const AddRoute& route : all<AddRoute>(plan))
    destinations.push_back(to_string(route.destination));
  for (const AddAddress& added : all<AddAddress>(plan))
    if (!added.address.is_host()) destinations.push_back(to_string(added.address.network()));
  return destinations;
}

bool host_bits_are_clear(const Plan& plan) {
  const auto routes = all<AddRoute>(plan);
  return std::all_of(routes.begin(), routes.end(), [](const AddRoute& route) {
    return route.destination == route.destination.network();
  });
}

void check_any_plan(const Plan& plan) {
  CHECK(is_unique(commands_of(plan)));
  CHECK(is_unique(all_destinations(plan)));
  CHECK(host_bits_are_clear(plan));
  CHECK(links_are_up_first(plan));
  CHECK(gateways_are_on_link_first(plan));
}

// What must hold for the plans of a main pair

Texts texts_of(std::initializer_list<std::optional<Prefix>> prefixes) {
  Texts texts;
  for (const auto& prefix : prefixes)
    if (prefix) texts.push_back(to_string(*prefix));
  return texts;
}

Texts addresses_of(const Plan& plan) {
  Texts addresses;
  for (const AddAddress& added : all<AddAddress>(plan))
    addresses.push_back(to_string(added.address));
  return addresses;
}

Texts default_gateways_of(const Plan& plan, Family family) {
  Texts gateways;
  for (const AddRoute& route : all<AddRoute>(plan))
    if (route.destination.address.family == family && route.destination.length == 0)
      gateways.push_back(route.gateway ? to_string(*route.gateway) : "none");
  return gateways;
}

Texts expected_gateways(const FamilyConfig& family) {
  if (family.gateway) return {to_string(*family.gateway)};
  if (family.host) return {to_string(family.host->address)};
  return {};
}

std::size_t count_gateways(const Plan& plan) {
  const auto routes = all<AddRoute>(plan);
  return static_cast<std::size_t>(
      std::count_if(routes.begin(), routes.end(),
                    [](const AddRoute& route) { return route.gateway.has_value(); }));
}

void check_container_plan(const Plan& plan, const Pair& pair) {
  check_any_plan(plan);
  REQUIRE(all<SetLink>(plan).size() == 1);
  CHECK(ip_command(plan.front()) ==
        (pair.local_mac_address ? "ip link set dev host0 name eth0 address 02:00:00:00:00:01 up"
                                : "ip link set dev host0 name eth0 up"));
  CHECK(all<DeleteLink>(plan).empty());
  CHECK(addresses_of(plan) == texts_of({pair.ipv4.local, pair.ipv6.local}));
  CHECK(default_gateways_of(plan, Family::ipv4) == expected_gateways(pair.ipv4));
  CHECK(default_gateways_of(plan, Family::ipv6) == expected_gateways(pair.ipv6));
  CHECK(count_gateways(plan) ==
        expected_gateways(pair.ipv4).size() + expected_gateways(pair.ipv6).size());
  if (pair.ipv4.host) CHECK(is_routed(plan, pair.ipv4.host->address));
  if (pair.ipv6.host) CHECK(is_routed(plan, pair.ipv6.host->address));
}

void check_host_plan(const Plan& plan, const Pair& pair) {
  check_any_plan(plan);
  REQUIRE(all<SetLink>(plan).size() == 1);
  CHECK(all<SetLink>(plan).front().distrusts_peer == pair.bridge.empty());
  if (!pair.bridge.empty()) {
    CHECK(commands_of(plan) == Texts{"ip link set dev vb-web master br0 up"});
    return;
  }
  CHECK(ip_command(plan.front()) == "ip link set dev ve-web up");
  CHECK(all<DeleteLink>(plan).empty());
  CHECK(addresses_of(plan) == texts_of({pair.ipv4.host, pair.ipv6.host}));
  CHECK(count_gateways(plan) == 0);
  if (pair.ipv4.local) CHECK(is_routed(plan, pair.ipv4.local->address));
  if (pair.ipv6.local) CHECK(is_routed(plan, pair.ipv6.local->address));
}

// Values for all variables of the main pair.
struct Values {
  std::string_view name;
  std::array<std::string_view, 8> assignments;
};

constexpr std::string_view kMac = "LOCAL_MAC_ADDRESS=02:00:00:00:00:01";
constexpr std::string_view kBridge = "HOST_BRIDGE=br0";

constexpr auto kValues = std::to_array<Values>({
    {"single addresses",
     {"HOST_ADDRESS=10.0.0.1", "HOST_ADDRESS6=fd00::1", "LOCAL_ADDRESS=10.0.0.2",
      "LOCAL_ADDRESS6=fd00::2", "LOCAL_GATEWAY=10.0.0.254", "LOCAL_GATEWAY6=fd00::fe", kMac,
      kBridge}},
    {"one network",
     {"HOST_ADDRESS=10.0.0.1/24", "HOST_ADDRESS6=fd00::1/64", "LOCAL_ADDRESS=10.0.0.2/24",
      "LOCAL_ADDRESS6=fd00::2/64", "LOCAL_GATEWAY=10.0.0.254", "LOCAL_GATEWAY6=fd00::fe", kMac,
      kBridge}},
    {"two networks and a gateway in neither",
     {"HOST_ADDRESS=10.0.0.1/24", "HOST_ADDRESS6=fd00::1/64", "LOCAL_ADDRESS=10.0.1.2/24",
      "LOCAL_ADDRESS6=fd00:0:0:1::2/64", "LOCAL_GATEWAY=192.0.2.1", "LOCAL_GATEWAY6=2001:db8::1",
      kMac, kBridge}},
    {"the host as gateway, of a network with the container",
     {"HOST_ADDRESS=10.0.0.1", "HOST_ADDRESS6=fd00::1", "LOCAL_ADDRESS=10.0.0.2/24",
      "LOCAL_ADDRESS6=fd00::2/64", "LOCAL_GATEWAY=10.0.0.1", "LOCAL_GATEWAY6=fd00::1", kMac,
      kBridge}},
    {"a network on the host's side alone, and link-local gateways",
     {"HOST_ADDRESS=10.0.0.1/24", "HOST_ADDRESS6=fe80::1", "LOCAL_ADDRESS=10.0.0.2",
      "LOCAL_ADDRESS6=fd00::2/64", "LOCAL_GATEWAY=10.0.0.254", "LOCAL_GATEWAY6=fe80::fe", kMac,
      kBridge}},
});

Assignments chosen(const Values& values, unsigned combination) {
  Assignments assignments;
  for (std::size_t i = 0; i < values.assignments.size(); ++i)
    if (combination >> i & 1) assignments.push_back(values.assignments[i]);
  return assignments;
}

// What the plans are, literally

struct Case {
  std::string_view name;
  Assignments assignments;
  Texts container;
  Texts host;
};

std::vector<Case> cases() {
  return {
      {"nothing", {}, {}, {}},
      {"IPv4, single addresses",
       {"HOST_ADDRESS=10.0.0.1", "LOCAL_ADDRESS=10.0.0.2"},
       {"ip link set dev host0 name eth0 up", "ip address add 10.0.0.2/32 dev eth0",
        "ip route add 10.0.0.1 dev eth0", "ip route add default via 10.0.0.1 dev eth0"},
       {"ip link set dev ve-web up", "ip address add 10.0.0.1/32 dev ve-web",
        "ip route add 10.0.0.2 dev ve-web"}},
      {"IPv6, single addresses",
       {"HOST_ADDRESS6=fd00::1", "LOCAL_ADDRESS6=fd00::2"},
       {"ip link set dev host0 name eth0 up", "ip address add fd00::2/128 dev eth0 nodad",
        "ip route add fd00::1 dev eth0", "ip route add default via fd00::1 dev eth0"},
       {"ip link set dev ve-web up", "ip address add fd00::1/128 dev ve-web nodad",
        "ip route add fd00::2 dev ve-web"}},
      {"both families in one network",
       {"HOST_ADDRESS=10.0.0.1/24", "HOST_ADDRESS6=fd00::1/64", "LOCAL_ADDRESS=10.0.0.2/24",
        "LOCAL_ADDRESS6=fd00::2/64", "LOCAL_MAC_ADDRESS=02:00:00:00:00:01"},
       {"ip link set dev host0 name eth0 address 02:00:00:00:00:01 up",
        "ip address add 10.0.0.2/24 dev eth0", "ip address add fd00::2/64 dev eth0 nodad",
        "ip route add 10.0.0.1 dev eth0", "ip route add fd00::1 dev eth0",
        "ip route add default via 10.0.0.1 dev eth0", "ip route add default via fd00::1 dev eth0"},
       {"ip link set dev ve-web up", "ip address add 10.0.0.1/24 dev ve-web",
        "ip address add fd00::1/64 dev ve-web nodad", "ip route add 10.0.0.2 dev ve-web",
        "ip route add fd00::2 dev ve-web"}},
      {"two networks",
       {"HOST_ADDRESS=10.0.0.1/24", "LOCAL_ADDRESS=10.0.1.2/28"},
       {"ip link set dev host0 name eth0 up", "ip address add 10.0.1.2/28 dev eth0",
        "ip route add 10.0.0.0/24 dev eth0", "ip route add default via 10.0.0.1 dev eth0"},
       {"ip link set dev ve-web up", "ip address add 10.0.0.1/24 dev ve-web",
        "ip route add 10.0.1.0/28 dev ve-web"}},
      {"two networks of one length",
       {"HOST_ADDRESS=10.0.0.1/24", "LOCAL_ADDRESS=10.0.1.2/24"},
       {"ip link set dev host0 name eth0 up", "ip address add 10.0.1.2/24 dev eth0",
        "ip route add 10.0.0.0/24 dev eth0", "ip route add default via 10.0.0.1 dev eth0"},
       {"ip link set dev ve-web up", "ip address add 10.0.0.1/24 dev ve-web",
        "ip route add 10.0.1.0/24 dev ve-web"}},
      {"a bridge with gateways",
       {"HOST_BRIDGE=br0", "LOCAL_ADDRESS=10.0.0.2/24", "LOCAL_GATEWAY=10.0.0.254",
        "LOCAL_ADDRESS6=fd00::2/64", "LOCAL_GATEWAY6=fe80::1"},
       {"ip link set dev host0 name eth0 up", "ip address add 10.0.0.2/24 dev eth0",
        "ip address add fd00::2/64 dev eth0 nodad", "ip route add default via 10.0.0.254 dev eth0",
        "ip route add default via fe80::1 dev eth0"},
       {"ip link set dev vb-web master br0 up"}},
      {"a gateway outside of every network",
       {"LOCAL_ADDRESS=10.0.0.2/24", "LOCAL_GATEWAY=192.0.2.1"},
       {"ip link set dev host0 name eth0 up", "ip address add 10.0.0.2/24 dev eth0",
        "ip route add 192.0.2.1 dev eth0", "ip route add default via 192.0.2.1 dev eth0"},
       {"ip link set dev ve-web up", "ip route add 10.0.0.0/24 dev ve-web"}},
      {"a gateway instead of the host",
       {"HOST_ADDRESS=10.0.0.1", "LOCAL_ADDRESS=10.0.0.2", "LOCAL_GATEWAY=10.0.0.254"},
       {"ip link set dev host0 name eth0 up", "ip address add 10.0.0.2/32 dev eth0",
        "ip route add 10.0.0.1 dev eth0", "ip route add 10.0.0.254 dev eth0",
        "ip route add default via 10.0.0.254 dev eth0"},
       {"ip link set dev ve-web up", "ip address add 10.0.0.1/32 dev ve-web",
        "ip route add 10.0.0.2 dev ve-web"}},
      {"a MAC address alone",
       {"LOCAL_MAC_ADDRESS=02:00:00:00:00:01"},
       {"ip link set dev host0 name eth0 address 02:00:00:00:00:01 up"},
       {"ip link set dev ve-web up"}},
      {"an MTU is that of both ends, of each pair",
       {"MTU=1400", "HOST_BRIDGE=br0", "EXTRA_VETHS=lan0,MTU=9000 lan1"},
       {"ip link set dev host0 name eth0 mtu 1400 up", "ip link set dev lan0 mtu 9000 up",
        "ip link set dev lan1 up"},
       {"ip link set dev vb-web mtu 1400 master br0 up", "ip link set dev lan0 mtu 9000 up",
        "ip link set dev lan1 up"}},
      {"extra pairs alone get no default route",
       {"EXTRA_VETHS=lan0:inner,HOST_ADDRESS=10.1.0.1,LOCAL_ADDRESS=10.1.0.2/24,"
        "HOST_ADDRESS6=fd01::1,LOCAL_ADDRESS6=fd01::2,LOCAL_MAC_ADDRESS=02:00:00:00:00:02 "
        "lan1,HOST_BRIDGE=br1,LOCAL_ADDRESS=10.2.0.2/24 lan2"},
       {"ip link set dev inner address 02:00:00:00:00:02 up",
        "ip address add 10.1.0.2/24 dev inner", "ip address add fd01::2/128 dev inner nodad",
        "ip route add 10.1.0.1 dev inner", "ip route add fd01::1 dev inner",
        "ip link set dev lan1 up", "ip address add 10.2.0.2/24 dev lan1",
        "ip link set dev lan2 up"},
       {"ip link set dev lan0 up", "ip address add 10.1.0.1/32 dev lan0",
        "ip address add fd01::1/128 dev lan0 nodad", "ip route add 10.1.0.0/24 dev lan0",
        "ip route add fd01::2 dev lan0", "ip link set dev lan1 master br1 up",
        "ip link set dev lan2 up"}},
      {"the main pair comes before an extra one",
       {"EXTRA_VETHS=lan0,LOCAL_ADDRESS=10.1.0.2", "LOCAL_ADDRESS=10.0.0.2"},
       {"ip link set dev host0 name eth0 up", "ip address add 10.0.0.2/32 dev eth0",
        "ip link set dev lan0 up", "ip address add 10.1.0.2/32 dev lan0"},
       {"ip link set dev ve-web up", "ip route add 10.0.0.2 dev ve-web", "ip link set dev lan0 up",
        "ip route add 10.1.0.2 dev lan0"}},
  };
}

struct TextRow {
  Operation operation;
  std::string_view description;
  std::string_view command;
};

std::vector<TextRow> text_rows() {
  return {
      {SetLink{"eth0", {}, {}, {}}, "set link dev eth0 up", "ip link set dev eth0 up"},
      {SetLink{"host0", "eth0", mac_address("02:00:00:00:00:01"), "br0"},
       "set link dev host0 name eth0 address 02:00:00:00:00:01 master br0 up",
       "ip link set dev host0 name eth0 address 02:00:00:00:00:01 master br0 up"},
      {DeleteLink{"ve-web"}, "delete link dev ve-web", "ip link delete dev ve-web"},
      {AddAddress{"eth0", prefix("10.0.0.2")}, "add address 10.0.0.2/32 dev eth0",
       "ip address add 10.0.0.2/32 dev eth0"},
      {AddAddress{"eth0", prefix("fd00::2/64")}, "add address fd00::2/64 dev eth0 nodad",
       "ip address add fd00::2/64 dev eth0 nodad"},
      {AddRoute{"ve-web", prefix("10.0.0.2"), {}}, "add route 10.0.0.2 dev ve-web",
       "ip route add 10.0.0.2 dev ve-web"},
      {AddRoute{"ve-web", prefix("fd00::/64"), {}}, "add route fd00::/64 dev ve-web",
       "ip route add fd00::/64 dev ve-web"},
      {AddRoute{"eth0", Prefix{}, address("10.0.0.1")}, "add route default via 10.0.0.1 dev eth0",
       "ip route add default via 10.0.0.1 dev eth0"},
      {AddRoute{"eth0", prefix("10.1.0.0/16"), address("10.0.0.1")},
       "add route 10.1.0.0/16 via 10.0.0.1 dev eth0",
       "ip route add 10.1.0.0/16 via 10.0.0.1 dev eth0"},
  };
}

}  // namespace

TEST_CASE("the main pair is renamed where it does not have its name yet") {
  const Network network =
      parse_network(Environment({"LOCAL_ADDRESS=10.0.0.2", "LOCAL_MAC_ADDRESS=02:00:00:00:00:01"}));
  const Texts renamed{"ip link set dev host0 name eth0 address 02:00:00:00:00:01 up",
                      "ip address add 10.0.0.2/32 dev eth0"};
  CHECK(commands_of(make_container_plan(network)) == renamed);
  CHECK(commands_of(make_container_plan(network, "host0")) == renamed);
  CHECK(commands_of(make_container_plan(network, "eth0")) ==
        Texts{"ip link set dev eth0 address 02:00:00:00:00:01 up",
              "ip address add 10.0.0.2/32 dev eth0"});
}

TEST_CASE("an operation as text, for messages and as the command that does the same") {
  for (const auto& [operation, description, command] : text_rows()) {
    CHECK(describe(operation) == description);
    CHECK(ip_command(operation) == command);
  }
}

TEST_CASE("the plans of the container and of the host") {
  for (const Case& row : cases()) {
    CAPTURE(row.name);
    CHECK(commands_of(container_plan(row.assignments)) == row.container);
    CHECK(commands_of(host_plan(row.assignments)) == row.host);
  }
}

TEST_CASE("a link on the host gets its settings before it is up, by the kernel's name") {
  CHECK(ip_commands(host_plan({"EXTRA_VETHS=lan.0 lan1,HOST_BRIDGE=br0"})) ==
        "sysctl -w net/ipv4/conf/lan.0/accept_redirects=0\n"
        "sysctl -w net/ipv6/conf/lan.0/accept_ra=0\n"
        "sysctl -w net/ipv6/conf/lan.0/autoconf=0\n"
        "sysctl -w net/ipv6/conf/lan.0/accept_redirects=0\n"
        "ip link set dev lan.0 up\n"
        "ip link set dev lan1 master br0 up\n");
  const std::string long_name = "ve-really-long-name";
  CHECK(ip_commands({SetLink{long_name, {}, {}, {}, true}})
            .starts_with("sysctl -w net/ipv4/conf/ve-really-l3QgY/accept_redirects=0\n"));
}

TEST_CASE("a container's end keeps its settings") {
  for (const SetLink& set :
       all<SetLink>(container_plan({"HOST_ADDRESS=10.0.0.1", "EXTRA_VETHS=a"})))
    CHECK_FALSE(set.distrusts_peer);
}

TEST_CASE("every combination of variables makes plans that can work") {
  for (const Values& values : kValues) {
    for (unsigned combination = 0; combination < 256; ++combination) {
      const Assignments assignments = chosen(values, combination);
      CAPTURE(values.name, assignments);
      const auto pair = parse_network(Environment(assignments)).pair;
      REQUIRE(pair.has_value() == (combination != 0));
      if (pair) {
        check_container_plan(container_plan(assignments), *pair);
        check_host_plan(host_plan(assignments), *pair);
      }
    }
  }
}

TEST_CASE("an extra pair does not change the plan of the main one") {
  for (const Values& values : kValues) {
    Assignments assignments{values.assignments.begin(), values.assignments.end() - 1};
    Texts container = commands_of(container_plan(assignments));
    Texts host = commands_of(host_plan(assignments));
    assignments.push_back("EXTRA_VETHS=lan0,HOST_ADDRESS=10.9.0.1,LOCAL_ADDRESS=10.9.0.2");
    container.insert(container.end(),
                     {"ip link set dev lan0 up", "ip address add 10.9.0.2/32 dev lan0",
                      "ip route add 10.9.0.1 dev lan0"});
    host.insert(host.end(), {"ip link set dev lan0 up", "ip address add 10.9.0.1/32 dev lan0",
                             "ip route add 10.9.0.2 dev lan0"});
    CAPTURE(values.name);
    CHECK(commands_of(container_plan(assignments)) == container);
    CHECK(commands_of(host_plan(assignments)) == host);
  }
}

namespace {

// The commands that lead from the host's end of the first network to that of the last.
Texts change_of_host(const std::vector<Assignments>& before, const Assignments& wanted) {
  std::vector<Plan> plans;
  for (const Assignments& each : before) plans.push_back(host_plan(each));
  return commands_of(make_change_plan(plans, host_plan(wanted)));
}

Plan started_container_plan(const Assignments& assignments) {
  return make_container_plan(parse_network(Environment(assignments)), kContainerLink);
}

Texts change_of_container(const Assignments& before, const Assignments& wanted) {
  return commands_of(
      make_change_plan({started_container_plan(before)}, started_container_plan(wanted)));
}

}  // namespace

TEST_CASE("a change leaves alone what stays") {
  const Assignments one{"HOST_ADDRESS=10.0.0.1", "LOCAL_ADDRESS=10.0.0.2"};
  CHECK(change_of_host({one}, one).empty());
  CHECK(change_of_host({one}, {"HOST_ADDRESS=10.0.0.1", "LOCAL_ADDRESS=10.0.0.2",
                               "HOST_ADDRESS6=fd00::1", "LOCAL_ADDRESS6=fd00::2"}) ==
        Texts{"ip address add fd00::1/128 dev ve-web nodad", "ip route add fd00::2 dev ve-web"});
  CHECK(change_of_host(
            {{"HOST_ADDRESS=10.0.0.1", "LOCAL_ADDRESS=10.0.0.2", "HOST_ADDRESS6=fd00::1"}}, one) ==
        Texts{"ip address delete fd00::1/128 dev ve-web"});
}

TEST_CASE("an IPv4 address comes before the one that it replaces goes, and keeps the routes") {
  CHECK(change_of_host({{"HOST_ADDRESS=10.0.0.1", "LOCAL_ADDRESS=10.0.0.2"}},
                       {"HOST_ADDRESS=10.0.0.9", "LOCAL_ADDRESS=10.0.0.2"}) ==
        Texts{"ip address add 10.0.0.9/32 dev ve-web", "ip address delete 10.0.0.1/32 dev ve-web"});
}

TEST_CASE(
    "with an IPv4 address the kernel deletes others of its network and the last one's routes") {
  CHECK(change_of_host({{"HOST_ADDRESS=10.0.0.1/24", "LOCAL_ADDRESS=10.1.0.2"}},
                       {"HOST_ADDRESS=10.0.0.9/24", "LOCAL_ADDRESS=10.1.0.2"}) ==
        Texts{"ip address delete 10.0.0.1/24 dev ve-web", "ip address add 10.0.0.9/24 dev ve-web",
              "ip route add 10.1.0.2 dev ve-web"});
  CHECK(change_of_host({{"HOST_ADDRESS=10.0.0.1", "LOCAL_ADDRESS=10.1.0.2"}},
                       {"LOCAL_ADDRESS=10.1.0.2"}) ==
        Texts{"ip address delete 10.0.0.1/32 dev ve-web", "ip route add 10.1.0.2 dev ve-web"});
}

TEST_CASE("an IPv6 address with another length is deleted first") {
  CHECK(change_of_host({{"HOST_ADDRESS6=fd00::1"}}, {"HOST_ADDRESS6=fd00::1/64"}) ==
        Texts{"ip address delete fd00::1/128 dev ve-web",
              "ip address add fd00::1/64 dev ve-web nodad"});
}

TEST_CASE("routes go before addresses, the one by a gateway first") {
  CHECK(change_of_container({"HOST_ADDRESS=10.0.0.1", "LOCAL_ADDRESS=10.0.0.2"},
                            {"HOST_ADDRESS=10.0.0.9", "LOCAL_ADDRESS=10.0.0.2"}) ==
        Texts{"ip route delete default via 10.0.0.1 dev eth0", "ip route delete 10.0.0.1 dev eth0",
              "ip route add 10.0.0.9 dev eth0", "ip route add default via 10.0.0.9 dev eth0"});
}

TEST_CASE("of a link only what differs is set, and what is not set any more goes back") {
  CHECK(change_of_container({"LOCAL_MAC_ADDRESS=02:00:00:00:00:01", "MTU=1400"},
                            {"LOCAL_MAC_ADDRESS=02:00:00:00:00:02", "MTU=1400"}) ==
        Texts{"ip link set dev eth0 address 02:00:00:00:00:02 up"});
  CHECK(change_of_container({"HOST_BRIDGE=br0", "MTU=1400"}, {"HOST_BRIDGE=br0"}) ==
        Texts{"ip link set dev eth0 mtu 1500 up"});
  CHECK(change_of_host({{"HOST_BRIDGE=br0"}}, {"HOST_BRIDGE=br1"}) ==
        Texts{"ip link set dev vb-web master br1 up"});
  CHECK(change_of_host({{"EXTRA_VETHS=lan0,HOST_BRIDGE=br0,HOST_ADDRESS=10.0.0.1"}},
                       {"EXTRA_VETHS=lan0,HOST_ADDRESS=10.0.0.1"}) ==
        Texts{"ip link set dev lan0 nomaster up", "ip address add 10.0.0.1/32 dev lan0"});
}

TEST_CASE("a change that was made in part is completed, whatever was made of it") {
  const Assignments a{"HOST_ADDRESS=10.0.0.1", "LOCAL_ADDRESS=10.1.0.2"};
  const Assignments b{"HOST_ADDRESS=10.0.0.9", "LOCAL_ADDRESS=10.1.0.2"};
  const Texts completed{"ip address add 10.0.0.9/32 dev ve-web",
                        "ip address delete 10.0.0.1/32 dev ve-web"};
  CHECK(change_of_host({a, b}, b) == completed);
  CHECK(change_of_host({a, b}, a) ==
        Texts{"ip address add 10.0.0.1/32 dev ve-web", "ip address delete 10.0.0.9/32 dev ve-web"});
}

TEST_CASE("a network that is written as variables is read as it was") {
  for (const Assignments& assignments : std::vector<Assignments>{
           {},
           {"HOST_ADDRESS=10.0.0.1", "LOCAL_ADDRESS=10.0.0.2/24", "LOCAL_GATEWAY=10.0.0.9",
            "HOST_ADDRESS6=fd00::1/64", "LOCAL_ADDRESS6=fd00::2", "LOCAL_GATEWAY6=fe80::1",
            "LOCAL_MAC_ADDRESS=02:00:00:00:00:01", "MTU=1400"},
           {"HOST_BRIDGE=br0"},
           {"HOST_ADDRESS=fd00::1"},
           {"EXTRA_VETHS=lan0 lan1:eth1,HOST_ADDRESS=10.0.0.1,LOCAL_ADDRESS6=fd00::2/64,MTU=1280 "
            "lan2,HOST_BRIDGE=br0,LOCAL_MAC_ADDRESS=02:00:00:00:00:01"}}) {
    const auto read = [](Assignments all) {
      all.push_back("INSTANCE=web");
      return parse_host_network(Environment(std::move(all)));
    };
    const Network network = read(assignments);
    const auto written = assignments_of(network);
    CHECK(read({written.begin(), written.end()}) == network);
  }
}

TEST_CASE("a running container keeps its links, and has all else as wanted") {
  const auto read = [](Assignments all) {
    all.push_back("INSTANCE=web");
    return parse_host_network(Environment(std::move(all)));
  };
  const Network running =
      read({"HOST_ADDRESS=10.0.0.1", "LOCAL_MAC_ADDRESS=02:00:00:00:00:01", "EXTRA_VETHS=a b:in"});
  CHECK(with_same_links(running, read({"HOST_ADDRESS=10.0.0.9", "EXTRA_VETHS=b:in,MTU=1400 c"})) ==
        read({"HOST_ADDRESS=10.0.0.9", "LOCAL_MAC_ADDRESS=02:00:00:00:00:01",
              "EXTRA_VETHS=a b:in,MTU=1400"}));
  CHECK(with_same_links(running, read({"HOST_BRIDGE=br0", "EXTRA_VETHS=a,MTU=1400 b:other"})) ==
        read({"HOST_ADDRESS=10.0.0.1", "LOCAL_MAC_ADDRESS=02:00:00:00:00:01",
              "EXTRA_VETHS=a,MTU=1400 b:in"}));
  CHECK(with_same_links({}, running) == Network{});
}
