// SPDX-License-Identifier: MIT
#include "common/network/codec.h"

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/core.h>

#include "tests/unit/catch.h"
#include "tests/unit/values.h"

using namespace container_init;

namespace {

using Bytes = std::vector<std::byte>;

// Indexes of two bytes each, so that their order shows.
Links links() {
  return {{"host0", {258, "host0", "veth", false}},
          {"eth0", {258, "eth0", "veth", false}},
          {"ve-web", {259, "ve-web", "veth", false}},
          {"br0", {260, "br0", "bridge", true}}};
}

// Operations and their bytes, as ip(8) of iproute2 6.1 sends them for the same: there with
// NLM_F_ACK on each message and with a sequence number.
struct GoldenOperation {
  Operation operation;
  std::string_view hex;
};

std::vector<GoldenOperation> golden_operations() {
  return {
      // ip(8) sends the address before the name.
      {SetLink{"host0", "eth0", mac_address("02:00:00:00:00:01"), {}},
       "38 00 00 00 10 00 01 00 00 00 00 00 00 00 00 00 "
       "00 00 00 00 02 01 00 00 01 00 00 00 01 00 00 00 "
       "09 00 03 00 65 74 68 30 00 00 00 00 0a 00 01 00 02 00 00 00 00 01 00 00"},
      {SetLink{"ve-web", {}, {}, "br0"},
       "28 00 00 00 10 00 01 00 00 00 00 00 00 00 00 00 "
       "00 00 00 00 03 01 00 00 01 00 00 00 01 00 00 00 "
       "08 00 0a 00 04 01 00 00"},
      {SetLink{"ve-web", {}, {}, {}, false, 1400},
       "28 00 00 00 10 00 01 00 00 00 00 00 00 00 00 00 "
       "00 00 00 00 03 01 00 00 01 00 00 00 01 00 00 00 "
       "08 00 04 00 78 05 00 00"},
      {SetLink{"ve-web", {}, {}, {}},
       "20 00 00 00 10 00 01 00 00 00 00 00 00 00 00 00 "
       "00 00 00 00 03 01 00 00 01 00 00 00 01 00 00 00"},
      {DeleteLink{"ve-web"},
       "20 00 00 00 11 00 01 00 00 00 00 00 00 00 00 00 "
       "00 00 00 00 03 01 00 00 00 00 00 00 00 00 00 00"},
      {AddAddress{"eth0", prefix("10.0.0.2/24")},
       "28 00 00 00 14 00 01 06 00 00 00 00 00 00 00 00 "
       "02 18 00 00 02 01 00 00 "
       "08 00 02 00 0a 00 00 02 08 00 01 00 0a 00 00 02"},
      {AddAddress{"eth0", prefix("fd00::2/64")},
       "40 00 00 00 14 00 01 06 00 00 00 00 00 00 00 00 "
       "0a 40 02 00 02 01 00 00 "
       "14 00 02 00 fd 00 00 00 00 00 00 00 00 00 00 00 00 00 00 02 "
       "14 00 01 00 fd 00 00 00 00 00 00 00 00 00 00 00 00 00 00 02"},
      {AddRoute{"eth0", prefix("10.0.1.0/24"), {}},
       "2c 00 00 00 18 00 01 06 00 00 00 00 00 00 00 00 "
       "02 18 00 00 fe 03 fd 01 00 00 00 00 "
       "08 00 01 00 0a 00 01 00 08 00 04 00 02 01 00 00"},
      {AddRoute{"eth0", prefix("10.0.9.1"), {}},
       "2c 00 00 00 18 00 01 06 00 00 00 00 00 00 00 00 "
       "02 20 00 00 fe 03 fd 01 00 00 00 00 "
       "08 00 01 00 0a 00 09 01 08 00 04 00 02 01 00 00"},
      {AddRoute{"eth0", Prefix{}, address("10.0.0.1")},
       "2c 00 00 00 18 00 01 06 00 00 00 00 00 00 00 00 "
       "02 00 00 00 fe 03 00 01 00 00 00 00 "
       "08 00 05 00 0a 00 00 01 08 00 04 00 02 01 00 00"},
      // ip(8) gives IPv6 routes on the link the scope "global" (00): the kernel does not look at
      // it.
      {AddRoute{"eth0", prefix("fd01::/64"), {}},
       "38 00 00 00 18 00 01 06 00 00 00 00 00 00 00 00 "
       "0a 40 00 00 fe 03 fd 01 00 00 00 00 "
       "14 00 01 00 fd 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 08 00 04 00 02 01 00 00"},
      {AddRoute{"eth0", prefix("fd02::1"), {}},
       "38 00 00 00 18 00 01 06 00 00 00 00 00 00 00 00 "
       "0a 80 00 00 fe 03 fd 01 00 00 00 00 "
       "14 00 01 00 fd 02 00 00 00 00 00 00 00 00 00 00 00 00 00 01 08 00 04 00 02 01 00 00"},
      {AddRoute{"eth0", Prefix{Address{Family::ipv6, {}}, 0}, address("fd00::1")},
       "38 00 00 00 18 00 01 06 00 00 00 00 00 00 00 00 "
       "0a 00 00 00 fe 03 00 01 00 00 00 00 "
       "14 00 05 00 fd 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01 08 00 04 00 02 01 00 00"},
  };
}

// A message taken apart by libmnl: its headers, and its attributes as hexadecimal.
template <typename Header>
struct Parts {
  nlmsghdr netlink{};
  Header header{};
  std::vector<std::pair<int, std::string>> attributes;

