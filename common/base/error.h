// SPDX-License-Identifier: MIT
// The one error type: what a person reads, and the status the program ends with.
#pragma once

#include <exception>
#include <string>
#include <utility>
#include <vector>

namespace container_init {

// Exit statuses, a documented contract: sysexits.h, and the shell's for programs that do not start.
enum class Exit : int {
  ok = 0,
  usage = 64,        // EX_USAGE: the command line
  unavailable = 69,  // EX_UNAVAILABLE: a service does not answer
  system = 71,       // EX_OSERR: the system refused
  timeout = 75,      // EX_TEMPFAIL: timed out
  config = 78,       // EX_CONFIG: a variable
  not_executable = 126,
  not_found = 127,
};

// The only exception that library code throws; run_program() prints it. Its lines lack the
// program's name.
class Error : public std::exception {
 public:
  Error(Exit exit, std::string line) : exit_(exit), lines_{std::move(line)} {}
  Error(Exit exit, std::vector<std::string> lines) : exit_(exit), lines_(std::move(lines)) {}

  Exit exit() const { return exit_; }
  const std::vector<std::string>& lines() const { return lines_; }
  const char* what() const noexcept override {
    return lines_.empty() ? "" : lines_.front().c_str();
  }

 private:
  Exit exit_;
  std::vector<std::string> lines_;
};

// Several checks, whose faults are to be told together.
class Checks {
 public:
  // The check may throw Error, Exit::config; its lines are kept. Other errors pass.
  template <typename Check>
  void run(Check check) {
    try {
      check();
    } catch (const Error& error) {
      if (error.exit() != Exit::config) throw;
      lines_.insert(lines_.end(), error.lines().begin(), error.lines().end());
    }
  }

  // Error, Exit::config, with the lines of all checks, if there are any.
  void end() const {
    if (!lines_.empty()) throw Error(Exit::config, lines_);
  }

 private:
  std::vector<std::string> lines_;
};

// "cannot ACTION: CAUSE" with errno in the system's words, and ": HINT" where there is one.
Error system_error(int error_number, const std::string& action, const std::string& hint = {},
                   Exit exit = Exit::system);

// What a person reads of an exception that is no Error: where there is no memory, the system's
// words.
const char* describe(const std::exception& error);

}  // namespace container_init
