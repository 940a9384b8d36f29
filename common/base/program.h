// What all programs have in common on the command line and at their end.
#pragma once

#include <chrono>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "common/base/log.h"

namespace container_init {

struct Options {
  bool dry_run = false;
  std::chrono::seconds wait{0};
  std::span<char*> operands;  // ends with a null pointer behind its last
};

// Whether a program takes another one to execute, with its arguments.
enum class Operands { none, optional, required };  // required but for --dry-run

struct Program {
  std::string_view name;
  std::string_view usage;                // what --help prints first
  std::string (*variables)() = nullptr;  // and then, the list of the variables
  bool has_wait = false;                 // takes --wait
  Operands operands = Operands::none;
  int (*run)(const Options& options, const Log& log) = nullptr;
};

// Parses the options, runs the program and returns its exit status, see report_errors(). --help and
// --version are answered here.
int run_program(const Program& program, int argc, char** argv);

// Runs the function and gives its result. Prints the Error that it throws, a line for each of its
// lines, and gives its exit status.
int report_errors(const Log& log, const std::function<int()>& function);

// To standard output; Error where it cannot be written.
void print(std::string_view text);

}  // namespace container_init
