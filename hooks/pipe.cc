#include "hooks/pipe.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "common/error.h"

namespace container_init {

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) throw system_error(errno, "make a pipe");
  Pipe pipe{above_standard_streams(Descriptor(ends[0])),
            above_standard_streams(Descriptor(ends[1]))};
  if (!pipe.reader.is_open() || !pipe.writer.is_open()) throw system_error(errno, "make a pipe");
  return pipe;
}

}  // namespace container_init
