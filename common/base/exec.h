// SPDX-License-Identifier: MIT
// Executing another program in place of this one.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace container_init {

// Executes the first argument, a path, with execve(2) and the environment of this process. Throws
// Error: Exit::not_found if the file or its interpreter does not exist, else Exit::not_executable.
// A null pointer follows the arguments.
[[noreturn]] void exec_program(std::span<char*> arguments);

// The same with these arguments.
[[noreturn]] void exec_program(const std::vector<std::string>& arguments);

// The arguments as execve(2) takes them, with a null pointer after the last. The pointers lead into
// the strings, which must outlive them.
std::vector<char*> argument_pointers(const std::vector<std::string>& arguments);

// The path of the first executable file of that name in PATH; empty if there is none.
std::string find_program(const std::string& name);

// The interpreter that a file names: of "#!", or the dynamic linker of an ELF program (PT_INTERP).
// Empty if there is none or the file cannot be read.
std::string interpreter_of(const std::string& path);

}  // namespace container_init
