// SPDX-License-Identifier: MIT
// What all programs share: the options of the command line, and how they end.
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
  bool all = false;
  bool changes = false;
  std::chrono::seconds wait{0};
  std::span<char*> operands;  // a null pointer follows the last
};

// Whether a program takes another one to execute, with its arguments.
enum class Operands { none, optional, required };  // required except with --dry-run

struct Program {
  std::string_view name;
  std::string_view usage;                // what --help prints first
  std::string (*variables)() = nullptr;  // and then, the list of the variables
  bool has_wait = false;                 // takes --wait
  bool has_all = false;                  // takes --all and --changes
  Operands operands = Operands::none;
  int (*run)(const Options& options, const Log& log) = nullptr;
};

// Parses the options, runs the program and returns its exit status, see report_errors(). Handles
// --help and --version.
int run_program(const Program& program, int argc, char** argv);

// Runs the function and returns its result. If it throws an Error, prints each of its lines and
// returns its exit status.
int report_errors(const Log& log, const std::function<int()>& function);

// Writes to standard output; Error if that fails.
void print(std::string_view text);

}  // namespace container_init
