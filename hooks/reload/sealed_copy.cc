// SPDX-License-Identifier: MIT
#include "hooks/reload/sealed_copy.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "common/base/descriptor.h"
#include "common/base/error.h"
#include "common/base/exec.h"
#include "common/base/file.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

namespace container_init {
namespace {

constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

// Kernels before 6.3 do not know MFD_EXEC, later ones may want it.
Descriptor make_memory_file(const char* name) {
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  Descriptor file(memfd_create(name, kFlags | MFD_EXEC));
  return file.is_open() ? std::move(file) : Descriptor(memfd_create(name, kFlags));
}

std::vector<std::string> environment_of(std::span<const char* const> variables) {
  std::vector<std::string> environment;
  for (const char* variable : variables)
    if (const char* value = std::getenv(variable))
      environment.push_back(fmt::format("{}={}", variable, value));
  return environment;
}

}  // namespace

void continue_in_sealed_copy(const char* name, std::span<const char* const> variables) {
  const Descriptor self(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  if (!self.is_open()) throw system_error(errno, "open /proc/self/exe");
  if (fcntl(self.get(), F_GET_SEALS) == kSeals) return;
  const Descriptor sealed = make_memory_file(name);
  if (!sealed.is_open() || !copy_content(self, sealed) ||
      fcntl(sealed.get(), F_ADD_SEALS, kSeals) != 0)
    throw system_error(errno, "copy this program");
  const std::array<const char*, 2> arguments = {name, nullptr};
  const auto environment = environment_of(variables);
  syscall(SYS_execveat, sealed.get(), "", arguments.data(), argument_pointers(environment).data(),
          AT_EMPTY_PATH);
  throw system_error(errno, "execute a copy of this program",
                     errno == EACCES ? "see vm.memfd_noexec of sysctl(8)" : "");
}

}  // namespace container_init
