// SPDX-License-Identifier: MIT
// One rtnetlink request, which libmnl builds in a buffer of the object.
#pragma once

#include <linux/netlink.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace container_init {

class Message {
 public:
  // NLM_F_REQUEST is always set.
  Message(std::uint16_t type, std::uint16_t flags);

  // Appends the fixed header that follows nlmsghdr for this type: ifinfomsg, ifaddrmsg, rtmsg.
  template <typename Header>
  void put_header(const Header& header) {
    put_header(&header, sizeof(header));
  }

  // Appends an attribute. Error if the buffer is full, which no valid configuration causes.
  void put(std::uint16_t type, std::span<const std::uint8_t> data);
  void put(std::uint16_t type, std::uint32_t number);
  void put(std::uint16_t type, const std::string& text);  // with its terminating NUL

  void set_sequence(std::uint32_t sequence) { header().nlmsg_seq = sequence; }
  void request_ack() { header().nlmsg_flags |= NLM_F_ACK; }

  // The kernel always answers RTM_GET*; other requests only if they fail or request_ack() is set.
  bool is_get() const;

  std::span<const std::byte> bytes() const;

 private:
  static constexpr std::size_t kCapacity = 256;

  void put_header(const void* content, std::size_t size);
  nlmsghdr& header() { return *reinterpret_cast<nlmsghdr*>(buffer_.data()); }
  const nlmsghdr& header() const { return *reinterpret_cast<const nlmsghdr*>(buffer_.data()); }

  alignas(nlmsghdr) std::array<std::byte, kCapacity> buffer_{};
};

}  // namespace container_init
