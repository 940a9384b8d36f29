// SPDX-License-Identifier: MIT
#include "common/base/log.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstdlib>

#include <fmt/core.h>

#include "common/base/descriptor.h"
#include "common/base/file.h"
#include "common/base/notify.h"
#include "common/base/words.h"

namespace container_init {
namespace {

constexpr std::string_view kJournal = "/run/systemd/journal/socket";

// Whether JOURNAL_STREAM says that standard error leads to the journal.
bool is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  return stream != nullptr && fstat(STDERR_FILENO, &status) == 0 &&
         fmt::format("{}:{}", status.st_dev, status.st_ino) == stream;
}

// In the form for a value of any bytes: its size in 64 bits, the lowest first, and the value.
std::string field(std::string_view name, std::string_view value) {
  std::string text = fmt::format("{}\n", name);
  for (std::uint64_t rest = value.size(), i = 0; i < sizeof(rest); ++i, rest >>= 8)
    text += static_cast<char>(rest & 0xff);
  return text.append(value) + '\n';
}

// The unit of this process, by its control group; empty outside of a unit.
std::string own_unit() {
  const auto text = read_file("/proc/self/cgroup");
  for (const auto line : split_list(text ? *text : std::string_view{}, '\n'))
    for (const auto name : split_list(line, '/'))
      if (name.ends_with(".service") || name.ends_with(".scope")) return std::string(name);
  return {};
}

// As the units of containers name it, SyslogIdentifier=.
std::string identifier_of(const std::string& program) {
  const char* instance = std::getenv("INSTANCE");
  return instance != nullptr ? fmt::format("container {}", instance) : program;
}

}  // namespace

Log::Log(std::string_view program) : program_(program), to_journal_(is_journal()) {}

void Log::write(char level, std::string_view text) const {
  const std::string line = fmt::format("{}: {}\n", program_, text);
  const std::string_view message = std::string_view(line).substr(0, line.size() - 1);
  if (to_journal_ && send_to_journal(identifier_of(program_), level, message)) return;
  // One call for each line, so that lines of several programs do not mix. If standard error cannot
  // be written, there is nowhere to report it.
  while (::write(STDERR_FILENO, line.data(), line.size()) < 0 && errno == EINTR) continue;
}

// OBJECT_SYSTEMD_UNIT= lets journalctl(1) --unit= find the line of a process that has ended before
// the journal looked at it.
bool send_to_journal(std::string_view identifier, char level, std::string_view text) {
  const auto address = parse_socket(kJournal);
  const Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  std::string message = field("MESSAGE", text) + field("PRIORITY", {&level, 1}) +
                        field("SYSLOG_IDENTIFIER", identifier);
  if (const auto unit = own_unit(); !unit.empty()) message += field("OBJECT_SYSTEMD_UNIT", unit);
  return sendto(socket.get(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                reinterpret_cast<const sockaddr*>(&address->name), address->size) >= 0;
}

}  // namespace container_init
