// SPDX-License-Identifier: MIT
#include "hooks/running_containers.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <iterator>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include <fmt/core.h>

#include "common/base/descriptor.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/number.h"
#include "common/base/words.h"
#include "common/config/assignments.h"
#include "common/config/variables.h"
#include "common/network/link_name.h"
#include "hooks/process_status.h"
#include "hooks/requirements.h"

namespace container_init {
namespace {

constexpr const char* kClaims = "/run/container-links";
constexpr const char* kRecords = "/run/container-variables";

std::string record_path(const std::string& instance) {
  return fmt::format("{}/{}", kRecords, instance);
}

std::string claim_path(const std::string& link) {
  return fmt::format("{}/{}", kClaims, short_link_name(link));
}

// What a claim leads to. /proc/PID has to be there, and nothing below it is opened.
std::string claim_target(std::string_view process, const std::string& instance) {
  return fmt::format("/proc/{}/../..{}", process, record_path(instance));
}

void make_directory(const char* path, mode_t mode) {
  if (mkdir(path, mode) != 0 && errno != EEXIST)
    throw system_error(errno, fmt::format("make directory {}", path));
}

void remove_file(const std::string& path) {
  if (unlink(path.c_str()) != 0 && errno != ENOENT) throw system_error(errno, "remove " + path);
}

// Every variable that is set, and where the service manager listens.
std::vector<std::string> recorded_variables(const Environment& environment) {
  std::vector<std::string> recorded;
  const auto record = [&](std::string_view name) {
    if (const auto value = environment.get(name))
      recorded.push_back(fmt::format("{}={}", name, *value));
  };
  for (const Variable& known : kVariables) record(known.name);
  record("NOTIFY_SOCKET");
  return recorded;
}

// Strings that each end with a NUL byte: the process, and then blocks of assignments, which an
// empty string separates: the variables of the start, and the networks where they are others.
std::vector<std::string> strings_of(const RunningContainer& container) {
  std::vector<std::string> strings = {fmt::format("{} {}", container.nspawn, container.start_time)};
  strings.insert(strings.end(), container.variables.begin(), container.variables.end());
  for (const Network& network : container.networks) {
    strings.emplace_back();
    strings.push_back("INSTANCE=" + container.instance);
    std::ranges::copy(assignments_of(network), std::back_inserter(strings));
  }
  return strings;
}

// A record is there as a whole or not at all. No name of a container begins with a dot.
void write_record(const RunningContainer& container) {
  std::string text;
  for (const std::string& each : strings_of(container)) text += each + '\0';
  const std::string path = record_path(container.instance);
  const std::string unfinished = record_path('.' + container.instance);
  const Descriptor file(
      open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.is_open() || !write_all(file.get(), text) ||
      rename(unfinished.c_str(), path.c_str()) != 0)
    throw system_error(errno, "write " + path);
}

// The process of the first string; false for text that is none.
bool read_process(std::string_view text, RunningContainer& container) {
  const auto numbers = split_words(text);
  if (numbers.size() != 2) return false;
  container.nspawn = parse_number<pid_t>(numbers[0], 1, INT_MAX).value_or(0);
  container.start_time = parse_number<std::uint64_t>(numbers[1], 0, UINT64_MAX).value_or(0);
  return container.nspawn != 0;
}

using Strings = std::span<const std::string_view>;

// Up to the next empty string, which it skips.
Strings take_block(Strings& strings) {
  const auto size = static_cast<std::size_t>(std::ranges::find(strings, "") - strings.begin());
  const Strings block = strings.first(size);
  strings = strings.subspan(std::min(size + 1, strings.size()));
  return block;
}

std::optional<RunningContainer> parse_record(const std::string& instance, std::string_view text) {
  if (!text.ends_with('\0')) return std::nullopt;
  text.remove_suffix(1);
  const auto list = split_list(text, '\0');
  RunningContainer container;
  container.instance = instance;
  if (!read_process(list.front(), container)) return std::nullopt;
  Strings strings = Strings(list).subspan(1);
  const Strings variables = take_block(strings);
  container.variables.assign(variables.begin(), variables.end());
  while (!strings.empty()) {
    const Strings block = take_block(strings);
    container.networks.push_back(parse_host_network(Environment({block.begin(), block.end()})));
  }
  return container.networks.empty() ? std::nullopt : std::optional(std::move(container));
}

RunningContainer this_as_container(const Config& config, const Environment& environment) {
  return {.instance = config.instance,
          .nspawn = getpid(),
          .start_time = start_time_of(getpid()).value_or(0),
          .variables = recorded_variables(environment),
          .networks = {config.network}};
}

}  // namespace

void record_start(const Config& config, const Environment& environment) {
  make_directory(kRecords, 0700);
  write_record(this_as_container(config, environment));
  const LinkNames links = host_links(config.network);
  if (links.empty()) return;
  make_directory(kClaims, 0755);
  const std::string target = claim_target(std::to_string(getpid()), config.instance);
  for (const std::string& link : links) {
    remove_file(claim_path(link));
    if (symlink(target.c_str(), claim_path(link).c_str()) != 0)
      throw system_error(errno, "make symbolic link " + claim_path(link));
  }
}

void update_record(const RunningContainer& container) { write_record(container); }

void remove_record(const std::string& instance, const LinkNames& links) {
  for (const std::string& link : links) remove_file(claim_path(link));
  remove_file(record_path(instance));
}

bool is_running(const RunningContainer& container) {
  return start_time_of(container.nspawn) == container.start_time;
}

std::optional<RunningContainer> find_running(const std::string& instance) {
  const auto text = read_file(record_path(instance));
  auto container = text ? parse_record(instance, *text) : std::nullopt;
  return container && is_running(*container) ? std::move(container) : std::nullopt;
}

std::optional<RunningContainer> find_claimant(const std::string& link) {
  const auto target = read_link(claim_path(link));
  if (!target) return std::nullopt;
  const std::string instance = target->substr(target->rfind('/') + 1);
  auto container = find_running(instance);
  const bool is_current =
      container && *target == claim_target(std::to_string(container->nspawn), instance);
  return is_current ? std::move(container) : std::nullopt;
}

std::vector<RunningContainer> find_all_running() {
  std::vector<RunningContainer> found;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(kRecords), closedir);
  if (!directory) return found;  // nothing was started since the host has booted
  while (const dirent* entry = readdir(directory.get()))
    if (entry->d_name[0] != '.')
      if (auto container = find_running(entry->d_name)) found.push_back(*std::move(container));
  return found;
}

