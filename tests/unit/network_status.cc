// SPDX-License-Identifier: MIT
#include "hooks/network_status.h"

#include <string>
#include <string_view>
#include <vector>

#include "common/config/environment.h"
#include "tests/unit/catch.h"

using namespace container_init;

namespace {

// systemctl(1) shows this much in 80 columns, with what it puts around it.
constexpr std::size_t kColumns = 66;

std::string status(std::vector<std::string_view> assignments) {
  assignments.insert(assignments.end(), {"INSTANCE=web", "root=/srv/web"});
  return describe_network(parse_config(Environment(std::move(assignments))));
}

constexpr std::string_view kHost = "HOST_ADDRESS=10.0.0.1", kLocal = "LOCAL_ADDRESS=10.0.0.2",
                           kHost6 = "HOST_ADDRESS6=fd00::1", kLocal6 = "LOCAL_ADDRESS6=fd00::2";

}  // namespace

TEST_CASE("both ends of a pair") {
  CHECK(status({kHost, kLocal, kHost6, kLocal6}) ==
        "ve-web 10.0.0.1 - eth0 10.0.0.2, fd00::1 - fd00::2");
  CHECK(status({kHost, kLocal}) == "ve-web 10.0.0.1 - eth0 10.0.0.2");
  CHECK(status({kHost6, kLocal6}) == "ve-web fd00::1 - eth0 fd00::2");
  CHECK(status({kHost, "LOCAL_ADDRESS=10.0.0.2/24"}) == "ve-web 10.0.0.1 - eth0 10.0.0.2/24");
  CHECK(status({kHost}) == "ve-web 10.0.0.1 - eth0");
  CHECK(status({"LOCAL_MAC_ADDRESS=02:00:00:00:00:01"}) == "ve-web - eth0");
}

TEST_CASE("the bridge of a pair") {
  CHECK(status({"HOST_BRIDGE=br0"}) == "vb-web in br0 - eth0");
  CHECK(status({"HOST_BRIDGE=br0", "LOCAL_ADDRESS=10.3.0.2/24", "LOCAL_ADDRESS6=fd03::2/64"}) ==
        "vb-web in br0 - eth0 10.3.0.2/24, fd03::2/64");
}

TEST_CASE("extra pairs, as far as there is room") {
  CHECK(status({"EXTRA_VETHS=lan0:eth1,LOCAL_ADDRESS=10.9.0.2"}) == "lan0 - eth1 10.9.0.2");
  CHECK(status({kHost, kLocal, "EXTRA_VETHS=lan0 dmz0,HOST_BRIDGE=br0"}) ==
        "ve-web 10.0.0.1 - eth0 10.0.0.2; lan0 - lan0; dmz0 in br0 - dmz0");
  CHECK(status({kHost, kLocal, "EXTRA_VETHS=lan0 dmz0,HOST_BRIDGE=br0 wan0"}) ==
        "ve-web 10.0.0.1 - eth0 10.0.0.2; lan0 - lan0; 2 more");
  std::string extra = "EXTRA_VETHS=";
  for (int i = 0; i < 50; ++i) {
    extra += "lan" + std::to_string(i) + ' ';
    CHECK(status({kHost, kLocal, extra}).size() <= kColumns);
  }
}

TEST_CASE("a text that is longer than a line") {
  const std::string line(kColumns, 'x');
  CHECK(fit_status(line) == line);
  CHECK(fit_status(line + 'x') == line.substr(3) + "...");
  CHECK(fit_status("") == "");
}

TEST_CASE("links that are the container's own") {
  CHECK(status({"INTERFACES=eth1", "MACVLANS=eth2"}) == "eth1; a macvlan of eth2");
}

TEST_CASE("a network without links of ours") {
  CHECK(status({"PRIVATE_NETWORK=1"}) == "a network of its own without links");
  CHECK(status({"PRIVATE_NETWORK=0"}) == "the host's network");
  CHECK(status({"NETWORK_NAMESPACE_PATH=/run/netns/a"}) == "the network of /run/netns/a");
}
