// SPDX-License-Identifier: MIT
// Streams to the journal, systemd-journald.service(8).
#pragma once

#include <string_view>

#include "common/base/descriptor.h"

namespace container_init {

// Opens a stream as sd_journal_stream_fd(3) does: each line that is written to it is a message of
// this identifier and priority, 0 to 7 as in syslog(3), and of the unit that the caller runs in. A
// "<N>" at the beginning of a line is text, so that the stream can carry the output of a program
// that is not trusted. Not open where no journal listens. Error, Exit::system, where the journal
// cannot be reached for another reason.
Descriptor open_journal_stream(std::string_view identifier, int priority);

}  // namespace container_init
