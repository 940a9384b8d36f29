// SPDX-License-Identifier: MIT
#include "hooks/start/nspawn_message.h"

#include <string>

#include "tests/unit/catch.h"

using namespace container_init;

TEST_CASE("what systemd-nspawn says") {
  const auto running = parse_nspawn_message("STATUS=Container running.\nX_NSPAWN_LEADER_PID=29931");
  CHECK(running.leader == 29931);
  CHECK(running.status.empty());
  CHECK_FALSE(running.is_ready);
  CHECK(parse_nspawn_message("READY=1\n").is_ready);
  const auto ending = parse_nspawn_message("STOPPING=1\nSTATUS=Terminating...");
  CHECK(ending.is_stopping);
  CHECK(ending.status.empty());
}

TEST_CASE("what it passes on of its container is printable") {
  const auto status = [](const std::string& text) {
    return parse_nspawn_message("STATUS=Container running: " + text).status;
  };
  CHECK(status("Startup finished in 1s.") == "Startup finished in 1s.");
  CHECK(status("\x1b[2J\t\x7f\xc3\xa9\\") == "?[2J????\\");
  CHECK(status("") == "");
}

TEST_CASE("all else is left out") {
  for (const std::string text :
       {"", "\n", "READY=0", "READY=11", " READY=1", "X_NSPAWN_LEADER_PID=",
        "X_NSPAWN_LEADER_PID=0", "X_NSPAWN_LEADER_PID=-1", "X_NSPAWN_LEADER_PID=1x",
        "X_NSPAWN_LEADER_PID=99999999999", "MAINPID=1", "FDSTORE=1", "EXTEND_TIMEOUT_USEC=1",
        "BARRIER=1", "ERRNO=2", "WATCHDOG=1", "RELOADING=1", "STATUS=Container running."}) {
    CAPTURE(text);
    const auto message = parse_nspawn_message(text);
    CHECK_FALSE(message.is_ready);
    CHECK_FALSE(message.is_stopping);
    CHECK(message.leader == 0);
    CHECK(message.status.empty());
  }
}