  explicit Parts(const Message& message) {
    const auto bytes = message.bytes();
    REQUIRE(mnl_nlmsg_ok(reinterpret_cast<const nlmsghdr*>(bytes.data()),
                         static_cast<int>(bytes.size())));
    std::memcpy(&netlink, bytes.data(), sizeof(netlink));
    std::memcpy(&header, bytes.data() + sizeof(netlink), sizeof(header));
    CHECK(netlink.nlmsg_len == bytes.size());
    CHECK(netlink.nlmsg_seq == 0);
    CHECK(netlink.nlmsg_pid == 0);
    mnl_attr_parse(reinterpret_cast<const nlmsghdr*>(bytes.data()), sizeof(header), &keep, this);
  }

 private:
  static int keep(const nlattr* attribute, void* self) {
    const auto* begin = static_cast<const std::byte*>(mnl_attr_get_payload(attribute));
    static_cast<Parts*>(self)->attributes.emplace_back(
        mnl_attr_get_type(attribute), to_hex({begin, mnl_attr_get_payload_len(attribute)}));
    return MNL_CB_OK;
  }
};

using AttributeTexts = std::vector<std::pair<int, std::string>>;

constexpr auto kEth0 = "65 74 68 30 00";
constexpr auto kIndex258 = "02 01 00 00";
constexpr int kCreateFlags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL;

// What the kernel sends, with sequence number 1.

// A link, without most of its attributes: up and with carrier, "host0", of kind "veth".
constexpr std::string_view kLinkReply =
    "44 00 00 00 10 00 00 00 01 00 00 00 00 00 00 00 "
    "00 00 01 00 02 01 00 00 43 10 01 00 00 00 00 00 "
    "0a 00 03 00 68 6f 73 74 30 00 00 00 08 00 0d 00 e8 03 00 00 "
    "10 00 12 00 09 00 01 00 76 65 74 68 00 00 00 00";

constexpr std::string_view kIpv4AddressReply =
    "50 00 00 00 14 00 02 00 01 00 00 00 00 00 00 00 02 18 80 00 02 01 00 00 "
    "08 00 01 00 0a 00 00 02 08 00 02 00 0a 00 00 02 0a 00 03 00 68 6f 73 74 30 00 00 00 "
    "08 00 08 00 80 00 00 00 14 00 06 00 ff ff ff ff ff ff ff ff c4 8c 04 00 c4 8c 04 00";
constexpr std::string_view kIpv6AddressReply =
    "48 00 00 00 14 00 00 00 01 00 00 00 00 00 00 00 0a 40 82 00 02 01 00 00 "
    "14 00 01 00 fd 00 00 00 00 00 00 00 00 00 00 00 00 00 00 02 "
    "14 00 06 00 ff ff ff ff ff ff ff ff c4 8c 04 00 c4 8c 04 00 08 00 08 00 82 00 00 00";

constexpr std::string_view kHostRouteReply =
    "34 00 00 00 18 00 02 00 01 00 00 00 00 00 00 00 02 20 00 00 fe 03 fd 01 00 00 00 00 "
    "08 00 0f 00 fe 00 00 00 08 00 01 00 0a 00 00 02 08 00 04 00 02 01 00 00";
constexpr std::string_view kDefaultRouteReply =
    "34 00 00 00 18 00 02 00 01 00 00 00 00 00 00 00 02 00 00 00 fe 03 00 01 00 00 00 00 "
    "08 00 0f 00 fe 00 00 00 08 00 05 00 0a 00 00 01 08 00 04 00 02 01 00 00";
constexpr std::string_view kNetworkRouteReply =
    "3c 00 00 00 18 00 02 00 01 00 00 00 00 00 00 00 02 18 00 00 fe 02 fd 01 00 00 00 00 "
    "08 00 0f 00 fe 00 00 00 08 00 01 00 0a 00 00 00 08 00 07 00 0a 00 00 02 "
    "08 00 04 00 02 01 00 00";
constexpr std::string_view kLocalRouteReply =
    "3c 00 00 00 18 00 02 00 01 00 00 00 00 00 00 00 02 20 00 00 ff 02 fe 02 00 00 00 00 "
    "08 00 0f 00 ff 00 00 00 08 00 01 00 0a 00 00 02 08 00 07 00 0a 00 00 02 "
    "08 00 04 00 01 00 00 00";
// To a look-up, where the kernel has merged the tables local and main.
constexpr std::string_view kMergedLocalRouteReply =
    "3c 00 00 00 18 00 00 00 01 00 00 00 00 00 00 00 02 20 00 00 fe 02 fe 02 00 00 00 00 "
    "08 00 0f 00 fe 00 00 00 08 00 01 00 0a 00 00 02 08 00 07 00 0a 00 00 02 "
    "08 00 04 00 01 00 00 00";
// Of table 1000, which its header cannot hold.
constexpr std::string_view kOtherTableReply =
    "34 00 00 00 18 00 02 00 01 00 00 00 00 00 00 00 02 10 00 00 fc 03 fd 01 00 00 00 00 "
    "08 00 0f 00 e8 03 00 00 08 00 01 00 0a 09 00 00 08 00 04 00 02 01 00 00";
constexpr std::string_view kMultipathReply =
    "40 00 00 00 18 00 02 00 01 00 00 00 00 00 00 00 02 18 00 00 fe 03 00 01 00 00 00 00 "
    "08 00 0f 00 fe 00 00 00 08 00 01 00 0a 00 06 00 "
    "14 00 09 00 08 00 00 00 02 01 00 00 08 00 00 00 03 01 00 00";
constexpr std::string_view kIpv6RouteReply =
    "74 00 00 00 18 00 00 00 01 00 00 00 00 00 00 00 0a 40 00 00 fe 03 00 01 00 00 00 00 "
    "08 00 0f 00 fe 00 00 00 14 00 01 00 fd 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
    "08 00 06 00 00 04 00 00 08 00 04 00 02 01 00 00 "
    "24 00 0c 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
    "00 00 00 00 00 00 00 00 05 00 14 00 00 00 00 00";

constexpr auto kReplies = std::to_array<std::string_view>(
    {kLinkReply, kIpv4AddressReply, kIpv6AddressReply, kHostRouteReply, kDefaultRouteReply,
     kNetworkRouteReply, kLocalRouteReply, kMergedLocalRouteReply, kOtherTableReply,
     kMultipathReply, kIpv6RouteReply});

Bytes with(Bytes message, std::size_t offset, std::size_t value) {
  message[offset] = static_cast<std::byte>(value);
  return message;
}

// "[REFUSAL] DESTINATION [via GATEWAY] link INDEX [main] [other metric]", or "none".
std::string route_text(const Bytes& message) {
  const auto route = decode_route(message);
  if (!route) return "none";
  const std::string refusal(route->refusal);
  return (refusal.empty() ? "" : refusal + ' ') + to_string(route->destination) +
         (route->gateway ? " via " + to_string(*route->gateway) : "") +
         fmt::format(" link {}", route->link_index) + (route->in_main_table ? " main" : "") +
         (route->has_our_metric ? "" : " other metric");
}

// "INDEX NAME KIND [carrier]", or "none".
std::string link_text(const Bytes& message) {
  const auto link = decode_link(message);
  if (!link) return "none";
  return fmt::format("{} {} {}{}", link->index, link->name.empty() ? "-" : link->name,
                     link->kind.empty() ? "-" : link->kind, link->carrier ? " carrier" : "");
}

std::string address_text(const Bytes& message) {
  const auto prefix = decode_address(message);
  return prefix ? to_string(*prefix) : "none";
}

constexpr auto kOtherTypes = std::to_array<std::size_t>(
    {NLMSG_ERROR, NLMSG_DONE, RTM_DELLINK, RTM_GETLINK, RTM_DELADDR, RTM_DELROUTE, RTM_NEWNEIGH});

bool is_decoded(const Bytes& message) {
  return decode_link(message) || decode_route(message) || decode_address(message);
}

}  // namespace

