// SPDX-License-Identifier: MIT
#include "hooks/reload/container_entry.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/core.h>

#include "common/base/descriptor.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "hooks/pidfd.h"
#include "hooks/process_status.h"
#include "hooks/reload/control_groups.h"
#include "hooks/reload/leader.h"
#include "hooks/reload/seccomp.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

namespace container_init {
namespace {

struct Namespace {
  std::string_view name;  // below /proc/PID/ns
  int flag;
};

constexpr std::array<Namespace, 8> kNamespaces = {{{"user", CLONE_NEWUSER},
                                                   {"cgroup", CLONE_NEWCGROUP},
                                                   {"ipc", CLONE_NEWIPC},
                                                   {"uts", CLONE_NEWUTS},
                                                   {"net", CLONE_NEWNET},
                                                   {"pid", CLONE_NEWPID},
                                                   {"mnt", CLONE_NEWNS},
                                                   {"time", CLONE_NEWTIME}}};

// setns(2) refuses to enter the user namespace that one is in.
int namespaces_apart(pid_t process) {
  int flags = 0;
  for (const auto& [name, flag] : kNamespaces) {
    const auto own = identify(fmt::format("/proc/self/ns/{}", name));
    if (!own) continue;  // older than this kind of namespace
    const auto other = identify(fmt::format("/proc/{}/ns/{}", process, name));
    if (!other)
      throw system_error(errno, fmt::format("look at the namespaces of process {}", process));
    if (*own != *other) flags |= flag;
  }
  return flags;
}

// What a process of the container cannot get rid of, beside its namespaces and control groups.
struct Confinement {
  std::uint64_t bounding = 0;     // of capabilities
  std::uint64_t inheritable = 0;  // these it may have
  bool has_no_new_privileges = false;
  std::vector<SeccompFilter> filters;
};

Confinement confinement_of(pid_t leader) {
  const auto status = status_of(leader);
  if (!status) throw Error(Exit::system, fmt::format("process {} has ended", leader));
  const std::uint64_t bounding = status->capability_bounding;
  return {bounding, status->inheritable & bounding, status->has_no_new_privileges,
          status->has_system_call_filters ? read_seccomp_filters(leader)
                                          : std::vector<SeccompFilter>{}};
}

// Programs inherit the label that SELinux and the like gave the leader. Without any of them there
// is nothing to read. What is written here applies to the next program that this process executes.
void take_over_security_label(pid_t leader) {
  const auto label = read_file(fmt::format("/proc/{}/attr/current", leader));
  if (label == read_file("/proc/self/attr/current")) return;
  const Descriptor next(open("/proc/self/attr/exec", O_WRONLY | O_CLOEXEC));
  if (!label || !next.is_open() || !write_all(next.get(), *label))
    throw system_error(errno, fmt::format("take over the security label of process {}", leader));
}

void enter_namespaces(const Descriptor& process, int namespaces) {
  if (setgroups(0, nullptr) != 0) throw system_error(errno, "give up groups");
  syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr);  // a new one, where there are any
  if (setns(process.get(), namespaces) != 0)
    throw system_error(errno, "enter the namespaces of the container");
  // In another user namespace, root of the host is nobody.
  if (setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0)
    throw system_error(errno, "become root in the container");
}

bool drop_bounding(std::uint64_t kept) {
  for (unsigned capability = 0; capability < 64; ++capability) {
    if (kept >> capability & 1) continue;
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) return errno == EINVAL;  // the last + 1
  }
  return true;
}

using CapabilityData = std::array<__user_cap_data_struct, 2>;

bool get_capabilities(CapabilityData& data) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  return syscall(SYS_capget, &header, data.data()) == 0;
}

std::uint32_t half_of(std::uint64_t capabilities, std::size_t half) {
  return static_cast<std::uint32_t>(capabilities >> (32 * half));
}

bool keep_capabilities(std::uint64_t kept, std::uint64_t inheritable) {
  CapabilityData data{};
  if (!get_capabilities(data)) return false;
  for (std::size_t half = 0; half < data.size(); ++half)
    data[half] = {data[half].effective & half_of(kept, half),
                  data[half].permitted & half_of(kept, half), half_of(inheritable, half)};
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  return syscall(SYS_capset, &header, data.data()) == 0;
}

// What was never filled in counts as all of them.
bool has_none_but(std::uint64_t kept) {
  CapabilityData data;
  data.fill({~0U, ~0U, ~0U});
  get_capabilities(data);
  std::uint32_t more = 0;
  for (std::size_t half = 0; half < data.size(); ++half)
    more |= (data[half].effective | data[half].permitted) & ~half_of(kept, half);
  return more == 0;
}

// The filters come last: the container may have added some of its own, and with them calls answer
// whatever it wants, even a success that is none. Installing them takes CAP_SYS_ADMIN.
void confine(const Confinement& confinement) {
  const std::uint64_t kept = confinement.bounding;
  const std::uint64_t kept_for_filters = kept | std::uint64_t{1} << CAP_SYS_ADMIN;
  if (!drop_bounding(kept) || !keep_capabilities(kept_for_filters, confinement.inheritable))
    throw system_error(errno, "give up capabilities");
  if (confinement.has_no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    throw system_error(errno, "give up new privileges");
  prctl(PR_SET_DUMPABLE, 0);  // other credentials have reset it
  install_seccomp_filters(confinement.filters);
  if (!keep_capabilities(kept, confinement.inheritable) || !has_none_but(kept))
    throw Error(Exit::system,
                "cannot give up capabilities: the container's system call filter prevents it");
}

}  // namespace

void enter_container(pid_t leader) {
  prctl(PR_SET_DUMPABLE, 0);
  const Descriptor process = open_process(leader);
  check_leader(leader);
  const int namespaces = namespaces_apart(leader);
  const Confinement confinement = confinement_of(leader);
  join_control_groups_of(leader);
  take_over_security_label(leader);
  // As it still runs, everything that was found by its number is its own.
  if (namespaces == 0 || !process.is_open() || ends_within(process, {}))
    throw Error(Exit::system, fmt::format("process {} is not the PID 1 of a container", leader));
  enter_namespaces(process, namespaces);
  confine(confinement);
}

}  // namespace container_init
