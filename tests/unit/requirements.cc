// SPDX-License-Identifier: MIT
#include "hooks/requirements.h"

#include <fmt/core.h>

#include "tests/unit/catch.h"
#include "tests/unit/values.h"

using namespace container_init;

namespace {

using Texts = std::vector<std::string>;

// "NAME for VARIABLE", and whether it has to be a bridge.
Texts texts_of(const std::vector<RequiredLink>& required) {
  Texts texts;
  for (const auto& [name, wanted_by, is_bridge] : required)
    texts.emplace_back(fmt::format("{}{} for {}", is_bridge ? "bridge " : "", name, wanted_by));
  return texts;
}

Config config_of(std::vector<std::string_view> assignments) {
  assignments.emplace_back("INSTANCE=web");
  return parse_config(Environment(std::move(assignments)));
}

// The faults where the link "br0" is of this kind.
Caught check_kind(const std::string& kind) {
  const Links links{{"br0", {7, "br0", kind, true}}};
  const auto required = required_links(
      config_of({"HOST_BRIDGE=br0", "EXTRA_VETHS=lan0,HOST_BRIDGE=br0", "INTERFACES=br0"}));
  return caught_from([&] { check_bridges(required, links); });
}

}  // namespace

TEST_CASE("every pair has an end on the host") {
  CHECK(host_links(config_of({}).network).empty());
  CHECK(host_links(config_of({"LOCAL_ADDRESS=10.0.0.2", "EXTRA_VETHS=lan0:a lan1"}).network) ==
        LinkNames{"lan0", "lan1", "ve-web"});
  CHECK(host_links(config_of({"HOST_BRIDGE=br0"}).network) == LinkNames{"vb-web"});
}

TEST_CASE("the bridges of all pairs are required") {
  const Config config = config_of(
      {"HOST_BRIDGE=br0", "EXTRA_VETHS=lan0:a,HOST_BRIDGE=br1 lan1 lan2,HOST_BRIDGE=br0"});
  const Texts bridges{"bridge br0 for HOST_BRIDGE", "bridge br1 for EXTRA_VETHS: lan0: HOST_BRIDGE",
                      "bridge br0 for EXTRA_VETHS: lan2: HOST_BRIDGE"};
  CHECK(texts_of(required_bridges(config.network)) == bridges);
  CHECK(texts_of(required_links(config)) == bridges);
}

TEST_CASE("so are the links that move into the container and the parents of its macvlans") {
  const Config config =
      config_of({"INTERFACES=a b:inner", "MACVLANS=c:d e", "LOCAL_ADDRESS=10.0.0.2"});
  CHECK(required_bridges(config.network).empty());
  CHECK(texts_of(required_links(config)) ==
        Texts{"a for INTERFACES", "b for INTERFACES", "c for MACVLANS", "e for MACVLANS"});
}

TEST_CASE("without a bridge nothing is required") {
  CHECK(required_links(config_of({})).empty());
  CHECK(required_links(config_of({"HOST_ADDRESS=10.0.0.1", "EXTRA_VETHS=lan0"})).empty());
}

TEST_CASE("a bridge that is there has to be one") {
  CHECK(check_kind("bridge").exit == Exit::ok);

  const Caught veth = check_kind("veth");
  CHECK(veth.exit == Exit::config);
  CHECK(veth.lines ==
        Texts{R"(HOST_BRIDGE="br0": the link is of kind veth, not a bridge)",
              R"(EXTRA_VETHS: lan0: HOST_BRIDGE="br0": the link is of kind veth, not a bridge)"});

  const Caught device = check_kind("");
  CHECK(device.exit == Exit::config);
  CHECK(device.lines.front() == R"(HOST_BRIDGE="br0": the link is a device, not a bridge)");
}

TEST_CASE("a bridge that is absent is of no wrong kind") {
  const auto required = required_links(config_of({"HOST_BRIDGE=br0"}));
  CHECK(caught_from([&] { check_bridges(required, {}); }).exit == Exit::ok);
}

TEST_CASE("links that are absent are named, each with what wants it") {
  const Links links{{"br1", {7, "br1", "bridge", true}}};
  const auto required = required_links(
      config_of({"HOST_BRIDGE=br0", "EXTRA_VETHS=lan0,HOST_BRIDGE=br1 lan1,HOST_BRIDGE=br0",
                 "INTERFACES=a"}));
  CHECK(names_of(required) == LinkNames{"a", "br0", "br1"});
  CHECK(missing_lines(required, links, " after 10 s") ==
        Texts{"no link br0 after 10 s, wanted by HOST_BRIDGE",
              "no link br0 after 10 s, wanted by EXTRA_VETHS: lan1: HOST_BRIDGE",
              "no link a after 10 s, wanted by INTERFACES"});
  CHECK(missing_lines({{"br0", "HOST_BRIDGE", true}}, links, "") ==
        Texts{"no link br0, wanted by HOST_BRIDGE"});
  CHECK(missing_lines({{"br1", "HOST_BRIDGE", true}}, links, "").empty());
}
