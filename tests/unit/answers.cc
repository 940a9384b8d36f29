// SPDX-License-Identifier: MIT
#include "common/network/answers.h"

#include <linux/netlink.h>

#include <cerrno>
#include <cstring>
#include <limits>

#include "tests/unit/catch.h"
#include "tests/unit/values.h"

using namespace container_init;

namespace {

using Bytes = std::vector<std::byte>;

// What the kernel answered to the request number 1: to one it could carry out, and to a route with
// an impossible gateway, with NETLINK_EXT_ACK and NETLINK_CAP_ACK set or not.
constexpr std::string_view kAck =
    "24 00 00 00 02 00 00 01 01 00 00 00 00 00 00 00 00 00 00 00 20 00 00 00 10 00 05 00 "
    "01 00 00 00 00 00 00 00";
constexpr std::string_view kError =
    "48 00 00 00 02 00 00 00 01 00 00 00 00 00 00 00 9b ff ff ff 34 00 00 00 18 00 05 06 "
    "01 00 00 00 00 00 00 00 02 20 00 00 fe 03 00 01 00 00 00 00 08 00 01 00 0a 4d 00 02 "
    "08 00 05 00 c0 a8 03 03 08 00 04 00 02 01 00 00";
constexpr std::string_view kCappedError =
    "24 00 00 00 02 00 00 01 01 00 00 00 00 00 00 00 9b ff ff ff 34 00 00 00 18 00 05 06 "
    "01 00 00 00 00 00 00 00";
constexpr std::string_view kErrorWithText =
    "68 00 00 00 02 00 00 02 01 00 00 00 00 00 00 00 9b ff ff ff 34 00 00 00 18 00 05 06 "
    "01 00 00 00 00 00 00 00 02 20 00 00 fe 03 00 01 00 00 00 00 08 00 01 00 0a 4d 00 02 "
    "08 00 05 00 c0 a8 03 03 08 00 04 00 02 01 00 00 20 00 01 00 4e 65 78 74 68 6f 70 20 "
    "68 61 73 20 69 6e 76 61 6c 69 64 20 67 61 74 65 77 61 79 00";
constexpr std::string_view kCappedErrorWithText =
    "44 00 00 00 02 00 00 03 01 00 00 00 00 00 00 00 9b ff ff ff 34 00 00 00 18 00 05 06 "
    "01 00 00 00 00 00 00 00 20 00 01 00 4e 65 78 74 68 6f 70 20 68 61 73 20 69 6e 76 61 "
    "6c 69 64 20 67 61 74 65 77 61 79 00";
constexpr std::string_view kText = "Nexthop has invalid gateway";

// To a query: a message of rtnetlink, here a route.
constexpr std::string_view kRoute =
    "34 00 00 00 18 00 00 00 01 00 00 00 00 00 00 00 02 20 00 00 fe 03 fd 01 00 00 00 00 "
    "08 00 0f 00 fe 00 00 00 08 00 01 00 0a 00 00 02 08 00 04 00 02 01 00 00";

// Fields of a message that tests change, by their offsets in linux/netlink.h.
constexpr std::size_t kLength = 0;
constexpr std::size_t kFlags = 6;
constexpr std::size_t kSequence = 8;
constexpr std::size_t kErrorNumber = 16;
constexpr std::size_t kRequestLength = 20;
constexpr std::size_t kAttributeType = 38;

template <typename Number>
Bytes with(Bytes message, std::size_t offset, Number number) {
  std::memcpy(message.data() + offset, &number, sizeof(number));
  return message;
}

Bytes numbered(std::string_view hex, std::uint32_t sequence) {
  return with(from_hex(hex), kSequence, sequence);
}

Bytes joined(std::initializer_list<Bytes> messages) {
  Bytes datagram;
  for (const Bytes& message : messages)
    datagram.insert(datagram.end(), message.begin(), message.end());
  return {datagram.begin(), datagram.end()};
}

Answer answer_to(const Bytes& datagram) {
  Answers answers(1, 1);
  answers.take(datagram);
  CHECK(answers.complete());
  return answers.release().front();
}

// Of a batch that the datagram completes.
std::vector<int> errors_after(Answers answers, const Bytes& datagram) {
  answers.take(datagram);
  CHECK(answers.complete());
  std::vector<int> errors;
  for (const Answer& answer : answers.release()) errors.push_back(answer.error);
  return errors;
}

bool is_refused(const Bytes& datagram) {
  Answers answers(1, 1);
  const Caught caught = caught_from([&] { answers.take(datagram); });
  if (caught.exit == Exit::ok) return false;
  CHECK(caught.exit == Exit::system);
  CHECK(caught.lines == system_error(EBADMSG, "read the kernel's answer").lines());
  return true;
}

}  // namespace