TEST_CASE("operations have the bytes that ip(8) sends") {
  for (const auto& [operation, hex] : golden_operations()) {
    CAPTURE(describe(operation));
    CHECK(to_hex(encode(operation, links()).bytes()) == hex);
  }
}

TEST_CASE("a link is brought up, named, given its address and a master in one message") {
  const Parts<ifinfomsg> parts(
      encode(SetLink{"host0", "eth0", mac_address("02:00:00:00:00:01"), "br0"}, links()));
  CHECK(parts.netlink.nlmsg_type == RTM_NEWLINK);
  CHECK(parts.netlink.nlmsg_flags == NLM_F_REQUEST);
  CHECK(parts.header.ifi_family == AF_UNSPEC);
  CHECK(parts.header.ifi_index == 258);
  CHECK(parts.header.ifi_flags == IFF_UP);
  CHECK(parts.header.ifi_change == IFF_UP);
  CHECK(parts.attributes == AttributeTexts{{IFLA_IFNAME, kEth0},
                                           {IFLA_ADDRESS, "02 00 00 00 00 01"},
                                           {IFLA_MASTER, "04 01 00 00"}});
}

TEST_CASE("a link that is only brought up keeps the rest") {
  const Parts<ifinfomsg> parts(encode(SetLink{"eth0", {}, {}, {}}, links()));
  CHECK(parts.header.ifi_flags == IFF_UP);
  CHECK(parts.attributes.empty());
}

