// SPDX-License-Identifier: MIT
#include "common/base/program.h"

#include <getopt.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <functional>
#include <new>

#include <fmt/core.h>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/number.h"
#include "common/base/terminate.h"
#include "common/base/version.h"
#include "common/base/words.h"

namespace container_init {
namespace {

// As getopt_long(3) returns them; --wait has no short form.
enum class Option { dry_run = 'n', help = 'h', version = 'V', wait = 256, all, changes };

constexpr int code(Option option) { return static_cast<int>(option); }

constexpr std::array<option, 7> kOptions = {
    {{"dry-run", no_argument, nullptr, code(Option::dry_run)},
     {"help", no_argument, nullptr, code(Option::help)},
     {"version", no_argument, nullptr, code(Option::version)},
     {"wait", required_argument, nullptr, code(Option::wait)},
     {"all", no_argument, nullptr, code(Option::all)},
     {"changes", no_argument, nullptr, code(Option::changes)},
     {nullptr, 0, nullptr, 0}}};

Error usage_error(const Program& program, std::string_view reason) {
  return {Exit::usage, fmt::format("{}; see {} --help", reason, program.name)};
}

std::chrono::seconds wait_argument(const Program& program, std::string_view text) {
  const auto parsed = parse_seconds(text);
  if (const auto* seconds = value_of(parsed)) return *seconds;
  throw usage_error(program,
                    fmt::format("--wait={}: {}", quote(text), std::get<Reason>(parsed).text));
}

bool is_code(int number) {
  return std::any_of(kOptions.begin(), kOptions.end(), [=](const option& known) {
    return known.name != nullptr && known.val == number;
  });
}

// The error for an option that getopt_long(3) refused. optopt is the letter of an unknown short
// option, the code of a long one that lacks its argument or has one too many, or 0 for an unknown
// long one.
Error refused_option(const Program& program, char** argv) {
  if (optopt != 0 && !is_code(optopt))
    return usage_error(program,
                       "unknown option " + quote(std::string{'-', static_cast<char>(optopt)}));
  if (optopt == code(Option::wait) && program.has_wait)
    return usage_error(program, "--wait needs a number of seconds");
  const std::string word = quote(argv[optind - 1]);
  if (optopt != 0 && optopt != code(Option::wait))
    return usage_error(program, word + " takes no value");
  return usage_error(program, "unknown option " + word);
}

enum class Request { run, help, version };

Request parse_options(const Program& program, int argc, char** argv, Options& options) {
  opterr = 0;
  // Options end at the first operand: those that follow belong to that program.
  for (int found = 0; (found = getopt_long(argc, argv, "+:nhV", kOptions.data(), nullptr)) != -1;) {
    if (found == code(Option::help)) return Request::help;
    if (found == code(Option::version)) return Request::version;
    if (found == code(Option::dry_run)) {
      options.dry_run = true;
    } else if (found == code(Option::wait) && program.has_wait) {
      options.wait = wait_argument(program, optarg);
    } else if (found == code(Option::all) && program.has_all) {
      options.all = true;
    } else if (found == code(Option::changes) && program.has_all) {
      options.changes = true;
    } else {
      throw refused_option(program, argv);
    }
  }
  options.operands = std::span(argv + optind, static_cast<std::size_t>(argc - optind));
  if (program.operands == Operands::required && options.operands.empty() && !options.dry_run)
    throw usage_error(program, "no stage 2 is given");
  if (program.operands == Operands::none && !options.operands.empty())
    throw usage_error(program, fmt::format("unknown argument {}", quote(options.operands.front())));
  return Request::run;
}

int run_parsed(const Program& program, int argc, char** argv, const Log& log) {
  Options options;
  switch (parse_options(program, argc, argv, options)) {
    case Request::help:
      print(std::string(program.usage) + program.variables());
      return 0;
    case Request::version:
      print(fmt::format("{} {}\n", program.name, kVersion));
      return 0;
    case Request::run:
      break;
  }
  return program.run(options, log);
}

}  // namespace

int run_program(const Program& program, int argc, char** argv) {
  abort_on_terminate();
  const Log log(program.name);
  const auto run = [&] { return run_parsed(program, argc, argv, log); };
  // A copy would need memory of its own, and nothing catches what is thrown where there is none.
  return report_errors(log, std::cref(run));
}

int report_errors(const Log& log, const std::function<int()>& function) {
  try {
    return function();
  } catch (const Error& error) {
    for (const std::string& line : error.lines()) log.error(line);
    return static_cast<int>(error.exit());
  } catch (const std::exception& error) {
    log.error(describe(error));
    return static_cast<int>(Exit::system);
  }
}

void print(std::string_view text) {
  if (!write_all(STDOUT_FILENO, text)) throw system_error(errno, "write to standard output");
}

}  // namespace container_init
