// Handing over to another program.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace container_init {

// execve(2) with our environment, not searched in PATH; returns only as an Error, Exit::not_found
// where the file or its interpreter does not exist and Exit::not_executable otherwise. A null
// pointer follows the arguments.
[[noreturn]] void exec_program(std::span<char*> arguments);

// The same with these arguments.
[[noreturn]] void exec_program(const std::vector<std::string>& arguments);

// As execve(2) takes them, with a null pointer behind the last; into strings that must outlive it.
std::vector<char*> argument_pointers(const std::vector<std::string>& arguments);

// The path of the first executable file of that name in PATH; empty where there is none.
std::string find_program(const std::string& name);

// The interpreter that a file names: of "#!", or the dynamic linker of an ELF program (PT_INTERP).
// Empty where there is none or the file cannot be read.
std::string interpreter_of(const std::string& path);

}  // namespace container_init