TEST_CASE("a link is deleted by its index") {
  const Parts<ifinfomsg> parts(encode(DeleteLink{"ve-web"}, links()));
  CHECK(parts.netlink.nlmsg_type == RTM_DELLINK);
  CHECK(parts.netlink.nlmsg_flags == NLM_F_REQUEST);
  CHECK(parts.header.ifi_index == 259);
  CHECK(parts.attributes.empty());
}

TEST_CASE("an address is added, of IPv6 without duplicate address detection") {
  const Parts<ifaddrmsg> ipv4(encode(AddAddress{"eth0", prefix("10.0.0.2/24")}, links()));
  CHECK(ipv4.netlink.nlmsg_type == RTM_NEWADDR);
  CHECK(ipv4.netlink.nlmsg_flags == kCreateFlags);
  CHECK(ipv4.header.ifa_family == AF_INET);
  CHECK(ipv4.header.ifa_prefixlen == 24);
  CHECK(ipv4.header.ifa_flags == 0);
  CHECK(ipv4.header.ifa_scope == RT_SCOPE_UNIVERSE);
  CHECK(ipv4.header.ifa_index == 258);
  CHECK(ipv4.attributes ==
        AttributeTexts{{IFA_LOCAL, "0a 00 00 02"}, {IFA_ADDRESS, "0a 00 00 02"}});

  const Parts<ifaddrmsg> ipv6(encode(AddAddress{"eth0", prefix("fd00::2")}, links()));
  CHECK(ipv6.header.ifa_family == AF_INET6);
  CHECK(ipv6.header.ifa_prefixlen == 128);
  CHECK(ipv6.header.ifa_flags == IFA_F_NODAD);
}

