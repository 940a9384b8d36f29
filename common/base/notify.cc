// SPDX-License-Identifier: MIT
#include "common/base/notify.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <fmt/core.h>

#include "common/base/descriptor.h"

namespace container_init {
namespace {

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

// systemd drops a message of more than 4096 bytes.
std::string shortened(std::string text) {
  constexpr std::size_t kLongest = 1000;
  if (text.size() <= kLongest) return text;
  std::size_t size = kLongest;
  while ((static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;  // within a character
  text.resize(size);
  return text + "...";
}

std::string with_doubled_backslashes(std::string_view text) {
  std::string doubled;
  for (const char c : text) {
    doubled += c;
    if (c == '\\') doubled += c;
  }
  return doubled;
}

}  // namespace

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

void notify(pid_t sender, std::string_view message) {
  const char* variable = std::getenv("NOTIFY_SOCKET");
  auto address = parse_socket(variable != nullptr ? variable : "");
  const Descriptor socket(address ? ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1);
  if (!socket.is_open()) return;
  iovec content{const_cast<char*>(message.data()), message.size()};
  msghdr header{};
  header.msg_name = &address->name;
  header.msg_namelen = address->size;
  header.msg_iov = &content;
  header.msg_iovlen = 1;
  const Credentials credentials(sender, header);
  sendmsg(socket.get(), &header, MSG_NOSIGNAL);
}

// systemd 252 removes a backslash and keeps what follows it, also the end of a line: there the
// first two lines are one, perhaps with the third, and the fourth is the status. Later versions
// take every line as it is, and the first status.
std::string status_line(std::string text) {
  std::ranges::replace(text, '\n', ' ');  // would begin another line of the message
  if (text.find('\\') == std::string::npos) return fmt::format("STATUS={}", text);
  return fmt::format("X_STATUS=\\\nSTATUS={}\nX_END=1\nSTATUS={}", text,
                     with_doubled_backslashes(text));
}

void notify_status(std::string text) { notify(getpid(), status_line(std::move(text))); }

std::string summarize(const Error& error) {
  std::string text;
  for (const std::string& line : error.lines()) text += (text.empty() ? "" : "; ") + line;
  return shortened(std::move(text));
}

int run_with_status(const std::function<int()>& function, std::string_view before, pid_t sender) {
  try {
    return function();
  } catch (const Error& error) {
    notify(sender, status_line(std::string(before) + summarize(error)));
    throw;
  }
}

}  // namespace container_init
