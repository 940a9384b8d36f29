// SPDX-License-Identifier: MIT
#include "hooks/process_status.h"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include <fmt/core.h>

#include "common/base/file.h"
#include "common/base/words.h"

namespace container_init {
namespace {

using Lines = std::vector<std::string_view>;

// The rest of the line that begins with "NAME:" and a tab.
std::string_view field(const Lines& lines, std::string_view name) {
  const std::string label = fmt::format("{}:\t", name);
  for (const auto line : lines)
    if (line.starts_with(label)) return line.substr(label.size());
  return {};
}

template <typename Number>
Number parse_number(std::string_view text, int base) {
  Number number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number, base);
  return number;
}

template <typename Number>
Number number_field(const Lines& lines, std::string_view name, int base) {
  const auto words = split_words(field(lines, name));
  return words.empty() ? 0 : parse_number<Number>(words.front(), base);
}

std::uint64_t set_field(const Lines& lines, std::string_view name) {
  return number_field<std::uint64_t>(lines, name, 16);
}

// Whether it is a process of a PID namespace below ours, with this number there: NSpid lists a PID
// for each PID namespace, from ours to the process' own.
bool has_inner_pid(const Lines& lines, std::string_view pid) {
  const auto numbers = split_words(field(lines, "NSpid"));
  return numbers.size() > 1 && numbers.back() == pid;
}

}  // namespace

std::optional<ProcessStatus> status_of(pid_t process) {
  const auto text = read_file(fmt::format("/proc/{}/status", process));
  if (!text) return std::nullopt;
  const Lines lines = split_list(*text, '\n');
  return ProcessStatus{.name = std::string(field(lines, "Name")),
                       .parent = number_field<pid_t>(lines, "PPid", 10),
                       .blocked = set_field(lines, "SigBlk"),
                       .pending = set_field(lines, "ShdPnd"),
                       .is_init = has_inner_pid(lines, "1"),
                       .is_second = has_inner_pid(lines, "2")};
}

// The name of the program, in parentheses, may have any characters: the fields after it are counted
// from the third one on.
std::optional<std::uint64_t> start_time_of(pid_t process) {
  const auto text = read_file(fmt::format("/proc/{}/stat", process));
  if (!text) return std::nullopt;
  constexpr std::size_t kStartTime = 22 - 3;
  const auto words = split_words(std::string_view(*text).substr(text->rfind(')') + 1));
  if (words.size() <= kStartTime) return std::nullopt;
  return parse_number<std::uint64_t>(words[kStartTime], 10);
}

std::vector<pid_t> children_of(pid_t process) {
  std::vector<pid_t> children;
  const auto text = read_file(fmt::format("/proc/{0}/task/{0}/children", process));
  for (const auto word : split_words(text ? *text : std::string_view{}))
    children.push_back(parse_number<pid_t>(word, 10));
  return children;
}

std::optional<FileId> identify(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return std::nullopt;
  return FileId{status.st_dev, status.st_ino};
}

std::optional<FileId> program_of(pid_t process) {
  return identify(fmt::format("/proc/{}/exe", process));
}

}  // namespace container_init