TEST_CASE("a route is added, on the link or through a gateway") {
  const Parts<rtmsg> link(encode(AddRoute{"eth0", prefix("10.0.1.0/24"), {}}, links()));
  CHECK(link.netlink.nlmsg_type == RTM_NEWROUTE);
  CHECK(link.netlink.nlmsg_flags == kCreateFlags);
  CHECK(link.header.rtm_family == AF_INET);
  CHECK(link.header.rtm_dst_len == 24);
  CHECK(link.header.rtm_table == RT_TABLE_MAIN);
  CHECK(link.header.rtm_protocol == RTPROT_BOOT);
  CHECK(link.header.rtm_scope == RT_SCOPE_LINK);
  CHECK(link.header.rtm_type == RTN_UNICAST);
  CHECK(link.attributes == AttributeTexts{{RTA_DST, "0a 00 01 00"}, {RTA_OIF, kIndex258}});

  const Parts<rtmsg> through(
      encode(AddRoute{"eth0", prefix("10.0.1.0/24"), address("10.0.0.1")}, links()));
  CHECK(through.header.rtm_scope == RT_SCOPE_UNIVERSE);
  CHECK(through.attributes == AttributeTexts{{RTA_DST, "0a 00 01 00"},
                                             {RTA_GATEWAY, "0a 00 00 01"},
                                             {RTA_OIF, kIndex258}});
}

TEST_CASE("an operation on a link that is not there cannot be encoded") {
  struct Row {
    Operation operation;
    std::string description;
  };
  const std::vector<Row> rows{
      {SetLink{"lan0", {}, {}, {}}, "set link dev lan0 up"},
      {SetLink{"ve-web", {}, {}, "br1"}, "set link dev ve-web master br1 up"},
      {DeleteLink{"lan0"}, "delete link dev lan0"},
      {AddAddress{"lan0", prefix("10.0.0.2")}, "add address 10.0.0.2/32 dev lan0"},
      {AddRoute{"lan0", prefix("10.0.0.2"), {}}, "add route 10.0.0.2 dev lan0"},
  };
  for (const Row& row : rows) {
    const Caught caught = caught_from([&] { encode(row.operation, links()); });
    CHECK(caught.exit == Exit::system);
    CHECK(caught.lines == system_error(ENODEV, row.description).lines());
  }
}

TEST_CASE("a link is asked for by name, by alternative name or by index") {
  const Parts<ifinfomsg> by_name(encode_get_link("eth0"));
  CHECK(by_name.netlink.nlmsg_type == RTM_GETLINK);
  CHECK(by_name.netlink.nlmsg_flags == NLM_F_REQUEST);
  CHECK(by_name.header.ifi_index == 0);
  CHECK(by_name.attributes == AttributeTexts{{IFLA_IFNAME, kEth0}});
  CHECK(to_hex(encode_get_link("eth0").bytes()) ==
        "2c 00 00 00 12 00 01 00 00 00 00 00 00 00 00 00 "
        "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 09 00 03 00 65 74 68 30 00 00 00 00");

  const std::string longest = "ve-" + std::string(64, 'x');
  const Parts<ifinfomsg> by_alternative(encode_get_link_by_alternative_name(longest));
  CHECK(by_alternative.netlink.nlmsg_type == RTM_GETLINK);
  REQUIRE(by_alternative.attributes.size() == 1);
  CHECK(by_alternative.attributes[0].first == IFLA_ALT_IFNAME);
  CHECK(by_alternative.attributes[0].second.size() == 68 * 3 - 1);
  CHECK(by_alternative.attributes[0].second.ends_with(" 78 00"));

  const Parts<ifinfomsg> by_index(encode_get_link(258));
  CHECK(by_index.netlink.nlmsg_type == RTM_GETLINK);
  CHECK(by_index.header.ifi_index == 258);
  CHECK(by_index.attributes.empty());
}

