// The socket to the kernel's routing family: sends batches, gives back answers.
#pragma once

#include <linux/netlink.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "common/base/descriptor.h"
#include "common/network/answers.h"
#include "common/network/message.h"

namespace container_init {

// Owns one netlink socket. Every function throws Error, Exit::system, where the kernel refuses the
// call itself; what it answers to a request is for the caller to judge.
class Rtnetlink {
 public:
  Rtnetlink();

  int descriptor() const { return socket_.get(); }

  // One answer for each message, in their order. All are sent in one call, up to kLongestBatch;
  // longer lists go in several. The kernel does not stop at a message that fails.
  std::vector<Answer> request(std::span<Message> messages);

  // Sends a dump and hands over each message of the reply.
  void dump(Message message, const std::function<void(std::span<const std::byte>)>& take);

  // As many replies as fit into a socket's default receive buffer at their largest, a link.
  static constexpr std::size_t kLongestBatch = 32;

 private:
  void request_batch(std::span<Message> messages, std::vector<Answer>& answers);
  void send(std::span<const std::byte> bytes);
  std::span<const std::byte> receive();

  // No reply is longer: NLMSG_GOODSIZE of the kernel is at most 32 KiB for a dump.
  static constexpr std::size_t kBufferSize = 32768;

  Descriptor socket_;
  std::uint32_t next_sequence_ = 1;
  alignas(nlmsghdr) std::array<std::byte, kBufferSize> buffer_;
};

// Hears of every change of a link, from its construction on.
class LinkEvents {
 public:
  LinkEvents();

  int descriptor() const { return socket_.get(); }

  // Until something changed: true; or until the deadline, which may be time_point::max(), or until
  // `interrupt` can be read (-1 for none): false.
  bool wait_until(std::chrono::steady_clock::time_point deadline, int interrupt);

 private:
  Descriptor socket_;
};

}  // namespace container_init
