// SPDX-License-Identifier: MIT
// Executing a copy of the running program that nobody can write to.
#pragma once

#include <span>

namespace container_init {

// Continues in a sealed copy of this program in memory, memfd_create(2), under this name and with
// only these of its environment variables; returns where the copy is what runs already. A process
// that enters a container can be opened there by /proc/PID/exe, and its memory be read: neither
// leads to the program on the host or to the rest of the environment. Error, Exit::system.
void continue_in_sealed_copy(const char* name, std::span<const char* const> variables);

}  // namespace container_init