TEST_CASE("a name that no message can hold is refused") {
  CHECK(caught_from([] { encode_get_link_by_alternative_name(std::string(300, 'x')); }).exit ==
        Exit::system);
}

// As "ip route get fibmatch" does.
TEST_CASE("a route is asked for with its entry and its table") {
  const Parts<rtmsg> parts(encode_get_route(address("10.0.1.5")));
  CHECK(parts.netlink.nlmsg_type == RTM_GETROUTE);
  CHECK(parts.netlink.nlmsg_flags == NLM_F_REQUEST);
  CHECK(parts.header.rtm_family == AF_INET);
  CHECK(parts.header.rtm_dst_len == 32);
  CHECK(parts.header.rtm_flags == (RTM_F_FIB_MATCH | RTM_F_LOOKUP_TABLE));
  CHECK(parts.attributes == AttributeTexts{{RTA_DST, "0a 00 01 05"}});

  const Parts<rtmsg> ipv6(encode_get_route(address("fd01::5")));
  CHECK(ipv6.header.rtm_family == AF_INET6);
  CHECK(ipv6.header.rtm_dst_len == 128);
  CHECK(ipv6.attributes ==
        AttributeTexts{{RTA_DST, "fd 01 00 00 00 00 00 00 00 00 00 00 00 00 00 05"}});
}

TEST_CASE("an address is asked for on its link") {
  CHECK(to_hex(encode_get_address(address("fd00::2"), 258).bytes()) ==
        "2c 00 00 00 16 00 01 00 00 00 00 00 00 00 00 00 0a 00 00 00 02 01 00 00 "
        "14 00 01 00 fd 00 00 00 00 00 00 00 00 00 00 00 00 00 00 02");
  const Parts<ifaddrmsg> parts(encode_get_address(address("fd00::2"), 258));
  CHECK(parts.netlink.nlmsg_type == RTM_GETADDR);
  CHECK(parts.header.ifa_index == 258);
}

TEST_CASE("all routes of a family are asked for as ip(8) does") {
  CHECK(to_hex(encode_dump_routes(Family::ipv6).bytes()) ==
        "1c 00 00 00 1a 00 01 03 00 00 00 00 00 00 00 00 0a 00 00 00 00 00 00 00 00 00 00 00");
  CHECK(to_hex(encode_dump_routes(Family::ipv4).bytes()) ==
        "1c 00 00 00 1a 00 01 03 00 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00 00 00 00 00");
}

TEST_CASE("what the kernel sends is decoded") {
  CHECK(link_text(from_hex(kLinkReply)) == "258 host0 veth carrier");
  CHECK(address_text(from_hex(kIpv4AddressReply)) == "10.0.0.2/24");
  CHECK(address_text(from_hex(kIpv6AddressReply)) == "fd00::2/64");
  CHECK(route_text(from_hex(kHostRouteReply)) == "10.0.0.2/32 link 258 main");
  CHECK(route_text(from_hex(kDefaultRouteReply)) == "0.0.0.0/0 via 10.0.0.1 link 258 main");
  CHECK(route_text(from_hex(kNetworkRouteReply)) == "10.0.0.0/24 link 258 main");
  CHECK(route_text(from_hex(kLocalRouteReply)) == "10.0.0.2/32 link 1");
  CHECK(route_text(from_hex(kMergedLocalRouteReply)) == "10.0.0.2/32 link 1");
  CHECK(route_text(from_hex(kOtherTableReply)) == "10.9.0.0/16 link 258");
  CHECK(route_text(from_hex(kMultipathReply)) == "10.0.6.0/24 link 0 main");
  CHECK(route_text(from_hex(kIpv6RouteReply)) == "fd01::/64 link 258 main");
}

