// SPDX-License-Identifier: MIT
// File descriptors that are closed with their owner.
#pragma once

#include <unistd.h>

#include <utility>
#include <vector>

namespace container_init {

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }

  bool is_open() const { return fd_ >= 0; }
  int get() const { return fd_; }

 private:
  int fd_;
};

// If a standard stream is closed, the next descriptor that is opened takes its number. Moves such a
// descriptor to a number above 2; the result is not open, with errno set, if none is left.
Descriptor above_standard_streams(Descriptor opened);

struct Pipe {
  Descriptor reader;
  Descriptor writer;
};

// Both ends are close-on-exec, with numbers above the standard streams. Error, Exit::system.
Pipe make_pipe();

// Closes every descriptor but these and the standard streams. False, with errno set, on kernels
// before 5.9, which lack close_range(2).
bool close_all_but(std::vector<int> kept);

}  // namespace container_init
