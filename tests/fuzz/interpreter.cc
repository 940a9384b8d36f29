// SPDX-License-Identifier: MIT
// Files of any content: looking for their interpreter ends, within the file.

#include <sys/mman.h>
#include <unistd.h>

#include <fmt/core.h>

#include "common/base/descriptor.h"
#include "common/base/exec.h"
#include "tests/fuzz/fuzz.h"

using namespace container_init;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Descriptor file(memfd_create("program", MFD_CLOEXEC));
  fuzz::require(ftruncate(file.get(), 0) == 0, "the file can be emptied");
  fuzz::require(pwrite(file.get(), data, size, 0) == static_cast<ssize_t>(size),
                "the file can be written");
  const std::string interpreter = interpreter_of(fmt::format("/proc/self/fd/{}", file.get()));
  fuzz::require(fuzz::text_of(data, size).find(interpreter) != std::string_view::npos,
                "an interpreter is named in the file");
  fuzz::require(interpreter.size() <= 256, "an interpreter is not longer than the kernel takes");
  return 0;
}
