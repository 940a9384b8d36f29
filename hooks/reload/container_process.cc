// SPDX-License-Identifier: MIT
#include "hooks/reload/container_process.h"

#include <fcntl.h>
#include <sched.h>

#include <cerrno>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include <fmt/core.h>

#include "common/base/error.h"
#include "common/base/file.h"
#include "hooks/pidfd.h"
#include "hooks/process_status.h"

namespace container_init {
namespace {

bool has_ended(const Descriptor& process) {
  return ends_within(process, std::chrono::milliseconds{0});
}

// The child for which the status is as expected. What is read of a number is that of the process
// that the descriptor refers to, as that has not ended afterwards.
std::optional<ContainerProcess> open_child(pid_t parent, bool ProcessStatus::*expected) {
  for (const pid_t child : children_of(parent)) {
    Descriptor pidfd = open_process(child);
    const auto status = pidfd.is_open() ? status_of(child) : std::nullopt;
    if (status && status->parent == parent && *status.*expected && !has_ended(pidfd))
      return ContainerProcess{child, std::move(pidfd)};
  }
  return std::nullopt;
}

// container-init is beside this program.
std::optional<FileId> container_init_program() {
  const auto self = read_link("/proc/self/exe");
  return self ? identify(parent_directory(*self) + "/container-init") : std::nullopt;
}

void enter_network(const Descriptor& target) {
  if (setns(target.get(), CLONE_NEWNET) != 0)
    throw system_error(errno, "enter the network namespace of the container",
                       errno == EPERM ? "CAP_SYS_ADMIN is needed, which root has" : "");
}

}  // namespace

ContainerProcess open_init(const RunningContainer& container) {
  auto init = open_child(container.nspawn, &ProcessStatus::is_init);
  if (!init || !is_running(container))
    throw Error(Exit::system, fmt::format("container {} has no PID 1 any more: is it stopping?",
                                          container.instance));
  return *std::move(init);
}

ContainerProcess open_program(const RunningContainer& container) {
  const ContainerProcess init = open_init(container);
  auto program = open_child(init.process, &ProcessStatus::is_second);
  if (!program || has_ended(init.pidfd) || program_of(program->process) == container_init_program())
    throw Error(Exit::system, fmt::format("the program of container {} does not run, or not yet",
                                          container.instance));
  return *std::move(program);
}

Rtnetlink open_rtnetlink_of(const ContainerProcess& process) {
  const Descriptor own(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!own.is_open()) throw system_error(errno, "open /proc/self/ns/net");
  enter_network(process.pidfd);
  Rtnetlink rtnetlink;
  enter_network(own);
  return rtnetlink;
}

}  // namespace container_init
