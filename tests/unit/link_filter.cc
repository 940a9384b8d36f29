// SPDX-License-Identifier: MIT
#include "common/network/link_filter.h"

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <array>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include <fmt/core.h>

#include "common/base/descriptor.h"
#include "common/network/codec.h"
#include "common/network/link_name.h"
#include "tests/unit/catch.h"

using namespace container_init;

namespace {

const LinkNames kNames{"ve-web", "lan0", "ve-really-long-long-name-2"};

struct ReportedLink {
  std::string name;
  std::vector<std::string> alternative_names{};
};

using Buffer = std::array<char, 4096>;

// As the kernel does it in rtnl_fill_ifinfo(): the alternative names are behind everything else.
std::string report(const ReportedLink& link, std::uint16_t type = RTM_NEWLINK) {
  alignas(nlmsghdr) Buffer buffer{};
  nlmsghdr* message = mnl_nlmsg_put_header(buffer.data());
  message->nlmsg_type = type;
  mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg));
  if (!link.name.empty()) mnl_attr_put_strz(message, IFLA_IFNAME, link.name.c_str());
  for (const std::uint16_t number : {IFLA_TXQLEN, IFLA_MTU, IFLA_GROUP, IFLA_PROMISCUITY})
    mnl_attr_put_u32(message, number, 0);
  if (!link.alternative_names.empty()) {
    nlattr* nest = mnl_attr_nest_start(message, IFLA_PROP_LIST);
    for (const std::string& name : link.alternative_names)
      mnl_attr_put_strz(message, IFLA_ALT_IFNAME, name.c_str());
    mnl_attr_nest_end(message, nest);
  }
  return {buffer.data(), message->nlmsg_len};
}

// Every datagram socket takes such a filter, and runs it when a message arrives.
class FilteredSocket {
 public:
  explicit FilteredSocket(const LinkNames& names) : FilteredSocket(make_link_filter(names)) {}

