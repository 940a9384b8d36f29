// SPDX-License-Identifier: MIT
#include "common/network/message.h"

#include <libmnl/libmnl.h>

#include <cerrno>
#include <cstring>

#include "common/base/error.h"

namespace container_init {
namespace {

void require_room(bool fits) {
  if (!fits) throw system_error(EMSGSIZE, "build a netlink message");
}

}  // namespace

Message::Message(std::uint16_t type, std::uint16_t flags) {
  nlmsghdr* header = mnl_nlmsg_put_header(buffer_.data());
  header->nlmsg_type = type;
  header->nlmsg_flags = NLM_F_REQUEST | flags;
}

void Message::put_header(const void* content, std::size_t size) {
  require_room(bytes().size() + size <= kCapacity);
  std::memcpy(mnl_nlmsg_put_extra_header(&header(), size), content, size);
}

void Message::put(std::uint16_t type, std::span<const std::uint8_t> data) {
  require_room(mnl_attr_put_check(&header(), kCapacity, type, data.size(), data.data()));
}

void Message::put(std::uint16_t type, std::uint32_t number) {
  require_room(mnl_attr_put_u32_check(&header(), kCapacity, type, number));
}

void Message::put(std::uint16_t type, const std::string& text) {
  require_room(mnl_attr_put_strz_check(&header(), kCapacity, type, text.c_str()));
}

// Types come in groups of four, NEW, DEL, GET, SET (linux/rtnetlink.h).
bool Message::is_get() const { return (header().nlmsg_type & 3) == 2; }

std::span<const std::byte> Message::bytes() const {
  return std::span(buffer_).first(header().nlmsg_len);
}

}  // namespace container_init
