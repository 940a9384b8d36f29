// SPDX-License-Identifier: MIT
#include "common/base/error.h"

#include <cerrno>
#include <cstring>

#include "tests/unit/catch.h"

using namespace container_init;

using Lines = std::vector<std::string>;

TEST_CASE("an error of the system tells action, cause and hint") {
  const Error plain = system_error(ENODEV, "find link ve-web");
  CHECK(plain.exit() == Exit::system);
  CHECK(plain.lines() == Lines{"cannot find link ve-web: No such device"});

  const Error hinted = system_error(EPERM, "add route 10.0.0.2 dev ve-web", "run it as root");
  CHECK(hinted.lines() ==
        Lines{"cannot add route 10.0.0.2 dev ve-web: Operation not permitted: run it as root"});
}

TEST_CASE("an error that the C library does not know has its number") {
  constexpr int kNotSupported = 524;  // ENOTSUPP, which is the kernel's own
  const std::string line = system_error(kNotSupported, "add link ve-web").lines().front();
  CHECK(line.starts_with("cannot add link ve-web: "));
  CHECK(line.ends_with("error 524"));
}

TEST_CASE("what() is the first line") {
  CHECK(std::strcmp(Error(Exit::config, Lines{"one", "two"}).what(), "one") == 0);
  CHECK(std::strcmp(Error(Exit::config, "one").what(), "one") == 0);
  CHECK(std::strcmp(Error(Exit::config, Lines{}).what(), "") == 0);
}

TEST_CASE("exit statuses are those of sysexits.h and of the shell") {
  CHECK(static_cast<int>(Exit::ok) == 0);
  CHECK(static_cast<int>(Exit::usage) == 64);
  CHECK(static_cast<int>(Exit::system) == 71);
  CHECK(static_cast<int>(Exit::timeout) == 75);
  CHECK(static_cast<int>(Exit::config) == 78);
  CHECK(static_cast<int>(Exit::not_executable) == 126);
  CHECK(static_cast<int>(Exit::not_found) == 127);
}
