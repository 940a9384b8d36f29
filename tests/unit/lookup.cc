// SPDX-License-Identifier: MIT
#include "common/network/lookup.h"

#include "tests/unit/catch.h"
#include "tests/unit/values.h"

using namespace container_init;

namespace {

Links links() {
  return {{"ve-web", {7, "ve-web", "veth", true}}, {"lan0", {8, "lan0", "veth", false}}};
}

}  // namespace

TEST_CASE("a plan needs the links of its operations, under their new names too") {
  CHECK(names_of({}).empty());
  CHECK(names_of({SetLink{"host0", "eth0", {}, {}}, SetLink{"lan0", {}, {}, "br0"},
                  DeleteLink{"ve-old"}, AddAddress{"lan0", prefix("10.0.0.2")},
                  AddRoute{"ve-web", prefix("10.0.0.2"), address("10.0.0.1")}}) ==
        LinkNames{"br0", "eth0", "host0", "lan0", "ve-old", "ve-web"});
}

TEST_CASE("a link that is absent does not exist and has no carrier") {
  CHECK_FALSE(is_present(nullptr));
  CHECK_FALSE(has_carrier(nullptr));
  const Link down{7, "ve-web", "veth", false};
  CHECK(is_present(&down));
  CHECK_FALSE(has_carrier(&down));
  const Link up{7, "ve-web", "veth", true};
  CHECK(has_carrier(&up));
}

TEST_CASE("the links that fail a test are named") {
  CHECK(failing({"ve-web", "lan0"}, links(), is_present).empty());
  CHECK(failing({"ve-web", "lan1"}, links(), is_present) == LinkNames{"lan1"});
  CHECK(failing({"ve-web", "lan0", "lan1"}, links(), has_carrier) == LinkNames{"lan0", "lan1"});
  CHECK(failing({}, links(), is_present).empty());
  CHECK(failing({"ve-web"}, {}, is_present) == LinkNames{"ve-web"});
}

TEST_CASE("the ends of pairs have to be veths, where they are there") {
  const Links links{{"br0", {7, "br0", "bridge", true}},
                    {"eth0", {8, "eth0", "", true}},
                    {"ve-web", {9, "ve-web", "veth", true}}};
  CHECK(caught_from([&] { check_veths({"ve-web", "ve-db"}, links); }).exit == Exit::ok);
  CHECK(caught_from([&] { check_veths({}, links); }).exit == Exit::ok);

  const Caught caught = caught_from([&] { check_veths({"ve-web", "eth0", "br0"}, links); });
  CHECK(caught.exit == Exit::config);
  CHECK(caught.lines == std::vector<std::string>{
                            "link br0 is of kind bridge, not a veth, and so not an end of a pair",
                            "link eth0 is a device, not a veth, and so not an end of a pair"});
}

TEST_CASE("the kind of a link in words") {
  CHECK(describe_kind({7, "br0", "bridge", true}) == "of kind bridge");
  CHECK(describe_kind({8, "eth0", "", true}) == "a device");
}

TEST_CASE("names are joined in their order") {
  CHECK(join({}).empty());
  CHECK(join({"ve-web"}) == "ve-web");
  CHECK(join({"ve-web", "lan0"}) == "lan0, ve-web");
}
