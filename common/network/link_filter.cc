// SPDX-License-Identifier: MIT
#include "common/network/link_filter.h"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>

#include "common/network/link_name.h"

namespace container_init {
namespace {

using Filter = std::vector<sock_filter>;

// What a filter returns: how many bytes of the message are kept.
constexpr std::uint32_t kDrop = 0;
constexpr std::uint32_t kPass = 0xffffffff;

constexpr std::uint32_t kFirstAttribute = NLMSG_LENGTH(sizeof(ifinfomsg));

// The length of an attribute, struct nlattr, has the byte order of the machine. That of a name fits
// in one byte (ALTIFNAMSIZ in linux/if.h).
constexpr std::uint32_t kLengthByte = std::endian::native == std::endian::little ? 0 : 1;

constexpr std::size_t kWordSize = 4;
constexpr std::size_t kWordsOfLinkName = (kLongestLinkName + 1) / kWordSize;

// As the filter loads it, with the most significant byte first; zeros after the end of the name.
std::uint32_t word_of(const std::string& name, std::size_t number) {
  std::uint32_t word = 0;
  for (std::size_t i = number * kWordSize; i < (number + 1) * kWordSize; ++i)
    word = word << 8 | (i < name.size() ? static_cast<unsigned char>(name[i]) : 0U);
  return word;
}

// The accumulator A becomes the position of the first attribute of the type, 0 where there is none:
// from position A on (SKF_AD_NLATTR), or within the attribute at A (SKF_AD_NLATTR_NEST).
void find_attribute(Filter& filter, int extension, std::uint32_t type) {
  filter.push_back(BPF_STMT(BPF_LDX | BPF_IMM, type));
  filter.push_back(
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(SKF_AD_OFF + extension)));
}

void find_in_message(Filter& filter, std::uint32_t type) {
  filter.push_back(BPF_STMT(BPF_LD | BPF_IMM, kFirstAttribute));
  find_attribute(filter, SKF_AD_NLATTR, type);
}

void return_if_zero(Filter& filter, std::uint32_t result) {
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1));
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, result));
}

// `load` gives the instruction that loads a word of the link's name into A.
template <typename Load>
void pass_if_equal(Filter& filter, const std::string& name, Load load) {
  const std::size_t words = name.size() / kWordSize + 1;  // with the final NUL
  for (std::size_t i = 0; i < words; ++i) {
    const auto to_the_end = static_cast<std::uint8_t>(2 * (words - i) - 1);
    filter.push_back(load(static_cast<std::uint32_t>(i)));
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, word_of(name, i), 0, to_the_end));
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, kPass));
}

sock_filter load_from_memory(std::uint32_t word) { return BPF_STMT(BPF_LD | BPF_MEM, word); }

// From the value of the attribute at the index register X.
sock_filter load_from_attribute(std::uint32_t word) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_IND,
                  static_cast<std::uint32_t>(sizeof(nlattr) + word * kWordSize));
}

// The name is copied to memory first: there each comparison of a word is two instructions, where a
// load from the message would become a dozen, of which a socket may have a few thousand.
void judge_name(Filter& filter, const LinkNames& names) {
  find_in_message(filter, IFLA_IFNAME);
  return_if_zero(filter, kPass);
  filter.push_back(BPF_STMT(BPF_MISC | BPF_TAX, 0));
  for (std::uint32_t word = 0; word < kWordsOfLinkName; ++word) {
    filter.push_back(load_from_attribute(word));
    filter.push_back(BPF_STMT(BPF_ST, word));
  }
  for (const std::string& name : names)
    pass_if_equal(filter, short_link_name(name), load_from_memory);
}

// The first one. The position after it is left in the first word of memory.
void judge_alternative_name(Filter& filter, const LinkNames& names) {
  constexpr std::uint32_t kLeastLength = sizeof(nlattr) + kLongestLinkName + 2;
  filter.push_back(BPF_STMT(BPF_MISC | BPF_TAX, 0));
  filter.push_back(BPF_STMT(BPF_LD | BPF_B | BPF_IND, kLengthByte));
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kLeastLength, 1, 0));
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, kPass));
  filter.push_back(BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, NLA_ALIGNTO - 1));
  filter.push_back(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, ~std::uint32_t{NLA_ALIGNTO - 1}));
  filter.push_back(BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0));
  filter.push_back(BPF_STMT(BPF_ST, 0));
  for (const std::string& name : names)
    if (name.size() > kLongestLinkName) pass_if_equal(filter, name, load_from_attribute);
}

void judge_alternative_names(Filter& filter, const LinkNames& names) {
  find_in_message(filter, IFLA_PROP_LIST);
  return_if_zero(filter, kDrop);
  find_attribute(filter, SKF_AD_NLATTR_NEST, IFLA_ALT_IFNAME);
  return_if_zero(filter, kDrop);
  judge_alternative_name(filter, names);
  filter.push_back(BPF_STMT(BPF_LD | BPF_MEM, 0));
  find_attribute(filter, SKF_AD_NLATTR, IFLA_ALT_IFNAME);
  return_if_zero(filter, kDrop);
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, kPass));
}

// The position of a member of the header that follows nlmsghdr.
constexpr std::uint32_t in_header(std::size_t member) {
  return static_cast<std::uint32_t>(NLMSG_HDRLEN + member);
}

// A filter loads numbers with the most significant byte first, whatever the machine's order is.
void skip_unless_type(Filter& filter, std::uint16_t type, std::uint8_t instructions) {
  filter.push_back(BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(nlmsghdr, nlmsg_type)));
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(type), 0, instructions));
}

void drop_unless_up(Filter& filter, std::size_t flags) {
  filter.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, in_header(flags)));
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, htonl(IFF_UP), 1, 0));
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, kDrop));
}

}  // namespace

std::vector<sock_filter> make_link_filter(const LinkNames& names) {
  Filter filter;
  judge_name(filter, names);
  judge_alternative_names(filter, names);
  return filter;
}

std::vector<sock_filter> make_loss_filter() {
  Filter filter;
  skip_unless_type(filter, RTM_DELADDR, 3);  // and not one that has expired
  filter.push_back(BPF_STMT(BPF_LD | BPF_B | BPF_ABS, in_header(offsetof(ifaddrmsg, ifa_flags))));
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, IFA_F_PERMANENT, 0, 1));
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, kPass));
  skip_unless_type(filter, RTM_DELROUTE, 3);
  filter.push_back(BPF_STMT(BPF_LD | BPF_B | BPF_ABS, in_header(offsetof(rtmsg, rtm_protocol))));
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, RTPROT_BOOT, 0, 1));
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, kPass));
  skip_unless_type(filter, RTM_DELLINK, 3);  // of AF_BRIDGE: a port has left its bridge
  filter.push_back(BPF_STMT(BPF_LD | BPF_B | BPF_ABS, in_header(offsetof(ifinfomsg, ifi_family))));
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_BRIDGE, 0, 1));
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, kPass));
  skip_unless_type(filter, RTM_NEWLINK, 7);
  drop_unless_up(filter, offsetof(ifinfomsg, ifi_flags));
  drop_unless_up(filter, offsetof(ifinfomsg, ifi_change));
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, kPass));
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, kDrop));
  return filter;
}

}  // namespace container_init