TEST_CASE("what was encoded is decoded to the same") {
  const auto copy = [](const Message& message) {
    return Bytes(message.bytes().begin(), message.bytes().end());
  };
  CHECK(address_text(copy(encode(AddAddress{"eth0", prefix("fd00::2/64")}, links()))) ==
        "fd00::2/64");
  CHECK(route_text(copy(encode(AddRoute{"eth0", prefix("10.0.1.0/24"), {}}, links()))) ==
        "10.0.1.0/24 link 258 main");
  CHECK(route_text(
            copy(encode(AddRoute{"eth0", Prefix{Address{Family::ipv6, {}}, 0}, address("fd00::1")},
                        links()))) == "::/0 via fd00::1 link 258 main other metric");
  CHECK(link_text(copy(encode(SetLink{"host0", "eth0", {}, {}}, links()))) == "258 eth0 -");
}

TEST_CASE("a link without carrier, and one that is no virtual device") {
  constexpr std::size_t kFirstByteOfFlags = 24;  // of IFF_RUNNING
  CHECK(link_text(with(from_hex(kLinkReply), kFirstByteOfFlags, 0x03)) == "258 host0 veth");
  CHECK(link_text(from_hex("2c 00 00 00 10 00 00 00 00 00 00 00 00 00 00 00 "
                           "00 00 01 00 02 00 00 00 43 10 01 00 00 00 00 00 "
                           "09 00 03 00 65 6e 70 30 00 00 00 00")) == "2 enp0 - carrier");
}

TEST_CASE("the attribute tells the table of a route, else its header, and the type both") {
  constexpr std::size_t kTable = 20;
  CHECK(route_text(with(from_hex(kOtherTableReply), kTable, RT_TABLE_MAIN)) ==
        "10.9.0.0/16 link 258");
  CHECK(route_text(with(from_hex(kHostRouteReply), kTable, RT_TABLE_LOCAL)) ==
        "10.0.0.2/32 link 258 main");
  constexpr std::size_t kType = 23;
  CHECK(route_text(with(from_hex(kHostRouteReply), kType, RTN_BROADCAST)) ==
        "10.0.0.2/32 link 258");
  constexpr std::size_t kTableAttribute = 30;
  const Bytes without = with(from_hex(kHostRouteReply), kTableAttribute, RTA_PRIORITY);
  CHECK(route_text(without) == "10.0.0.2/32 link 258 main other metric");
  CHECK(route_text(with(without, kTable, RT_TABLE_LOCAL)) == "10.0.0.2/32 link 258 other metric");
}

TEST_CASE("a route that leads nowhere is named as ip(8) names it") {
  constexpr std::size_t kType = 23;
  constexpr auto kRefusals =
      std::to_array<std::pair<std::size_t, std::string_view>>({{RTN_BLACKHOLE, "blackhole"},
                                                               {RTN_UNREACHABLE, "unreachable"},
                                                               {RTN_PROHIBIT, "prohibit"},
                                                               {RTN_THROW, "throw"}});
  for (const auto& [type, name] : kRefusals)
    CHECK(route_text(with(from_hex(kHostRouteReply), kType, type)) ==
          std::string(name) + " 10.0.0.2/32 link 258 main");
}

TEST_CASE("a metric is ours where it is the one that the kernel gives by itself") {
  constexpr std::size_t kMetric = 60;  // of 1024 in kIpv6RouteReply
  CHECK(route_text(with(from_hex(kIpv6RouteReply), kMetric, 1)) ==
        "fd01::/64 link 258 main other metric");
  constexpr std::size_t kSourceAttribute = 46;  // RTA_PREFSRC in kNetworkRouteReply
  CHECK(route_text(with(from_hex(kNetworkRouteReply), kSourceAttribute, RTA_PRIORITY)) ==
        "10.0.0.0/24 link 258 main other metric");
}

