// SPDX-License-Identifier: MIT
#include "common/network/answers.h"

#include <libmnl/libmnl.h>
#include <linux/netlink.h>

#include <cerrno>

#include "common/base/error.h"

namespace container_init {
namespace {

// MAX_ERRNO of linux/err.h.
constexpr int kLargestError = 4095;

Error malformed() { return system_error(EBADMSG, "read the kernel's answer"); }

int keep_text(const nlattr* attribute, void* text) {
  if (mnl_attr_get_type(attribute) == NLMSGERR_ATTR_MSG &&
      mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) == 0)
    *static_cast<std::string*>(text) = mnl_attr_get_str(attribute);
  return MNL_CB_OK;
}

// The extended acknowledgement: attributes after the error, and after the request that the error
// repeats unless it is capped (linux/netlink.h, NLM_F_CAPPED, NLM_F_ACK_TLVS).
std::string extended_text(const nlmsghdr& header, const nlmsgerr& error) {
  std::string text;
  if (!(header.nlmsg_flags & NLM_F_ACK_TLVS)) return text;
  std::size_t offset = sizeof(nlmsgerr);
  if (!(header.nlmsg_flags & NLM_F_CAPPED)) {
    if (error.msg.nlmsg_len < MNL_NLMSG_HDRLEN || error.msg.nlmsg_len > header.nlmsg_len)
      throw malformed();
    offset += MNL_ALIGN(mnl_nlmsg_get_payload_len(&error.msg));
  }
  if (offset > mnl_nlmsg_get_payload_len(&header)) throw malformed();
  mnl_attr_parse(&header, static_cast<unsigned>(offset), &keep_text, &text);
  return text;
}

Answer read_answer(const nlmsghdr& header) {
  if (header.nlmsg_type != NLMSG_ERROR) {
    const auto* begin = reinterpret_cast<const std::byte*>(&header);
    return {0, {}, {begin, begin + header.nlmsg_len}};
  }
  if (header.nlmsg_len < mnl_nlmsg_size(sizeof(nlmsgerr))) throw malformed();
  const auto& error = *static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(&header));
  if (error.error > 0 || error.error < -kLargestError) throw malformed();
  return {-error.error, extended_text(header, error), {}};
}

// libmnl compares lengths as int, and reads attributes up to the next multiple of four bytes.
bool is_whole(const nlmsghdr* header, int left) {
  return mnl_nlmsg_ok(header, left) &&
         MNL_ALIGN(std::size_t{header->nlmsg_len}) <= static_cast<std::size_t>(left);
}

}  // namespace

Answers::Answers(std::uint32_t first_sequence, std::size_t count)
    : first_sequence_(first_sequence), answers_(count) {}

void Answers::take(std::span<const std::byte> datagram) {
  for_each_message(datagram, [this](const nlmsghdr& header) {
    const std::uint32_t position = header.nlmsg_seq - first_sequence_;
    if (position >= answers_.size()) return;
    answers_[position] = read_answer(header);
    if (position + 1 == answers_.size()) complete_ = true;
  });
}

void for_each_message(std::span<const std::byte> datagram,
                      const std::function<void(const nlmsghdr&)>& take) {
  int left = static_cast<int>(datagram.size());
  const auto* header = reinterpret_cast<const nlmsghdr*>(datagram.data());
  for (; is_whole(header, left); header = mnl_nlmsg_next(header, &left)) take(*header);
  if (left > 0) throw malformed();
}

}  // namespace container_init
