// SPDX-License-Identifier: MIT
#include "hooks/start/resolv_conf.h"

#include "tests/unit/catch.h"

using namespace container_init;

namespace {

constexpr auto kHostFile = "/etc/resolv.conf";
constexpr auto kResolvedFile = "/run/systemd/resolve/resolv.conf";
const std::string kReachable = "nameserver 192.0.2.1\n";
const std::string kStub = "nameserver 127.0.0.53\n";

// Whether a container with a network of its own gets this file.
bool is_of_use(const std::string& text) {
  return choose_resolv_conf(text, std::nullopt, true).text.has_value();
}

}  // namespace

TEST_CASE("a container in the host's network gets the host's file as it is") {
  for (const std::string& text : {std::string{}, kStub, kReachable}) {
    const ResolvConf chosen = choose_resolv_conf(text, kReachable, false);
    CHECK(chosen.text == text);
    CHECK(chosen.source == kHostFile);
    CHECK(chosen.reason.empty());
  }
}

TEST_CASE("a server that a container reaches has a global or a private address") {
  for (const std::string server :
       {"192.0.2.1", "10.0.0.53", "172.16.0.1", "192.168.1.1", "8.8.8.8", "169.253.0.1",
        "223.255.255.255", "128.0.0.1", "1.127.0.1", "10.1", "0x0a000001", "fd00::1",
        "2001:db8::53", "::2:1", "::ffff:192.0.2.1"}) {
    CAPTURE(server);
    CHECK(is_of_use("nameserver " + server));
  }
  for (const std::string server : {"127.0.0.53",
                                   "127.1",
                                   "2130706433",
                                   "0x7f.1",
                                   "0177.0.0.1",
                                   "127.255.0.1",
                                   "0.0.0.0",
                                   "0",
                                   "169.254.169.253",
                                   "224.0.0.251",
                                   "255.255.255.255",
                                   "240.0.0.1",
                                   "::1",
                                   "::",
                                   "::1%lo",
                                   "::ffff:127.0.0.53",
                                   "::ffff:169.254.0.1",
                                   "fe80::1",
                                   "fe80::1%wlan0",
                                   "FE80::1%2",
                                   "fd00::1%eth0",
                                   "ff02::fb",
                                   "dns.example.org",
                                   "1.2.3.4.5"}) {
    CAPTURE(server);
    CHECK_FALSE(is_of_use("nameserver " + server));
  }
}

TEST_CASE("what names a server") {
  for (const std::string text : {"nameserver\t192.0.2.1\n", "nameserver  192.0.2.1 # comment\n",
                                 "nameserver 127.0.0.53\nnameserver 192.0.2.1\n",
                                 "# generated\nsearch example.org\n\nnameserver 1.127.0.1\n"}) {
    CAPTURE(text);
    CHECK(is_of_use(text));
  }
  for (const std::string text :
       {"", "\n", "nameserver 127.255.0.1 192.0.2.1\n", "#nameserver 192.0.2.1\n",
        "; nameserver 192.0.2.1\n", " nameserver 192.0.2.1\n", "nameserver\n", "nameserver \t\n",
        "nameservers 192.0.2.1\n", "nameserver192.0.2.1\n", "search 192.0.2.1\n",
        "options nameserver 192.0.2.1\n", "NAMESERVER 192.0.2.1\n"}) {
    CAPTURE(text);
    CHECK_FALSE(is_of_use(text));
  }
}

TEST_CASE("servers that a container cannot reach are left out, and nothing else is") {
  const std::string text =
      "# of NetworkManager\nsearch example.org\nnameserver fe80::1%wlan0\nnameserver 192.0.2.1\n"
      "nameserver 127.0.0.53\n\noptions edns0\n";
  CHECK(choose_resolv_conf(text, std::nullopt, true).text ==
        "# of NetworkManager\nsearch example.org\nnameserver 192.0.2.1\n\noptions edns0\n");
  CHECK(choose_resolv_conf(text, std::nullopt, false).text == text);
  CHECK(choose_resolv_conf(kStub, text, true).source == kResolvedFile);
  CHECK(choose_resolv_conf("nameserver 192.0.2.1", std::nullopt, true).text == kReachable);
}

TEST_CASE("where the host's servers are of no use, those that resolved asks are") {
  for (const std::optional<std::string>& host :
       {std::optional<std::string>(kStub), std::optional<std::string>(""), {}}) {
    const ResolvConf chosen = choose_resolv_conf(host, "search a\n" + kReachable, true);
    CHECK(chosen.text == "search a\n" + kReachable);
    CHECK(chosen.source == kResolvedFile);
    CHECK(chosen.reason.empty());
  }
  const ResolvConf both = choose_resolv_conf(kReachable, "nameserver 192.0.2.2\n", true);
  CHECK(both.text == kReachable);
  CHECK(both.source == kHostFile);
}

TEST_CASE("no file is better than one that is of no use") {
  for (const std::optional<std::string>& resolved :
       {std::optional<std::string>(kStub), std::optional<std::string>(""), {}}) {
    const ResolvConf chosen = choose_resolv_conf(kStub, resolved, true);
    CHECK_FALSE(chosen.text);
    CHECK(chosen.source.empty());
    CHECK(chosen.reason == "/etc/resolv.conf names no server that the container could reach");
  }
}

TEST_CASE("a host without the file") {
  for (const bool is_private : {false, true}) {
    const ResolvConf chosen = choose_resolv_conf(std::nullopt, kStub, is_private);
    CHECK_FALSE(chosen.text);
    CHECK(chosen.source.empty());
    CHECK(chosen.reason == "there is no /etc/resolv.conf");
  }
  // What is there has to do in the host's own network, where resolved keeps the stub.
  CHECK_FALSE(choose_resolv_conf(std::nullopt, kReachable, false).text);
}