TEST_CASE("an acknowledgement is an answer without an error") {
  const Answer answer = answer_to(from_hex(kAck));
  CHECK(answer.error == 0);
  CHECK(answer.text.empty());
  CHECK(answer.message.empty());
}

TEST_CASE("an error comes with the kernel's words, where it has any") {
  const std::vector<std::pair<std::string_view, std::string_view>> rows{
      {kError, ""},
      {kCappedError, ""},
      {kErrorWithText, kText},
      {kCappedErrorWithText, kText},
  };
  for (const auto& [hex, text] : rows) {
    const Answer answer = answer_to(from_hex(hex));
    CHECK(answer.error == ENETUNREACH);
    CHECK(answer.text == text);
    CHECK(answer.message.empty());
  }
}

TEST_CASE("what a query asked for is kept whole") {
  const Answer answer = answer_to(from_hex(kRoute));
  CHECK(answer.error == 0);
  CHECK(answer.text.empty());
  CHECK(to_hex(answer.message) == kRoute);
}

TEST_CASE("answers are put in the order of the requests") {
  Answers answers(7, 4);
  answers.take(joined({numbered(kCappedErrorWithText, 9), numbered(kRoute, 7)}));
  CHECK_FALSE(answers.complete());
  answers.take(numbered(kAck, 10));
  CHECK(answers.complete());
  const auto released = answers.release();
  REQUIRE(released.size() == 4);
  CHECK(to_hex(released[0].message) == to_hex(numbered(kRoute, 7)));
  CHECK(released[1].error == 0);
  CHECK(released[1].message.empty());
  CHECK(released[2].error == ENETUNREACH);
  CHECK(released[2].text == kText);
  CHECK(released[3].error == 0);
}

TEST_CASE("one datagram may hold all answers, last one first") {
  const Bytes datagram =
      joined({numbered(kAck, 3), numbered(kErrorWithText, 2), numbered(kCappedError, 1)});
  CHECK(errors_after(Answers(1, 3), datagram) == std::vector<int>{ENETUNREACH, ENETUNREACH, 0});
}

TEST_CASE("the answer to the last request completes a batch, whatever it is") {
  for (const auto hex : {kAck, kError, kRoute}) {
    Answers answers(1, 2);
    answers.take(numbered(hex, 1));
    CHECK_FALSE(answers.complete());
    answers.take(numbered(hex, 2));
    CHECK(answers.complete());
  }
}

TEST_CASE("messages with other sequence numbers are ignored") {
  Answers answers(10, 2);
  for (const std::uint32_t foreign : {0U, 1U, 9U, 12U, 0x7fffffffU, 0xffffffffU})
    answers.take(numbered(kError, foreign));
  CHECK_FALSE(answers.complete());
  const Bytes datagram = joined({numbered(kError, 9), numbered(kAck, 11), numbered(kError, 12)});
  CHECK(errors_after(answers, datagram) == std::vector<int>{0, 0});
}

TEST_CASE("numbers go round") {
  const Bytes datagram =
      joined({numbered(kError, 0xffffffff), numbered(kAck, 0), numbered(kError, 1)});
  CHECK(errors_after(Answers(0xffffffff, 2), datagram) == std::vector<int>{ENETUNREACH, 0});
}

TEST_CASE("an empty datagram changes nothing") {
  Answers answers(1, 1);
  answers.take({});
  CHECK_FALSE(answers.complete());
}

TEST_CASE("a message that is cut short is refused") {
  for (const auto hex : {kAck, kError, kErrorWithText, kCappedErrorWithText, kRoute}) {
    const Bytes whole = from_hex(hex);
    for (std::size_t size = 1; size < whole.size(); ++size) {
      const auto end = whole.begin() + static_cast<std::ptrdiff_t>(size);
      CAPTURE(hex, size);
      CHECK(is_refused({whole.begin(), end}));
      CHECK(is_refused(joined({whole, {whole.begin(), end}})));
    }
  }
}

