// Entering a running container as its own root would be, with no more capabilities than that has.
#pragma once

#include <sys/types.h>

namespace container_init {

// Executes a copy of this program that nobody can write to, unless it is one already. A process
// that enters a container can be opened there by /proc/PID/exe, and so could the program on the
// host. Error, Exit::system.
void continue_in_sealed_copy(const char* name);

// Enters every namespace in which this process, a PID 1, is apart from us, as its root user, and
// gives up the capabilities that it could not have. Only our children are in its PID namespace:
// until one of them is made, nothing inside sees us. Error, Exit::system.
void enter_container(pid_t leader);

}  // namespace container_init
