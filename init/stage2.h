// Handing over to the real init.
#pragma once

#include <span>
#include <string>

#include "common/descriptor.h"
#include "common/error.h"

namespace container_init {

// SIGRTMIN+3, which asks systemd to halt, systemd(1). The number is the one of glibc, in which
// systemd-nspawn counts; other C libraries place SIGRTMIN elsewhere.
inline constexpr int kStopSignal = 34 + 3;

// From here on a stop is not lost: the kernel drops a signal that the first process of a PID
// namespace neither handles nor blocks, but keeps one that is blocked, also across execve(2).
void block_stop_signal() noexcept;

bool is_stop_signal_pending();

// Can be read, see signalfd(2), as long as the signal is pending; reading is not needed.
Descriptor open_stop_signal();

// execve(2) with our environment; returns only as an Error, Exit::not_found where the file or its
// interpreter does not exist and Exit::not_executable otherwise.
[[noreturn]] void exec_stage2(std::span<char*> arguments);

// The interpreter that a file names: of "#!", or the dynamic linker of an ELF program (PT_INTERP).
// Empty where there is none or the file cannot be read.
std::string interpreter_of(const std::string& path);

}  // namespace container_init
