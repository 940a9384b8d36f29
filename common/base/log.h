// SPDX-License-Identifier: MIT
// Lines for a terminal or the journal.
#pragma once

#include <string>
#include <string_view>

namespace container_init {

class Log {
 public:
  // `program` begins every line. The lines go to standard error; where JOURNAL_STREAM says that
  // this is the journal, systemd.exec(5), they go there by its own protocol, with their level.
  explicit Log(std::string_view program);

  void error(std::string_view text) const { write('3', text); }
  void warning(std::string_view text) const { write('4', text); }
  void notice(std::string_view text) const { write('5', text); }

 private:
  void write(char level, std::string_view text) const;

  std::string program_;
  bool to_journal_;
};

// A message in the journal's native protocol, systemd.io/JOURNAL_NATIVE_PROTOCOL. `level` is a
// digit as in syslog(3). False where no journal takes it.
bool send_to_journal(std::string_view identifier, char level, std::string_view text);

}  // namespace container_init
