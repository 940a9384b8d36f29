// SPDX-License-Identifier: MIT
// Lines on standard error, for a terminal or the journal.
#pragma once

#include <string>
#include <string_view>

namespace container_init {

// Whether JOURNAL_STREAM says that the descriptor leads to the journal, systemd.exec(5).
bool is_journal(int fd);

class Log {
 public:
  // `program` begins every line. If JOURNAL_STREAM names standard error, systemd.exec(5), the level
  // precedes it as sd-daemon(3) describes.
  explicit Log(std::string_view program);

  void error(std::string_view text) const { write('3', text); }
  void warning(std::string_view text) const { write('4', text); }
  void notice(std::string_view text) const { write('5', text); }

 private:
  void write(char level, std::string_view text) const;

  std::string program_;
  bool to_journal_;
};

}  // namespace container_init
