// SPDX-License-Identifier: MIT
#include "common/network/codec.h"

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "common/base/error.h"

namespace container_init {
namespace {

std::span<const std::uint8_t> bytes_of(const Address& address) {
  return std::span(address.bytes).first(address.size());
}

int index_of(const std::string& link, const Links& links, const Operation& operation) {
  const auto found = links.find(link);
  if (found == links.end()) throw system_error(ENODEV, describe(operation));
  return found->second.index;
}

Message get_link(const ifinfomsg& header) {
  Message message(RTM_GETLINK, 0);
  message.put_header(header);
  return message;
}

Message encode_concrete(const SetLink& set, const Links& links) {
  Message message(RTM_NEWLINK, 0);
  ifinfomsg header{};
  header.ifi_index = index_of(set.link, links, set);
  header.ifi_flags = IFF_UP;
  header.ifi_change = IFF_UP;
  message.put_header(header);
  if (!set.new_name.empty()) message.put(IFLA_IFNAME, set.new_name);
  if (set.address) message.put(IFLA_ADDRESS, std::span(*set.address));
  if (set.mtu != 0) message.put(IFLA_MTU, set.mtu);
  if (!set.master.empty())
    message.put(IFLA_MASTER, static_cast<std::uint32_t>(index_of(set.master, links, set)));
  if (set.leaves_master) message.put(IFLA_MASTER, 0U);
  return message;
}

Message encode_concrete(const DeleteLink& removed, const Links& links) {
  Message message(RTM_DELLINK, 0);
  ifinfomsg header{};
  header.ifi_index = index_of(removed.link, links, removed);
  message.put_header(header);
  return message;
}

// For AddAddress and DeleteAddress.
template <typename Change>
Message encode_address(std::uint16_t type, std::uint16_t flags, const Change& change,
                       const Links& links) {
  const Prefix& prefix = change.address;
  Message message(type, flags);
  ifaddrmsg header{};
  header.ifa_family = static_cast<std::uint8_t>(prefix.address.family);
  header.ifa_prefixlen = prefix.length;
  header.ifa_flags = prefix.address.family == Family::ipv6 ? IFA_F_NODAD : 0;
  header.ifa_index = static_cast<unsigned>(index_of(change.link, links, change));
  message.put_header(header);
  message.put(IFA_LOCAL, bytes_of(prefix.address));
  message.put(IFA_ADDRESS, bytes_of(prefix.address));
  return message;
}

Message encode_concrete(const AddAddress& added, const Links& links) {
  return encode_address(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, added, links);
}

Message encode_concrete(const DeleteAddress& removed, const Links& links) {
  return encode_address(RTM_DELADDR, 0, removed, links);
}

// The metric that the kernel gives a route that is added without one (fib_frontend.c;
// IP6_RT_PRIO_USER in linux/ipv6_route.h).
std::uint32_t default_metric(Family family) { return family == Family::ipv4 ? 0 : 1024; }

// For AddRoute and DeleteRoute.
template <typename Change>
Message encode_route(std::uint16_t type, std::uint16_t flags, const Change& change,
                     const Links& links) {
  const Prefix& to = change.destination;
  Message message(type, flags);
  rtmsg header{};
  header.rtm_family = static_cast<std::uint8_t>(to.address.family);
  header.rtm_dst_len = to.length;
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = RTPROT_BOOT;
  header.rtm_scope = change.gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
  header.rtm_type = RTN_UNICAST;
  message.put_header(header);
  if (to.length > 0) message.put(RTA_DST, bytes_of(to.address));
  if (change.gateway) message.put(RTA_GATEWAY, bytes_of(*change.gateway));
  message.put(RTA_OIF, static_cast<std::uint32_t>(index_of(change.link, links, change)));
  return message;
}

Message encode_concrete(const AddRoute& added, const Links& links) {
  return encode_route(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, added, links);
}

// With the metric, as the kernel would delete a route with any.
Message encode_concrete(const DeleteRoute& removed, const Links& links) {
  Message message = encode_route(RTM_DELROUTE, 0, removed, links);
  message.put(RTA_PRIORITY, default_metric(removed.destination.address.family));
  return message;
}

Message encode_concrete(const DeleteNeighbour& removed, const Links& links) {
  Message message(RTM_DELNEIGH, 0);
  ndmsg header{};
  header.ndm_family = static_cast<std::uint8_t>(removed.address.family);
  header.ndm_ifindex = index_of(removed.link, links, removed);
  message.put_header(header);
  message.put(NDA_DST, bytes_of(removed.address));
  return message;
}

// ip-route(8)'s names of the route types that do not forward.
std::string_view refusal_of(std::uint8_t type) {
  switch (type) {
    case RTN_BLACKHOLE:
      return "blackhole";
    case RTN_UNREACHABLE:
      return "unreachable";
    case RTN_PROHIBIT:
      return "prohibit";
    case RTN_THROW:
      return "throw";
    default:
      return {};
  }
}

// The header after nlmsghdr; nullptr unless the message is complete and of this type. libmnl reads
// attributes up to the next multiple of four bytes.
template <typename Header>
const Header* header_of(std::span<const std::byte> message, std::uint16_t type) {
  const auto* header = reinterpret_cast<const nlmsghdr*>(message.data());
  if (message.size() < sizeof(nlmsghdr) ||
      MNL_ALIGN(std::size_t{header->nlmsg_len}) > message.size() || header->nlmsg_type != type ||
      header->nlmsg_len < mnl_nlmsg_size(sizeof(Header)))
    return nullptr;
  return static_cast<const Header*>(mnl_nlmsg_get_payload(header));
}

// Above the highest type of an attribute that is asked for.
constexpr std::size_t kTypes = IFLA_LINK_NETNSID + 1;
static_assert(kTypes > IFLA_LINKINFO && kTypes > IFLA_LINK && kTypes > RTA_TABLE &&
              kTypes > IFA_ADDRESS);

// Attributes by type; those of higher types are ignored.
class Attributes {
 public:
  Attributes(std::span<const std::byte> message, unsigned offset) {
    mnl_attr_parse(reinterpret_cast<const nlmsghdr*>(message.data()), offset, &keep, this);
  }
  explicit Attributes(const nlattr* nest) { mnl_attr_parse_nested(nest, &keep, this); }

