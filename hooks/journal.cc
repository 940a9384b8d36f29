// SPDX-License-Identifier: MIT
#include "hooks/journal.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include <fmt/core.h>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/words.h"

namespace container_init {
namespace {

constexpr std::string_view kSocket = "/run/systemd/journal/stdout";

sockaddr_un journal_address() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::ranges::copy(kSocket, address.sun_path);
  return address;
}

bool connect_to_journal(const Descriptor& stream) {
  const sockaddr_un address = journal_address();
  return stream.is_open() &&
         connect(stream.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

// The unit of this process, by its control group; empty outside of a unit.
std::string own_unit() {
  const auto text = read_file("/proc/self/cgroup");
  for (const auto line : split_list(text ? *text : std::string_view{}, '\n'))
    for (const auto name : split_list(line, '/'))
      if (name.ends_with(".service") || name.ends_with(".scope")) return std::string(name);
  return {};
}

// A line for each setting: identifier, unit, priority, whether a line may begin with a level, and
// whether it is forwarded to syslog, the kernel's log and the console. The journal believes the
// unit where the sender has ended before the journal could look at it.
std::string stream_header(std::string_view identifier, int priority) {
  return fmt::format("{}\n{}\n{}\n0\n0\n0\n0\n", identifier, own_unit(), priority);
}

}  // namespace

Descriptor open_journal_stream(std::string_view identifier, int priority) {
  Descriptor stream =
      above_standard_streams(Descriptor(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)));
  if (!connect_to_journal(stream)) {
    if (errno == ENOENT || errno == ECONNREFUSED) return Descriptor();
    throw system_error(errno, "open a stream to the journal");
  }
  shutdown(stream.get(), SHUT_RD);
  if (!write_all(stream.get(), stream_header(identifier, priority)))
    throw system_error(errno, "open a stream to the journal");
  return stream;
}

}  // namespace container_init
