// SPDX-License-Identifier: MIT
// What proc(5) shows of a process.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace container_init {

// Of /proc/PID/status. Signal N is bit N-1.
struct ProcessStatus {
  std::string name;           // Name, of its program's file, 15 characters at most
  pid_t parent = 0;           // PPid; 0 if it is outside of our PID namespace
  std::uint64_t blocked = 0;  // SigBlk
  std::uint64_t pending = 0;  // ShdPnd, those sent to the process
  bool is_init = false;       // PID 1 of a namespace below ours
  bool is_second = false;     // PID 2 of one
};

constexpr bool contains_signal(std::uint64_t set, int signal) { return set >> (signal - 1) & 1; }

// Nothing if there is no such process.
std::optional<ProcessStatus> status_of(pid_t process);

// When it has started, in clock ticks since the host has booted. With it a PID names one process
// for good: starttime in proc(5). Nothing if there is no such process.
std::optional<std::uint64_t> start_time_of(pid_t process);

// Empty also with a kernel without CONFIG_PROC_CHILDREN.
std::vector<pid_t> children_of(pid_t process);

// Identifies a file, whatever its path.
struct FileId {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const FileId&) const = default;
};

// Follows symbolic links. Nothing, with errno, if there is no such file.
std::optional<FileId> identify(const std::string& path);

// The program that a process executes; nothing if it has ended.
std::optional<FileId> program_of(pid_t process);

}  // namespace container_init