TEST_CASE("so is one whose length cannot be") {
  const Bytes ack = from_hex(kAck);
  for (const std::uint32_t length :
       {0U, 1U, 15U, 16U, 35U, 37U, 0x7fffffffU, 0x80000010U, 0xfffffff0U}) {
    CAPTURE(length);
    CHECK(is_refused(with(ack, kLength, length)));
  }
}

TEST_CASE("so is one whose end is not padded to four bytes") {
  for (const auto hex : {kCappedErrorWithText, kErrorWithText, kRoute}) {
    Bytes message = from_hex(hex);
    message.pop_back();
    const auto size = static_cast<std::uint32_t>(message.size());
    CHECK(is_refused(with({message.begin(), message.end()}, kLength, size)));
  }
}

TEST_CASE("so is one that repeats a request of a length that cannot be") {
  const Bytes error = from_hex(kErrorWithText);
  for (const std::uint32_t length : {0U, 15U, 0x55U, 0x7fffffffU, 0x80000000U, 0xffffffffU}) {
    CAPTURE(length);
    CHECK(is_refused(with(error, kRequestLength, length)));
  }
  // Without attributes behind it the request is not looked at.
  CHECK(answer_to(with(from_hex(kError), kRequestLength, 0xffffffffU)).error == ENETUNREACH);
}

TEST_CASE("attributes of an error other than its text are ignored") {
  const Bytes other = with(from_hex(kCappedErrorWithText), kAttributeType,
                           static_cast<std::uint16_t>(NLMSGERR_ATTR_OFFS));
  CHECK(answer_to(other).text.empty());

  const Bytes offset = from_hex("08 00 02 00 10 00 00 00");
  Bytes both = from_hex(kCappedErrorWithText);
  both.insert(both.begin() + 36, offset.begin(), offset.end());
  both = with(both, kLength, static_cast<std::uint32_t>(both.size()));
  CHECK(answer_to(both).text == kText);
}

TEST_CASE("attributes count only where the flags tell of them") {
  const Bytes silent =
      with(from_hex(kCappedErrorWithText), kFlags, static_cast<std::uint16_t>(NLM_F_CAPPED));
  CHECK(answer_to(silent).text.empty());
}

TEST_CASE("a text without its end, or longer than the message, is no text") {
  const std::vector<std::string_view> attributes{
      "05 00 01 00 78 00 00 00",  // not terminated
      "04 00 01 00 00 00 00 00",  // empty
      "09 00 01 00 78 78 78 00",  // reaches behind the message
      "ff ff 01 00 78 78 78 00",
      "03 00 01 00 78 78 78 00",  // shorter than its own header
      "00 00 01 00 78 78 78 00",
  };
  for (const auto attribute : attributes) {
    Bytes message = joined({from_hex(kCappedError), from_hex(attribute)});
    message = with(message, kLength, static_cast<std::uint32_t>(message.size()));
    message = with(message, kFlags, static_cast<std::uint16_t>(NLM_F_CAPPED | NLM_F_ACK_TLVS));
    CAPTURE(attribute);
    const Answer answer = answer_to(message);
    CHECK(answer.error == ENETUNREACH);
    CHECK(answer.text.empty());
  }
}

TEST_CASE("the error number is the kernel's, turned positive") {
  for (const int number : {EPERM, EEXIST, ENODEV, EOPNOTSUPP})
    CHECK(answer_to(with(from_hex(kCappedError), kErrorNumber, -number)).error == number);
}

TEST_CASE("an error number that no kernel gives is refused") {
  for (const int number : {1, -4096, std::numeric_limits<int>::min()}) {
    CAPTURE(number);
    const Bytes message = with(from_hex(kCappedError), kErrorNumber, number);
    CHECK(caught_from([&] { answer_to(message); }).exit == Exit::system);
  }
}

TEST_CASE("whatever byte is wrong, nothing behind the datagram is read") {
  const Bytes good = joined({numbered(kErrorWithText, 1), numbered(kRoute, 2)});
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const unsigned value : {0x00U, 0x01U, 0x03U, 0x0fU, 0x10U, 0x7fU, 0xffU}) {
      Answers answers(1, 2);
      const Bytes datagram = with(good, i, static_cast<std::uint8_t>(value));
      const Caught caught = caught_from([&] { answers.take(datagram); });
      CHECK((caught.exit == Exit::ok || caught.exit == Exit::system));
    }
  }
}
