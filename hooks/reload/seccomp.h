// SPDX-License-Identifier: MIT
// System call filters of processes, seccomp(2).
#pragma once

#include <linux/filter.h>
#include <sys/types.h>

#include <vector>

namespace container_init {

using SeccompFilter = std::vector<sock_filter>;

// The filters of a process that has some, oldest first, read with ptrace(2): the process is stopped
// for that moment and loses no signal. Needs CAP_SYS_ADMIN, no filter on the caller, and a kernel
// with CONFIG_CHECKPOINT_RESTORE. Error, Exit::system, which says what is missing; after one the
// caller must end, as the process may be stopped until then.
std::vector<SeccompFilter> read_seccomp_filters(pid_t process);

// Puts the filters on this process, in this order, for good. Needs CAP_SYS_ADMIN or
// PR_SET_NO_NEW_PRIVS. Error, Exit::system.
void install_seccomp_filters(const std::vector<SeccompFilter>& filters);

}  // namespace container_init