  explicit FilteredSocket(std::vector<sock_filter> filter) {
    std::array<int, 2> ends{};
    REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    writer_ = Descriptor(ends[0]);
    reader_ = Descriptor(ends[1]);
    const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
    REQUIRE(setsockopt(ends[1], SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0);
  }

  // Whether it arrives, and as it was sent.
  bool passes(const std::string& message) const {
    REQUIRE(send(writer_.get(), message.data(), message.size(), 0) ==
            static_cast<ssize_t>(message.size()));
    Buffer buffer;
    const ssize_t size = recv(reader_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    return size >= 0 && std::string(buffer.data(), static_cast<std::size_t>(size)) == message;
  }

 private:
  Descriptor writer_;
  Descriptor reader_;
};

// A notification with this header, and link 7 as the one that a route leads to.
template <typename Header>
std::string notification(std::uint16_t type, const Header& header) {
  alignas(nlmsghdr) Buffer buffer{};
  nlmsghdr* message = mnl_nlmsg_put_header(buffer.data());
  message->nlmsg_type = type;
  *static_cast<Header*>(mnl_nlmsg_put_extra_header(message, sizeof(header))) = header;
  if constexpr (std::is_same_v<Header, rtmsg>) mnl_attr_put_u32(message, RTA_OIF, 7);
  return {buffer.data(), message->nlmsg_len};
}

std::string address_notification(std::uint16_t type, unsigned char flags = IFA_F_PERMANENT) {
  return notification(type, ifaddrmsg{AF_INET, 32, flags, RT_SCOPE_UNIVERSE, 7});
}

std::string route_notification(std::uint16_t type, int protocol) {
  rtmsg header{};
  header.rtm_family = AF_INET6;
  header.rtm_protocol = static_cast<unsigned char>(protocol);
  return notification(type, header);
}

std::string link_notification(std::uint16_t type, unsigned flags, unsigned change,
                              unsigned char family = AF_UNSPEC) {
  return notification(type, ifinfomsg{family, 0, 0, 7, flags, change});
}

int loss(const std::string& message) {
  alignas(nlmsghdr) Buffer buffer{};
  message.copy(buffer.data(), message.size());
  return decode_loss(std::as_bytes(std::span(buffer).first(message.size())));
}

}  // namespace

TEST_CASE("links are heard of by their names") {
  const FilteredSocket socket(kNames);
  for (const auto* name : {"ve-web", "lan0", "ve-really-lFYWO"}) {
    CAPTURE(name);
    CHECK(socket.passes(report({name})));
    CHECK(socket.passes(report({name}, RTM_DELLINK)));
    CHECK(socket.passes(report({name, {"ve-really-long-other-name"}})));
  }
}

TEST_CASE("other links are not heard of") {
  const FilteredSocket socket(kNames);
  for (const auto* name :
       {"a", "ve-we", "ve-webb", "ve-weba", "ve-db", "lan", "lan1", "lan00", "xve-web", "VE-WEB",
        "ve-really-lFYWP", "ve-really-lFYW", "ve-really-long"}) {
    CAPTURE(name);
    CHECK_FALSE(socket.passes(report({name})));
    CHECK_FALSE(socket.passes(report({name}, RTM_DELLINK)));
  }
}

TEST_CASE("a link is heard of by its long alternative name") {
  const FilteredSocket socket(kNames);
  CHECK(socket.passes(report({"other0", {"ve-really-long-long-name-2"}})));
  for (const auto* name :
       {"ve-really-long-long-name-3", "ve-really-long-long-name-", "ve-really-long-long-name-20",
        "ve-sixteen-long0", "ve-a-name-that-differs-early-and-is-much-longer-than-any-of-ours"}) {
    CAPTURE(name);
    CHECK_FALSE(socket.passes(report({"other0", {name}})));
  }
}

TEST_CASE("links with other alternative names are heard of") {
  const FilteredSocket socket(kNames);
  CHECK(socket.passes(report({"other0", {"lan0"}})));
  CHECK(socket.passes(report({"other0", {"fifteen-letters"}})));
  CHECK(socket.passes(report({"other0", {"ve-another-long-name", "ve-really-long-long-name-2"}})));
}

TEST_CASE("without a long name all long alternative names are those of other links") {
  const FilteredSocket socket(LinkNames{"ve-web"});
  CHECK_FALSE(socket.passes(report({"other0", {"ve-really-long-long-name-2"}})));
  CHECK(socket.passes(report({"other0", {"br0"}})));
}

TEST_CASE("what names no link is heard of") {
  CHECK(FilteredSocket(kNames).passes(report({""})));
  CHECK(FilteredSocket(LinkNames{}).passes(report({""})));
  CHECK_FALSE(FilteredSocket(LinkNames{}).passes(report({"ve-web"})));
}

TEST_CASE("every length of a name is compared to its end") {
  for (std::size_t size = 1; size <= 67; ++size) {
    const std::string name(size, 'x');
    const FilteredSocket socket(LinkNames{name});
    const auto reported = [&](const std::string& text) {
      return size <= kLongestLinkName ? ReportedLink{text} : ReportedLink{"other0", {text}};
    };
    CAPTURE(size);
    CHECK(socket.passes(report(reported(name))));
    CHECK_FALSE(socket.passes(report(reported(name.substr(0, size - 1) + 'y'))));
    if (size != kLongestLinkName) CHECK_FALSE(socket.passes(report(reported(name + 'x'))));
  }
}

TEST_CASE("the kernel takes the filter of a container with many pairs") {
  LinkNames names;
  for (int i = 0; i < 256; ++i) names.insert(fmt::format("lan{}", i));
  const FilteredSocket socket(names);
  CHECK(socket.passes(report({"lan255"})));
  CHECK_FALSE(socket.passes(report({"lan256"})));
}

TEST_CASE("what a link may lack is heard of") {
  const FilteredSocket socket(make_loss_filter());
  for (const std::string& message :
       {address_notification(RTM_DELADDR), route_notification(RTM_DELROUTE, RTPROT_BOOT),
        link_notification(RTM_NEWLINK, IFF_UP, IFF_UP),
        link_notification(RTM_NEWLINK, IFF_UP | IFF_RUNNING, ~0U),
        link_notification(RTM_DELLINK, IFF_UP, 0, AF_BRIDGE)}) {
    CHECK(socket.passes(message));
    CHECK(loss(message) == 7);
  }
}

TEST_CASE("an address that a router has given and that expires is not heard of") {
  const FilteredSocket socket(make_loss_filter());
  CHECK_FALSE(socket.passes(address_notification(RTM_DELADDR, 0)));
  CHECK_FALSE(socket.passes(address_notification(RTM_DELADDR, IFA_F_TEMPORARY)));
}

TEST_CASE("what a link gets, and what takes nothing from it, is not heard of") {
  const FilteredSocket socket(make_loss_filter());
  for (const std::string& message :
       {address_notification(RTM_NEWADDR), route_notification(RTM_NEWROUTE, RTPROT_BOOT),
        link_notification(RTM_NEWLINK, 0, IFF_UP), link_notification(RTM_NEWLINK, 0, ~0U),
        link_notification(RTM_NEWLINK, IFF_UP, 0),
        link_notification(RTM_NEWLINK, IFF_UP, IFF_PROMISC),
        link_notification(RTM_NEWLINK, IFF_UP, 0, AF_BRIDGE),
        link_notification(RTM_DELLINK, IFF_UP, IFF_UP)}) {
    CHECK_FALSE(socket.passes(message));
    CHECK(loss(message) == 0);
  }
  for (const int protocol : {RTPROT_KERNEL, RTPROT_STATIC, RTPROT_BIRD})
    CHECK_FALSE(socket.passes(route_notification(RTM_DELROUTE, protocol)));
}
