// SPDX-License-Identifier: MIT
// Keeps what a container prints from choosing its own level in the journal.
#pragma once

#include <string>

#include "common/base/descriptor.h"

namespace container_init {

// As long as it lives, and across execve(2): standard output and error, where they lead to the
// journal, are streams of this process' own, in which a "<0>" at the beginning of a line is text.
// The streams of a unit take it for a level, sd-daemon(3), and the journal shows an emergency to
// every user who is logged in. JOURNAL_STREAM names the new stream, so that systemd-nspawn logs
// with its own levels.
class PlainJournalOutput {
 public:
  // Error, Exit::system, where the journal cannot be reached.
  explicit PlainJournalOutput(const std::string& identifier);
  PlainJournalOutput(PlainJournalOutput&&) = delete;
  PlainJournalOutput(const PlainJournalOutput&) = delete;
  PlainJournalOutput& operator=(PlainJournalOutput&&) = delete;
  PlainJournalOutput& operator=(const PlainJournalOutput&) = delete;
  ~PlainJournalOutput();

 private:
  Descriptor output_;  // as they were; not open where they stay
  Descriptor error_;
};

}  // namespace container_init
