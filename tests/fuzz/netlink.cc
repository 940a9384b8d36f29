// SPDX-License-Identifier: MIT
// Replies of the kernel, of any bytes; and operations of any values, whose messages say what they
// were made from.

#include <cstring>
#include <vector>

#include "common/base/error.h"
#include "common/network/answers.h"
#include "common/network/codec.h"
#include "tests/fuzz/fuzz.h"

using namespace container_init;

namespace {

// Hands out the input in pieces; zeros behind its end.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}

  template <typename Value>
  Value take() {
    Value value{};
    const std::size_t taken = size_ < sizeof(value) ? size_ : sizeof(value);
    std::memcpy(&value, data_, taken);
    data_ += taken;
    size_ -= taken;
    return value;
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
};

Prefix take_prefix(Input& input) {
  Prefix prefix;
  prefix.address.family = input.take<std::uint8_t>() % 2 == 0 ? Family::ipv4 : Family::ipv6;
  const auto bytes = input.take<std::array<std::uint8_t, 16>>();
  std::memcpy(prefix.address.bytes.data(), bytes.data(), prefix.address.size());
  prefix.length =
      static_cast<std::uint8_t>(input.take<std::uint8_t>() % (prefix.address.bits() + 1));
  return prefix;
}

Links one_link(Input& input) {
  Link link;
  link.index = input.take<int>();
  link.name = "eth0";
  return {{"eth0", link}};
}

void check_address(const Prefix& prefix, const Links& links) {
  const Message message = encode(AddAddress{"eth0", prefix}, links);
  const auto decoded = decode_address(message.bytes());
  fuzz::require(decoded == prefix, "an address decodes to itself");
}

void check_route(const Prefix& prefix, const std::optional<Address>& gateway, const Links& links) {
  const Message message = encode(AddRoute{"eth0", prefix.network(), gateway}, links);
  const auto decoded = decode_route(message.bytes());
  fuzz::require(decoded && decoded->destination == prefix.network(),
                "a route keeps where it leads");
  fuzz::require(decoded->gateway == gateway, "a route keeps its gateway");
  fuzz::require(decoded->link_index == links.at("eth0").index, "a route keeps its link");
}

void check_plan(Input input) {
  const Links links = one_link(input);
  const Prefix prefix = take_prefix(input);
  check_address(prefix, links);
  check_route(prefix, std::nullopt, links);
  Prefix gateway = take_prefix(input);
  if (gateway.address.family == prefix.address.family) check_route(prefix, gateway.address, links);
}

// In a buffer of its own, of exactly this size, so that each read behind its end is seen.
void check_reply(const std::uint8_t* data, std::size_t size) {
  std::vector<std::byte> bytes(size);
  if (size != 0) std::memcpy(bytes.data(), data, size);
  decode_link(bytes);
  decode_route(bytes);
  decode_address(bytes);
  Answers answers(1, 4);
  try {
    answers.take(bytes);
  } catch (const Error&) {
    return;  // cut short
  }
  for (const Answer& answer : answers.release()) {
    decode_link(answer.message);
    decode_route(answer.message);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check_reply(data, size);
  check_plan(Input(data, size));
  return 0;
}
