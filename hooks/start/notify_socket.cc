// SPDX-License-Identifier: MIT
#include "hooks/start/notify_socket.h"

#include <linux/filter.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fmt/core.h>

#include "common/base/error.h"
#include "common/base/notify.h"
#include "hooks/start/root.h"

namespace container_init {
namespace {

constexpr const char* kVariable = "NOTIFY_SOCKET";

void set_variable(const std::string& value) {
  if (setenv(kVariable, value.c_str(), 1) != 0)
    throw system_error(errno, fmt::format("set {}", kVariable));
}

std::string receiver_path(const std::string& directory) { return directory + "/socket"; }
std::string sink_path(const std::string& directory) { return directory + "/sink"; }

Descriptor bind_socket(const std::string& path, int flags) {
  Descriptor made = above_standard_streams(Descriptor(socket(AF_UNIX, SOCK_DGRAM | flags, 0)));
  const auto address = parse_socket(path);
  unlink(path.c_str());
  if (!made.is_open() || !address ||
      bind(made.get(), reinterpret_cast<const sockaddr*>(&address->name), address->size) != 0)
    throw system_error(address ? errno : ENAMETOOLONG, "bind socket " + path);
  return made;
}

void set_option(const Descriptor& socket, int option, const void* value, socklen_t size) {
  if (setsockopt(socket.get(), SOL_SOCKET, option, value, size) != 0)
    throw system_error(errno, "set up the socket of systemd-nspawn");
}

void pass_credentials(const Descriptor& socket) {
  const int on = 1;
  set_option(socket, SO_PASSCRED, &on, sizeof(on));
}

// The kernel tells no sender that a filter has dropped its message, unix_dgram_sendmsg().
void drop_everything(const Descriptor& socket) {
  sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
  const sock_fprog program{1, &drop};
  set_option(socket, SO_ATTACH_FILTER, &program, sizeof(program));
}

}  // namespace

NotifySocket::NotifySocket(const std::string& instance)
    : directory_(fmt::format("/run/container-init/{}/notify", instance)) {
  const char* given = getenv(kVariable);
  if (given == nullptr || *given == '\0') return;
  constexpr mode_t kOnlyRoot = 0700;
  make_host_directory(directory_, kOnlyRoot);
  sink_ = bind_socket(sink_path(directory_), 0);
  drop_everything(sink_);
  receiver_ = bind_socket(receiver_path(directory_), SOCK_CLOEXEC);
  pass_credentials(receiver_);
}

NotifySocket::Use::Use(const NotifySocket& socket) {
  if (!socket.is_open()) return;
  before_ = getenv(kVariable);
  set_variable(receiver_path(socket.directory_));
}

NotifySocket::Use::~Use() {
  if (before_) setenv(kVariable, before_->c_str(), 1);
}

// Descriptors that come with a message are closed by the kernel, as there is no room for them.
std::optional<std::string> NotifySocket::receive(pid_t sender) const {
  std::array<char, 4096> buffer;  // systemd takes no longer ones
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(ucred))> control;
  for (;;) {
    iovec content{buffer.data(), buffer.size()};
    msghdr message{};
    message.msg_iov = &content;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t size = recvmsg(receiver_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return std::nullopt;
    const cmsghdr* header = CMSG_FIRSTHDR(&message);
    if (header == nullptr || header->cmsg_type != SCM_CREDENTIALS) continue;
    ucred credentials{};
    std::memcpy(&credentials, CMSG_DATA(header), sizeof(credentials));
    if (credentials.pid == sender && (message.msg_flags & MSG_TRUNC) == 0)
      return std::string(buffer.data(), static_cast<std::size_t>(size));
  }
}

void NotifySocket::close() const {
  rename(sink_path(directory_).c_str(), receiver_path(directory_).c_str());
}

}  // namespace container_init
