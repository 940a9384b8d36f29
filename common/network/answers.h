// SPDX-License-Identifier: MIT
// The kernel's answers to one batch of requests, in the order of the requests.
#pragma once

#include <linux/netlink.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace container_init {

struct Answer {
  int error = 0;                   // errno; 0 where nothing failed
  std::string text;                // the kernel's own words; may be empty
  std::vector<std::byte> message;  // of a query: the reply, with its nlmsghdr
};

// Takes datagrams as they come from the socket, in any order; makes no system call.
class Answers {
 public:
  // For requests numbered from `first_sequence` on; `count` at least 1.
  Answers(std::uint32_t first_sequence, std::size_t count);

  // Ignores messages with other sequence numbers. Error if a message is truncated.
  void take(std::span<const std::byte> datagram);

  // The kernel processes a batch in order: after the answer to the last request no other one comes.
  bool complete() const { return complete_; }

  std::vector<Answer> release() { return std::move(answers_); }

 private:
  std::uint32_t first_sequence_;
  std::vector<Answer> answers_;
  bool complete_ = false;
};

// Calls `take` with each message of a datagram. Error if a message is truncated.
void for_each_message(std::span<const std::byte> datagram,
                      const std::function<void(const nlmsghdr&)>& take);

}  // namespace container_init
