// The kernel's answers to one batch of requests, put back in the order of the requests.
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
  std::string text;                // the kernel's own words, where it has any
  std::vector<std::byte> message;  // of a query: what was asked for, with its nlmsghdr
};

// Pure: takes datagrams as they come from the socket, in any order.
class Answers {
 public:
  // For requests numbered from `first_sequence` on; `count` at least 1.
  Answers(std::uint32_t first_sequence, std::size_t count);

  // Messages of other sequence numbers are passed over. Error where one is cut short.
  void take(std::span<const std::byte> datagram);

  // The kernel works through a batch in order: once it has answered the last request, it has
  // answered all that it will.
  bool complete() const { return complete_; }

  std::vector<Answer> release() { return std::move(answers_); }

 private:
  std::uint32_t first_sequence_;
  std::vector<Answer> answers_;
  bool complete_ = false;
};

// Calls `take` with each message of a datagram. Error where one is cut short.
void for_each_message(std::span<const std::byte> datagram,
                      const std::function<void(const nlmsghdr&)>& take);

}  // namespace container_init
