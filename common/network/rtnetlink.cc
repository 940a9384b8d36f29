// SPDX-License-Identifier: MIT
#include "common/network/rtnetlink.h"

#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <thread>

#include "common/base/error.h"
#include "common/network/codec.h"
#include "common/network/link_filter.h"

namespace container_init {
namespace {

Descriptor open_socket() {
  Descriptor opened = above_standard_streams(
      Descriptor(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)));
  if (opened.is_open()) return opened;
  const bool filtered = errno == EAFNOSUPPORT || errno == EPERM || errno == EACCES;
  throw system_error(errno, "open a netlink socket",
                     filtered ? "AF_NETLINK must be allowed, see RestrictAddressFamilies= in "
                                "systemd.exec(5)"
                              : "");
}

// Errors are ignored: without these options replies are longer, and errors have no text.
void enable(const Descriptor& socket, int option) {
  const int on = 1;
  setsockopt(socket.get(), SOL_NETLINK, option, &on, sizeof(on));
}

// Errors are ignored: without a filter there are more events, each of which is looked into anyway.
void attach(int socket, std::vector<sock_filter> filter) {
  if (filter.size() > BPF_MAXINSNS) return;
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

// The address of the kernel: port 0, see netlink(7).
constexpr sockaddr_nl kKernel{AF_NETLINK, 0, 0, 0};

template <typename Call>
ssize_t uninterrupted(Call call) {
  ssize_t result = 0;
  do result = call();
  while (result < 0 && errno == EINTR);
  return result;
}

// ip(8) flushes a link until it finds nothing on it any more, and gives up after ten rounds: what
// comes back at once would be in its way.
constexpr std::chrono::milliseconds kSettling{200};

// Of a longer message only the end is missing, which is attributes that nobody asks for.
LossEvents::Losses take_losses(int socket) {
  LossEvents::Losses losses;
  alignas(nlmsghdr) std::array<std::byte, 4096> message;
  for (;;) {
    const auto size =
        uninterrupted([&] { return recv(socket, message.data(), message.size(), MSG_DONTWAIT); });
    if (size < 0 && errno != ENOBUFS) return losses;
    losses.others = losses.others || size < 0;
    if (size < 0) continue;
    const auto received = std::span(message).first(static_cast<std::size_t>(size));
    const int link = decode_loss(received);
    if (link != 0) losses.links.insert(link);
    if (link != 0 && is_brought_up(received)) losses.brought_up.insert(link);
  }
}

}  // namespace

Rtnetlink::Rtnetlink() : socket_(open_socket()) {
  enable(socket_, NETLINK_EXT_ACK);
  enable(socket_, NETLINK_CAP_ACK);
}

std::vector<Answer> Rtnetlink::request(std::span<Message> messages) {
  std::vector<Answer> answers;
  answers.reserve(messages.size());
  while (!messages.empty()) {
    const auto size = std::min(messages.size(), kLongestBatch);
    request_batch(messages.first(size), answers);
    messages = messages.subspan(size);
  }
  return answers;
}

void Rtnetlink::request_batch(std::span<Message> messages, std::vector<Answer>& answers) {
  Answers batch(next_sequence_, messages.size());
  if (!messages.back().is_get()) messages.back().request_ack();
  std::vector<std::byte> bytes;
  for (Message& message : messages) {
    message.set_sequence(next_sequence_++);
    bytes.insert(bytes.end(), message.bytes().begin(), message.bytes().end());
  }
  send(bytes);
  while (!batch.complete()) batch.take(receive());
  std::ranges::move(batch.release(), std::back_inserter(answers));
}

void Rtnetlink::dump(Message message, const std::function<void(std::span<const std::byte>)>& take) {
  const std::uint32_t sequence = next_sequence_++;
  message.set_sequence(sequence);
  send(message.bytes());
  for (bool done = false; !done;)
    for_each_message(receive(), [&](const nlmsghdr& header) {
      if (header.nlmsg_seq != sequence || done) return;
      done = header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR;
      if (!done) take({reinterpret_cast<const std::byte*>(&header), header.nlmsg_len});
    });
}

void Rtnetlink::send(std::span<const std::byte> bytes) {
  if (uninterrupted([&] {
        return sendto(socket_.get(), bytes.data(), bytes.size(), 0,
                      reinterpret_cast<const sockaddr*>(&kKernel), sizeof(kKernel));
      }) < 0)
    throw system_error(errno, "send to the kernel's rtnetlink");
}

// The kernel has answered when sendto() returns, and continues a dump when its messages are read:
// it is never necessary to wait. Messages from another port than the kernel's are ignored.
std::span<const std::byte> Rtnetlink::receive() {
  sockaddr_nl sender{};
  iovec part{buffer_.data(), buffer_.size()};
  msghdr header{};
  header.msg_name = &sender;
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  ssize_t size = 0;
  do {
    header.msg_namelen = sizeof(sender);
    size = uninterrupted([&] { return recvmsg(socket_.get(), &header, MSG_DONTWAIT); });
    if (size < 0) throw system_error(errno, "read the kernel's answer");
  } while (sender.nl_pid != 0);
  if (header.msg_flags & MSG_TRUNC) throw system_error(EMSGSIZE, "read the kernel's answer");
  return std::span(buffer_).first(static_cast<std::size_t>(size));
}

// By bind(2), not NETLINK_ADD_MEMBERSHIP alone: the kernel skips sockets that have no port yet.
LinkEvents::LinkEvents(const LinkNames& names) : socket_(open_socket()) {
  attach(socket_.get(), make_link_filter(names));
  sockaddr_nl own{};
  own.nl_family = AF_NETLINK;
  own.nl_groups = RTMGRP_LINK;
  if (bind(socket_.get(), reinterpret_cast<const sockaddr*>(&own), sizeof(own)) != 0)
    throw system_error(errno, "listen for changes of links");
}

LossEvents::LossEvents(int socket) : socket_(socket) {
  int domain = 0;
  socklen_t size = sizeof(domain);
  if (getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 || domain != AF_NETLINK)
    throw Error(Exit::usage,
                "standard input is no socket of rtnetlink, which container-links.socket passes");
  attach(socket_, make_loss_filter());
}

std::optional<LossEvents::Losses> LossEvents::wait(std::chrono::milliseconds limit) {
  pollfd watched{socket_, POLLIN, 0};
  const auto events =
      uninterrupted([&] { return poll(&watched, 1, static_cast<int>(limit.count())); });
  if (events < 0) throw system_error(errno, "wait for changes of links");
  if (events == 0) return std::nullopt;
  std::this_thread::sleep_for(kSettling);
  return take_losses(socket_);
}

bool LinkEvents::wait_until(std::chrono::steady_clock::time_point deadline, int interrupt) {
  using std::chrono::milliseconds;
  const int socket = socket_.get();
  // poll(2) ignores negative descriptors.
  std::array<pollfd, 2> watched{{{socket, POLLIN, 0}, {interrupt, POLLIN, 0}}};
  constexpr milliseconds kLongestPoll{3'600'000};
  int events = 0;
  do {
    const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    const auto pause = std::min(left, kLongestPoll);
    events = poll(watched.data(), watched.size(), static_cast<int>(pause.count()));
  } while (events == 0 || (events < 0 && errno == EINTR));
  if (events < 0) throw system_error(errno, "wait for changes of links");
  if (watched[1].revents != 0) return false;
  // The content is discarded, as the caller looks up the links again. ENOBUFS means that events
  // were lost, which is an event too.
  std::array<std::byte, 64> discarded;
  while (recv(socket, discarded.data(), discarded.size(), MSG_DONTWAIT) >= 0 || errno == ENOBUFS)
    continue;
  return true;
}

}  // namespace container_init
