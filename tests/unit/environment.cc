// SPDX-License-Identifier: MIT
#include "common/config/environment.h"

#include <array>

#include "tests/unit/catch.h"

using namespace container_init;

TEST_CASE("a variable is found by its whole name") {
  const Environment environment({"HOST_ADDRESS6=fd00::1", "HOST_ADDRESS=10.0.0.1", "A=b=c"});
  CHECK(environment.get("HOST_ADDRESS") == "10.0.0.1");
  CHECK(environment.get("HOST_ADDRESS6") == "fd00::1");
  CHECK(environment.get("A") == "b=c");
  CHECK_FALSE(environment.get("HOST"));
  CHECK_FALSE(environment.get("host_address"));
  CHECK_FALSE(environment.get("ADDRESS"));
}

TEST_CASE("an empty variable is not set") {
  const Environment environment({"A=", "B= "});
  CHECK_FALSE(environment.get("A"));
  CHECK(environment.get("B") == " ");
}

TEST_CASE("of several assignments the first counts") {
  const Environment environment({"A=1", "A=2", "B=", "B=2"});
  CHECK(environment.get("A") == "1");
  CHECK_FALSE(environment.get("B"));
}

TEST_CASE("what is not an assignment is ignored") {
  const Environment environment({"", "A", "=1", "A=2"});
  CHECK(environment.get("A") == "2");
  CHECK(environment.assignments().size() == 4);
}

TEST_CASE("a block of the system ends with a null pointer") {
  const std::array<const char*, 4> block{"A=1", "B=2", nullptr, "C=3"};
  const Environment environment(block.data());
  CHECK(environment.get("B") == "2");
  CHECK_FALSE(environment.get("C"));
  CHECK(environment.assignments().size() == 2);

  const std::array<const char*, 1> empty{};
  CHECK(Environment(empty.data()).assignments().empty());
  CHECK(Environment(static_cast<const char* const*>(nullptr)).assignments().empty());
}
