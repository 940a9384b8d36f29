// SPDX-License-Identifier: MIT
// Messages to the service manager, in the protocol of sd_notify(3), which is stable and open to
// implementations of one's own. Without NOTIFY_SOCKET nothing is sent, and a message that cannot be
// sent is lost.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/error.h"

namespace container_init {

struct SocketAddress {
  sockaddr_un name{};
  socklen_t size = 0;
};

// A path, or "@" and an abstract name, as NOTIFY_SOCKET has them; nothing for another or a longer
// one.
std::optional<SocketAddress> parse_socket(std::string_view text);

// Sends a message of NAME=VALUE lines as if `sender` had sent it, which needs CAP_SYS_ADMIN unless
// it is this process.
void notify(pid_t sender, std::string_view message);

// What makes the text the status of the unit that systemctl(1) shows, in one line. Every systemd
// shows a backslash as it is. "STATUS=" for no text.
std::string status_line(std::string text);

// What systemctl(1) status shows of the unit while this is its main process; empty for nothing.
void notify_status(std::string text);

// All lines of an Error in one, for the status; cut where it is very long.
std::string summarize(const Error& error);

// Runs the function and gives its result. An Error that it throws is made the status of the unit,
// with the text before it, in the name of the process, and thrown further.
int run_with_status(const std::function<int()>& function, std::string_view before = {},
                    pid_t sender = getpid());

}  // namespace container_init
