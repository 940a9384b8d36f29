#include "hooks/reload/container_entry.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/core.h>

#include "common/base/descriptor.h"
#include "common/base/error.h"
#include "hooks/pidfd.h"
#include "hooks/process_status.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif
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

bool copy(const Descriptor& from, const Descriptor& to) {
  constexpr std::size_t kAtOnce = 1 << 20;
  ssize_t copied = 0;
  do copied = sendfile(to.get(), from.get(), nullptr, kAtOnce);
  while (copied > 0 || (copied < 0 && errno == EINTR));
  return copied == 0;
}

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

// What was the host's root is nobody in another user namespace.
void become_root() {
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

bool set_capabilities(std::uint64_t kept) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  if (syscall(SYS_capget, &header, data.data()) != 0) return false;
  for (unsigned half = 0; half < data.size(); ++half) {
    const auto mask = static_cast<std::uint32_t>(kept >> (32 * half));
    data[half] = {data[half].effective & mask, data[half].permitted & mask, 0};
  }
  return syscall(SYS_capset, &header, data.data()) == 0;
}

void keep_capabilities(std::uint64_t kept) {
  if (!drop_bounding(kept) || !set_capabilities(kept))
    throw system_error(errno, "give up capabilities");
}

void keep_no_new_privileges() {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    throw system_error(errno, "give up new privileges");
}

}  // namespace

void continue_in_sealed_copy(const char* name) {
  const Descriptor self(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  if (!self.is_open()) throw system_error(errno, "open /proc/self/exe");
  if (fcntl(self.get(), F_GET_SEALS) == kSeals) return;
  const Descriptor sealed = make_memory_file(name);
  if (!sealed.is_open() || !copy(self, sealed) || fcntl(sealed.get(), F_ADD_SEALS, kSeals) != 0)
    throw system_error(errno, "copy this program");
  const std::array<const char*, 2> arguments = {name, nullptr};
  syscall(SYS_execveat, sealed.get(), "", arguments.data(), environ, AT_EMPTY_PATH);
  throw system_error(errno, "execute a copy of this program",
                     errno == EACCES ? "see vm.memfd_noexec of sysctl(8)" : "");
}

void enter_container(pid_t leader) {
  const Descriptor process = open_process(leader);
  const auto status = status_of(leader);
  // Asked last: so long as it runs, the number is its own.
  const int namespaces = status && status->is_init ? namespaces_apart(leader) : 0;
  if (namespaces == 0 || !process.is_open() || ends_within(process, {}))
    throw Error(Exit::system, fmt::format("process {} is not the PID 1 of a container", leader));
  if (setgroups(0, nullptr) != 0) throw system_error(errno, "give up groups");
  syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr);  // a new one, where there are any
  if (setns(process.get(), namespaces) != 0)
    throw system_error(errno, fmt::format("enter the namespaces of process {}", leader));
  become_root();
  keep_capabilities(status->capability_bounding);
  if (status->has_no_new_privileges) keep_no_new_privileges();
  // Until the command is executed our memory, with the host's environment, is nobody's to read.
  prctl(PR_SET_DUMPABLE, 0);
}

}  // namespace container_init
