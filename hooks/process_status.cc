#include "hooks/process_status.h"

#include <sys/stat.h>

#include <charconv>
#include <string_view>

#include <fmt/core.h>

#include "common/file.h"
#include "common/words.h"

namespace container_init {
namespace {

// The first line; a newline in the name is escaped there.
constexpr std::string_view kName = "Name:\t";

// What follows "NAME:" on its line, which is not the first.
std::string_view field(std::string_view text, std::string_view name) {
  const auto found = text.find(fmt::format("\n{}:", name));
  if (found == std::string_view::npos) return {};
  const auto value = text.substr(found + name.size() + 2);
  return value.substr(0, value.find('\n'));
}

std::string program_name(std::string_view text) {
  if (!text.starts_with(kName)) return {};
  return std::string(text.substr(kName.size(), text.find('\n') - kName.size()));
}

template <typename Number>
Number parse_number(std::string_view text, int base) {
  Number number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number, base);
  return number;
}

template <typename Number>
Number number_field(std::string_view text, std::string_view name, int base) {
  const auto words = split_words(field(text, name));
  return words.empty() ? 0 : parse_number<Number>(words.front(), base);
}

std::uint64_t set_field(std::string_view text, std::string_view name) {
  return number_field<std::uint64_t>(text, name, 16);
}

// NSpid has a number for each namespace, from ours to the process' own.
bool is_init(std::string_view text) {
  const auto numbers = split_words(field(text, "NSpid"));
  return numbers.size() > 1 && numbers.back() == "1";
}

}  // namespace

std::optional<ProcessStatus> status_of(pid_t process) {
  const auto text = read_file(fmt::format("/proc/{}/status", process));
  if (!text) return std::nullopt;
  return ProcessStatus{.name = program_name(*text),
                       .parent = number_field<pid_t>(*text, "PPid", 10),
                       .blocked = set_field(*text, "SigBlk"),
                       .pending = set_field(*text, "ShdPnd"),
                       .capability_bounding = set_field(*text, "CapBnd"),
                       .has_no_new_privileges = number_field<int>(*text, "NoNewPrivs", 10) == 1,
                       .is_init = is_init(*text)};
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