TEST_CASE("a message of another type is not decoded") {
  for (const auto hex : kReplies) {
    const Bytes message = from_hex(hex);
    const int type = std::to_integer<int>(message[4]);
    CAPTURE(type);
    CHECK(decode_link(message).has_value() == (type == RTM_NEWLINK));
    CHECK(decode_address(message).has_value() == (type == RTM_NEWADDR));
    CHECK(decode_route(message).has_value() == (type == RTM_NEWROUTE));
    for (const std::size_t other : kOtherTypes) CHECK_FALSE(is_decoded(with(message, 4, other)));
  }
}

TEST_CASE("a message that is cut short is not decoded") {
  CHECK_FALSE(is_decoded({}));
  for (const auto hex : kReplies) {
    const Bytes whole = from_hex(hex);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      CAPTURE(hex, size);
      CHECK_FALSE(is_decoded({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}));
    }
  }
}

TEST_CASE("a message is not read behind the length that it gives itself") {
  for (const auto hex : kReplies) {
    const Bytes whole = from_hex(hex);
    const std::size_t headers = whole[4] == std::byte{RTM_NEWLINK}   ? 32
                                : whole[4] == std::byte{RTM_NEWADDR} ? 24
                                                                     : 28;
    for (std::size_t size = 0; size < headers; ++size)
      CHECK_FALSE(is_decoded(with(whole, 0, size)));
    for (std::size_t size = headers; size <= whole.size(); ++size) {
      const Bytes cut{whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)};
      CHECK_FALSE(is_decoded(with(cut, 0, size + 1)));
      // Messages are padded to four bytes.
      if (is_decoded(with(cut, 0, size))) CHECK(size % 4 == 0);
    }
  }
  CHECK(link_text(with(from_hex(kLinkReply), 0, 32)) == "258 - - carrier");
  CHECK(address_text(with(from_hex(kIpv4AddressReply), 0, 24)) == "none");
}

TEST_CASE("attributes of a wrong size are not taken") {
  // The size of the attribute at an offset of the message, made one less.
  const auto shortened = [](std::string_view hex, std::size_t offset) {
    const Bytes message = from_hex(hex);
    return with(message, offset, std::to_integer<std::size_t>(message[offset]) - 1);
  };
  CHECK(link_text(shortened(kLinkReply, 32)) == "258 - veth carrier");  // not terminated
  CHECK(link_text(shortened(kLinkReply, 56)) == "258 host0 - carrier");
  CHECK(address_text(shortened(kIpv4AddressReply, 24)) == "none");
  CHECK(address_text(shortened(kIpv6AddressReply, 24)) == "none");
  CHECK(route_text(shortened(kDefaultRouteReply, 36)) == "0.0.0.0/0 link 258 main");
  CHECK(route_text(shortened(kDefaultRouteReply, 44)) == "0.0.0.0/0 via 10.0.0.1 link 0 main");
  CHECK(route_text(shortened(kLocalRouteReply, 52)) == "10.0.0.2/32 link 0");
}

TEST_CASE("an address or a route of another family is not decoded") {
  constexpr auto kOtherFamilies = std::to_array<std::size_t>({AF_UNSPEC, AF_BRIDGE, AF_MPLS, 255});
  for (const auto family : kOtherFamilies) {
    CAPTURE(family);
    CHECK(address_text(with(from_hex(kIpv4AddressReply), 16, family)) == "none");
    CHECK(route_text(with(from_hex(kHostRouteReply), 16, family)) == "none");
  }
  // IPv4 bytes where IPv6 is said to be.
  CHECK(address_text(with(from_hex(kIpv4AddressReply), 16, AF_INET6)) == "none");
}

// Of most changes the outcome is open: AddressSanitizer watches what is read.
TEST_CASE("whatever byte is wrong, nothing behind the message is read") {
  constexpr auto kBytes =
      std::to_array<std::size_t>({0x00, 0x01, 0x03, 0x04, 0x05, 0x10, 0x7f, 0x80, 0xff});
  for (const auto hex : kReplies) {
    const Bytes good = from_hex(hex);
    for (std::size_t i = 0; i < good.size(); ++i)
      for (const auto value : kBytes) is_decoded(with(good, i, value));
    CHECK(is_decoded(good));
  }
}
