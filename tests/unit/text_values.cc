// SPDX-License-Identifier: MIT
#include "common/config/text_values.h"

#include <signal.h>

#include <string_view>
#include <vector>

#include "common/base/words.h"
#include "tests/unit/catch.h"

using namespace container_init;
using namespace std::string_view_literals;

namespace {

struct Form {
  std::string_view name;
  bool (*accepts)(std::string_view);
  std::vector<std::string_view> accepted;
  std::vector<std::string_view> refused;
};

std::vector<Form> forms() {
  return {
      {"path",
       is_absolute_path,
       {"/", "/nix/store", "/a b", "//", "/\xff"},
       {"", "a", "./a", " /a", "~/a"}},
      {"port mapping",
       is_port_mapping,
       {"1", "65535", "8080:80", "tcp:8080", "udp:53:53", "tcp:65535:65535"},
       {"",        "0",      "65536", "-1",     "+1",     "80 ",        "http",         "tcp",
        "tcp:",    ":80",    "80:",   "80:0",   "80::80", "tcp:udp:80", "tcp:80:80:80", "80:80:80",
        "080",     "80:080", "0x50",  "TCP:80", "80,81",  "80-90",      "4294967297",   "sctp:",
        "sctp:80", "dccp:80"}},
      {"tmpfs",
       is_tmpfs,
       {"/tmp", "/a:", "/a:size=1M,mode=0755", "/a:size=10%,nr_inodes=1k,uid=0,gid=65534",
        "/a:ro,,noexec", "/a:huge=always", "/a//b", R"(/a\:b)"},
       {"", "a", "/", "//", "/:size=1M", "tmp:size=1M", "/a:size=", "/a:size=lots", "/a:size=1MB",
        "/a:ro,mode=9", "/a:mode=", "/a:uid=root", "/a:gid=-1", "/a:nr_blocks=%"}},
      {"private users",
       is_private_users,
       {"no", "identity", "pick", "0", "1", "65536", "4294901759"},
       {"", "yes", "No", "pick ", "-1", "+1", "0x0", "1.5", "0:65536", "65535", "4294901760",
        "4294967295", "4294967296"}},
      {"capability",
       is_capability,
       {"CAP_SYS_ADMIN", "cap_net_raw", "CAP_CHOWN", "CAP_CHECKPOINT_RESTORE", "all", "0", "40",
        "62"},
       {"", " ", "CAP-X", "CAP_A", "CAP_KILL CAP_CHOWN", "CAP_KILL,CAP_CHOWN", "~CAP_KILL",
        "CAP_\xc3\x84", "SYS_TIME", "CAP_40", "CAP_", "ALL", "help", "63", "-1"}},
      {"link with inner name",
       is_link_with_inner_name,
       {"enp1s0", "enp1s0:inner", "fifteen-letters:fifteen-letters"},
       {"", ":", "a:", ":a", "a:b:c", "a/b", "a:b/c", "a b", "sixteen-letters0",
        "a:sixteen-letters0"}},
      {"signal",
       is_signal,
       {"SIGTERM", "TERM", "SIGRTMIN", "SIGRTMIN+0", "RTMIN+30", "SIGRTMAX", "RTMAX-30",
        "SIGSTKFLT", "1", "64"},
       {"",        "SIG",    "sigterm",  "SIGSIGTERM", "SIGFOO", "SIGIOT",   "CLD",      "SIGPOLL",
        "SIG15",   "0",      "65",       "-1",         "+1",     "RTMIN+31", "RTMAX-31", "RTMIN-1",
        "RTMAX+1", "RTMIN+", "RTMIN+-1", "RTMIN+x",    "TERM+1", "SIGTERM "}},
  };
}

}  // namespace

TEST_CASE("values that stay text are accepted in their forms alone") {
  for (const Form& form : forms()) {
    for (const auto text : form.accepted) {
      CAPTURE(form.name, quote(text));
      CHECK(form.accepts(text));
    }
    for (const auto text : form.refused) {
      CAPTURE(form.name, quote(text));
      CHECK_FALSE(form.accepts(text));
    }
  }
}

TEST_CASE("a signal has the number that systemd-nspawn's C library gives it") {
  const auto number = [](std::string_view text) { return *value_of(parse_signal(text)); };
  CHECK(number("SIGHUP") == SIGHUP);
  CHECK(number("USR1") == SIGUSR1);
  CHECK(number("15") == 15);
  CHECK(number("RTMIN+3") == 37);
  CHECK(number("SIGRTMAX-1") == 63);
  CHECK(number("SIGRTMIN") == 34);
}

TEST_CASE("what a port mapping takes on the host") {
  CHECK(port_of_host("80") == "tcp:80");
  CHECK(port_of_host("80:8080") == "tcp:80");
  CHECK(port_of_host("tcp:80:8080") == "tcp:80");
  CHECK(port_of_host("udp:53") == "udp:53");
}

TEST_CASE("a flag is 1 or 0") {
  CHECK(*value_of(parse_flag("1")));
  CHECK_FALSE(*value_of(parse_flag("0")));
  for (const auto text : {""sv, "2"sv, "01"sv, "10"sv, "-1"sv, " 1"sv, "yes"sv, "true"sv}) {
    const auto parsed = parse_flag(text);
    CAPTURE(text);
    REQUIRE_FALSE(value_of(parsed));
    CHECK(std::get<Reason>(parsed).text == "neither 1 nor 0");
  }
}
