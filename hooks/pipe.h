// A pipe, pipe2(2).
#pragma once

#include "common/descriptor.h"

namespace container_init {

struct Pipe {
  Descriptor reader;
  Descriptor writer;
};

// Close-on-exec, and away from the standard streams. Error, Exit::system.
Pipe make_pipe();

}  // namespace container_init
