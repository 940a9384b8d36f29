// SPDX-License-Identifier: MIT
// Sockets of the rtnetlink family, rtnetlink(7): requests to the kernel, and changes of links.
#pragma once

#include <linux/netlink.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "common/base/descriptor.h"
#include "common/network/answers.h"
#include "common/network/link.h"
#include "common/network/message.h"

namespace container_init {

// Owns one netlink socket. Every function throws Error, Exit::system, if a system call fails;
// whether the answer to a request is an error is for the caller to judge.
class Rtnetlink {
 public:
  Rtnetlink();

  int descriptor() const { return socket_.get(); }

  // Returns one answer for each message, in their order. They are sent in batches of kLongestBatch,
  // one call each. The kernel goes on after a message that fails.
  std::vector<Answer> request(std::span<Message> messages);

  // Sends a dump request and calls `take` with each message of the reply.
  void dump(Message message, const std::function<void(std::span<const std::byte>)>& take);

  // A socket's default receive buffer has room for as many replies of the largest kind, links.
  static constexpr std::size_t kLongestBatch = 32;

 private:
  void request_batch(std::span<Message> messages, std::vector<Answer>& answers);
  void send(std::span<const std::byte> bytes);
  std::span<const std::byte> receive();

  // The longest reply: the kernel sends at most 32 KiB at once for a dump (netlink_dump()).
  static constexpr std::size_t kBufferSize = 32768;

  Descriptor socket_;
  std::uint32_t next_sequence_ = 1;
  alignas(nlmsghdr) std::array<std::byte, kBufferSize> buffer_;
};

// Notifications of changes of links with these names, from the construction on; where the kernel
// takes no filter, of every link.
class LinkEvents {
 public:
  explicit LinkEvents(const LinkNames& names);

  int descriptor() const { return socket_.get(); }

  // Waits for a change and returns true; false at the deadline, which may be time_point::max(), or
  // when `interrupt` is readable (-1 for none).
  bool wait_until(std::chrono::steady_clock::time_point deadline, int interrupt);

 private:
  Descriptor socket_;
};

// Notifications of what may have taken addresses, routes or the bridge from a link. The caller has
// opened the socket, has made it a member of the groups, and closes it.
class LossEvents {
 public:
  // Error, Exit::usage, if the descriptor is no socket of rtnetlink.
  explicit LossEvents(int socket);

  struct Losses {
    std::set<int> links;       // by index
    std::set<int> brought_up;  // those of them that were
    bool others = false;       // and more, for which the socket had no room
  };

  // Waits for a notification, and takes all that come with it in a fifth of a second; nothing when
  // the time is over.
  std::optional<Losses> wait(std::chrono::milliseconds limit);

 private:
  int socket_;
};

}  // namespace container_init
