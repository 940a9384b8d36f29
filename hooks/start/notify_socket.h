// SPDX-License-Identifier: MIT
// What systemd-nspawn takes for the service manager's socket while a container starts, so that
// nothing of a container's reaches the service manager as it is.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "common/base/descriptor.h"

namespace container_init {

// In a directory that only root may search, below /run/container-init/INSTANCE.
class NotifySocket {
 public:
  // Not open where there is no NOTIFY_SOCKET. Error, Exit::system.
  explicit NotifySocket(const std::string& instance);

  bool is_open() const { return receiver_.is_open(); }
  const Descriptor& receiver() const { return receiver_; }

  // As long as it lives, and across execve(2), NOTIFY_SOCKET leads here. Before and after that it
  // is the service manager's own.
  class Use {
   public:
    explicit Use(const NotifySocket& socket);
    Use(Use&&) = delete;
    Use(const Use&) = delete;
    Use& operator=(Use&&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use();

   private:
    std::optional<std::string> before_;
  };

  // The next message of that process; nothing where there is none. Those of others are dropped.
  std::optional<std::string> receive(pid_t sender) const;

  // From now on messages are dropped as they are sent, which the sender does not notice, as long as
  // the program lives that this process has executed.
  void close() const;

 private:
  std::string directory_;
  Descriptor receiver_;
  Descriptor sink_;  // stays open across execve(2)
};

}  // namespace container_init
