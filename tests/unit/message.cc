// SPDX-License-Identifier: MIT
#include "common/network/message.h"

#include <linux/rtnetlink.h>

#include <cerrno>

#include "tests/unit/catch.h"
#include "tests/unit/values.h"

using namespace container_init;

namespace {

// nlmsghdr in front of what a message has, and its capacity.
constexpr std::size_t kHeader = 16;
constexpr std::size_t kCapacity = 256;
constexpr std::size_t kAttributeHeader = 4;

template <typename Put>
void check_overflow(Put put) {
  const Caught caught = caught_from(put);
  CHECK(caught.exit == Exit::system);
  CHECK(caught.lines == system_error(EMSGSIZE, "build a netlink message").lines());
}

}  // namespace

TEST_CASE("a message begins with its length, type and flags") {
  const Message message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
  CHECK(to_hex(message.bytes()) == "10 00 00 00 18 00 01 06 00 00 00 00 00 00 00 00");
}

TEST_CASE("sequence number and wish for an answer are set later") {
  Message message(RTM_NEWLINK, 0);
  message.set_sequence(0x01020304);
  CHECK(to_hex(message.bytes()) == "10 00 00 00 10 00 01 00 04 03 02 01 00 00 00 00");
  message.request_ack();
  CHECK(to_hex(message.bytes()) == "10 00 00 00 10 00 05 00 04 03 02 01 00 00 00 00");
}

TEST_CASE("the header of the type follows, then attributes padded to four bytes") {
  Message message(RTM_NEWROUTE, 0);
  rtmsg header{};
  header.rtm_family = AF_INET;
  header.rtm_dst_len = 24;
  message.put_header(header);
  message.put(RTA_OIF, 258U);
  message.put(IFLA_IFNAME, std::string("eth0"));
  message.put(RTA_DST, std::array<std::uint8_t, 2>{10, 1});
  CHECK(to_hex(message.bytes()) ==
        "38 00 00 00 18 00 01 00 00 00 00 00 00 00 00 00 "
        "02 18 00 00 00 00 00 00 00 00 00 00 "
        "08 00 04 00 02 01 00 00 "
        "09 00 03 00 65 74 68 30 00 00 00 00 "
        "06 00 01 00 0a 01 00 00");
}

TEST_CASE("queries are known by their type") {
  for (const auto type : {RTM_GETLINK, RTM_GETADDR, RTM_GETROUTE, RTM_GETNEIGH}) {
    CAPTURE(type);
    CHECK(Message(static_cast<std::uint16_t>(type), 0).is_get());
  }
  for (const auto type : {RTM_NEWLINK, RTM_DELLINK, RTM_SETLINK, RTM_NEWADDR, RTM_DELADDR,
                          RTM_NEWROUTE, RTM_DELROUTE}) {
    CAPTURE(type);
    CHECK_FALSE(Message(static_cast<std::uint16_t>(type), 0).is_get());
  }
}

TEST_CASE("a message can be filled to its capacity and no further") {
  constexpr std::size_t kLargest = kCapacity - kHeader - kAttributeHeader;
  const std::vector<std::uint8_t> data(kLargest + 1);
  const std::string text(kLargest, 'x');

  Message full(RTM_NEWLINK, 0);
  full.put(1, std::span(data).first(kLargest));
  CHECK(full.bytes().size() == kCapacity);
  check_overflow([&] { full.put(1, std::span<const std::uint8_t>{}); });
  check_overflow([&] { full.put(1, 0U); });
  check_overflow([&] { full.put(1, std::string{}); });
  check_overflow([&] { full.put_header('x'); });

  Message empty(RTM_NEWLINK, 0);
  check_overflow([&] { empty.put(1, data); });
  check_overflow([&] { empty.put(1, text); });
  check_overflow([&] { empty.put_header(std::array<char, kCapacity>{}); });
  CHECK(empty.bytes().size() == kHeader);

  empty.put(1, text.substr(1));
  CHECK(empty.bytes().size() == kCapacity);
}
