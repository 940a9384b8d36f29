// SPDX-License-Identifier: MIT
#include "hooks/notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <optional>

#include <fmt/core.h>

#include "common/base/descriptor.h"

namespace container_init {
namespace {

struct SocketAddress {
  sockaddr_un name{};
  socklen_t size = 0;
};

// A path, or "@" and an abstract name; nothing for what we cannot send to.
std::optional<SocketAddress> parse_socket(std::string_view text) {
  SocketAddress address;
  address.name.sun_family = AF_UNIX;
  if (text.size() < 2 || text.size() >= sizeof(address.name.sun_path)) return std::nullopt;
  if (text.front() != '/' && text.front() != '@') return std::nullopt;
  std::memcpy(address.name.sun_path, text.data(), text.size());
  if (text.front() == '@') address.name.sun_path[0] = '\0';
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + text.size());
  return address;
}

// SCM_CREDENTIALS of unix(7). With CAP_SYS_ADMIN they may name another process.
class Credentials {
 public:
  Credentials(pid_t process, msghdr& message) {
    message.msg_control = buffer_.data();
    message.msg_controllen = sizeof(buffer_);  // socklen_t with musl, size_t with glibc
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_CREDENTIALS;
    header->cmsg_len = CMSG_LEN(sizeof(ucred));
    const ucred credentials{process, getuid(), getgid()};
    std::memcpy(CMSG_DATA(header), &credentials, sizeof(credentials));
  }

 private:
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(ucred))> buffer_{};
};

// As if `sender` had sent it.
void send_as(pid_t sender, std::string text) {
  const char* variable = std::getenv("NOTIFY_SOCKET");
  auto address = parse_socket(variable != nullptr ? variable : "");
  const Descriptor socket(address ? ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1);
  if (!socket.is_open()) return;
  iovec content{text.data(), text.size()};
  msghdr message{};
  message.msg_name = &address->name;
  message.msg_namelen = address->size;
  message.msg_iov = &content;
  message.msg_iovlen = 1;
  const Credentials credentials(sender, message);
  sendmsg(socket.get(), &message, MSG_NOSIGNAL);
}

// systemd drops a message of more than 4096 bytes.
std::string shortened(std::string text) {
  constexpr std::size_t kLongest = 1000;
  if (text.size() <= kLongest) return text;
  std::size_t size = kLongest;
  while ((static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;  // within a character
  text.resize(size);
  return text + "...";
}

}  // namespace

void notify_status(std::string_view text) { send_as(getpid(), fmt::format("STATUS={}", text)); }

void take_over_unit(pid_t main_process, std::string_view status) {
  send_as(main_process, fmt::format("MAINPID={}\nSTATUS={}", getpid(), status));
}

std::string summarize(const Error& error) {
  std::string text;
  for (const std::string& line : error.lines()) text += (text.empty() ? "" : "; ") + line;
  std::ranges::replace(text, '\n', ' ');  // would begin another assignment of the message
  return shortened(std::move(text));
}

int run_with_status(const std::function<int()>& function) {
  try {
    return function();
  } catch (const Error& error) {
    notify_status(summarize(error));
    throw;
  }
}

}  // namespace container_init