  const nlattr* get(std::size_t type, mnl_attr_data_type expected) const {
    const nlattr* attribute = attributes_[type];
    return attribute != nullptr && mnl_attr_validate(attribute, expected) == 0 ? attribute
                                                                               : nullptr;
  }

  std::uint32_t number(std::size_t type) const {
    const nlattr* attribute = get(type, MNL_TYPE_U32);
    return attribute ? mnl_attr_get_u32(attribute) : 0;
  }

  std::string text(std::size_t type) const {
    const nlattr* attribute = get(type, MNL_TYPE_NUL_STRING);
    return attribute ? mnl_attr_get_str(attribute) : std::string{};
  }

  std::optional<Address> address(std::size_t type, Family family) const {
    Address address;
    address.family = family;
    const nlattr* attribute = attributes_[type];
    if (!attribute || mnl_attr_get_payload_len(attribute) != address.size()) return std::nullopt;
    std::memcpy(address.bytes.data(), mnl_attr_get_payload(attribute), address.size());
    return address;
  }

 private:
  static int keep(const nlattr* attribute, void* self) {
    if (const auto type = mnl_attr_get_type(attribute); type < kTypes)
      static_cast<Attributes*>(self)->attributes_[type] = attribute;
    return MNL_CB_OK;
  }

  std::array<const nlattr*, kTypes> attributes_{};
};

std::string kind_of(const nlattr* link_info) {
  if (!link_info) return {};
  return Attributes(link_info).text(IFLA_INFO_KIND);
}

std::optional<Family> family_of(std::uint8_t family) {
  if (family == AF_INET) return Family::ipv4;
  if (family == AF_INET6) return Family::ipv6;
  return std::nullopt;
}

}  // namespace

Message encode_get_link(const std::string& name) {
  Message message = get_link({});
  message.put(IFLA_IFNAME, name);
  return message;
}

Message encode_get_link_by_alternative_name(const std::string& name) {
  Message message = get_link({});
  message.put(IFLA_ALT_IFNAME, name);
  return message;
}

Message encode_get_link(int index) {
  ifinfomsg header{};
  header.ifi_index = index;
  return get_link(header);
}

Message encode_get_route(const Address& destination) {
  Message message(RTM_GETROUTE, 0);
  rtmsg header{};
  header.rtm_family = static_cast<std::uint8_t>(destination.family);
  header.rtm_dst_len = static_cast<std::uint8_t>(destination.bits());
  header.rtm_flags = RTM_F_FIB_MATCH | RTM_F_LOOKUP_TABLE;
  message.put_header(header);
  message.put(RTA_DST, bytes_of(destination));
  return message;
}

Message encode_get_address(const Address& address, int link_index) {
  Message message(RTM_GETADDR, 0);
  ifaddrmsg header{};
  header.ifa_family = static_cast<std::uint8_t>(address.family);
  header.ifa_index = static_cast<unsigned>(link_index);
  message.put_header(header);
  message.put(IFA_ADDRESS, bytes_of(address));
  return message;
}

Message encode_dump_routes(Family family) {
  Message message(RTM_GETROUTE, NLM_F_DUMP);
  rtmsg header{};
  header.rtm_family = static_cast<std::uint8_t>(family);
  message.put_header(header);
  return message;
}

Message encode(const Operation& operation, const Links& links) {
  return std::visit([&](const auto& concrete) { return encode_concrete(concrete, links); },
                    operation);
}

int decode_loss(std::span<const std::byte> message) {
  if (const auto* removed = header_of<ifaddrmsg>(message, RTM_DELADDR))
    return static_cast<int>(removed->ifa_index);
  if (header_of<rtmsg>(message, RTM_DELROUTE))
    return static_cast<int>(Attributes(message, sizeof(rtmsg)).number(RTA_OIF));
  if (const auto* port = header_of<ifinfomsg>(message, RTM_DELLINK))
    return port->ifi_family == AF_BRIDGE ? port->ifi_index : 0;
  const auto* link = header_of<ifinfomsg>(message, RTM_NEWLINK);
  return link && (link->ifi_change & link->ifi_flags & IFF_UP) != 0 ? link->ifi_index : 0;
}

bool is_brought_up(std::span<const std::byte> message) {
  return header_of<ifinfomsg>(message, RTM_NEWLINK) != nullptr;
}

std::optional<Link> decode_link(std::span<const std::byte> message) {
  const auto* header = header_of<ifinfomsg>(message, RTM_NEWLINK);
  if (!header) return std::nullopt;
  const Attributes attributes(message, sizeof(ifinfomsg));
  // Of a veth whose other end is in another namespace, the kernel names that too.
  const bool is_apart = attributes.get(IFLA_LINK_NETNSID, MNL_TYPE_U32) != nullptr;
  return Link{header->ifi_index,
              attributes.text(IFLA_IFNAME),
              kind_of(attributes.get(IFLA_LINKINFO, MNL_TYPE_NESTED)),
              (header->ifi_flags & IFF_RUNNING) != 0,
              (header->ifi_flags & IFF_UP) != 0,
              is_apart ? 0 : static_cast<int>(attributes.number(IFLA_LINK))};
}

std::optional<Route> decode_route(std::span<const std::byte> message) {
  const auto* header = header_of<rtmsg>(message, RTM_NEWROUTE);
  const auto family = header ? family_of(header->rtm_family) : std::nullopt;
  if (!family) return std::nullopt;
  const Attributes attributes(message, sizeof(rtmsg));
  const std::uint32_t table = attributes.number(RTA_TABLE);
  Route route;
  const auto destination = attributes.address(RTA_DST, *family);
  if (!destination && header->rtm_dst_len != 0) return std::nullopt;
  route.destination = {destination.value_or(Address{*family, {}}), header->rtm_dst_len};
  route.gateway = attributes.address(RTA_GATEWAY, *family);
  route.link_index = static_cast<int>(attributes.number(RTA_OIF));
  // Where the kernel has merged the local table into main, a lookup reports main for both; routes
  // of the local table are recognised by their type.
  route.in_main_table = (table != 0 ? table : header->rtm_table) == RT_TABLE_MAIN &&
                        header->rtm_type != RTN_LOCAL && header->rtm_type != RTN_BROADCAST;
  route.is_local = header->rtm_type == RTN_LOCAL || header->rtm_type == RTN_BROADCAST ||
                   header->rtm_type == RTN_ANYCAST;
  route.has_our_metric = attributes.number(RTA_PRIORITY) == default_metric(*family);
  route.refusal = refusal_of(header->rtm_type);
  return route;
}

std::optional<Prefix> decode_address(std::span<const std::byte> message) {
  const auto* header = header_of<ifaddrmsg>(message, RTM_NEWADDR);
  const auto family = header ? family_of(header->ifa_family) : std::nullopt;
  if (!family) return std::nullopt;
  const auto address = Attributes(message, sizeof(ifaddrmsg)).address(IFA_ADDRESS, *family);
  if (!address) return std::nullopt;
  return Prefix{*address, header->ifa_prefixlen};
}

}  // namespace container_init
