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

// Where a standard stream is closed, the next thing that is opened takes its number. This gives it
// another; not open, with errno, where there is none left.
Descriptor above_standard_streams(Descriptor opened);

struct Pipe {
  Descriptor reader;
  Descriptor writer;
};

// Both ends are close-on-exec and away from the standard streams. Error, Exit::system.
Pipe make_pipe();

// The standard streams stay open too. False, with errno, on kernels before 5.9.
bool close_all_but(std::vector<int> kept);

}  // namespace container_init