// "$$" is the shell, which becomes systemd-nspawn.
std::string record_commands(const Config& config, const Environment& environment) {
  auto strings = strings_of(this_as_container(config, environment));
  strings.erase(strings.begin());
  std::string text = fmt::format("mkdir -p -m 700 {}\nprintf '%s\\0' ", kRecords) +
                     "\"$$ $(cut -d ' ' -f 22 /proc/$$/stat)\"";
  for (const std::string& each : strings) text += ' ' + shell_quote(each);
  text += fmt::format(" >{}\n", record_path(config.instance));
  const LinkNames links = host_links(config.network);
  if (!links.empty()) text += fmt::format("mkdir -p {}\n", kClaims);
  for (const std::string& link : links)
    text += fmt::format("ln -sfn {} {}\n", claim_target("$$", config.instance),
                        shell_quote(claim_path(link)));
  return text;
}

std::string record_removal_commands(const std::string& instance, const LinkNames& links) {
  std::string text;
  for (const std::string& link : links)
    if (read_link(claim_path(link))) text += fmt::format("rm {}\n", shell_quote(claim_path(link)));
  if (access(record_path(instance).c_str(), F_OK) == 0)
    text += fmt::format("rm {}\n", record_path(instance));
  return text;
}

}  // namespace container_init
