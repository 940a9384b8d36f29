// SPDX-License-Identifier: MIT
// Messages to the service manager, in the protocol of sd_notify(3), which is stable and open to
// implementations of one's own. Without NOTIFY_SOCKET nothing is sent, and a message that cannot be
// sent is lost: the service manager only shows what is in them.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <string_view>

#include "common/base/error.h"

namespace container_init {

// What systemctl(1) status shows of the unit while this is its main process; empty for nothing.
void notify_status(std::string_view text);

// The same, and makes this process the main process of the unit in place of the one given, which
// must still run. The unit then ends as this process does. Needs CAP_SYS_ADMIN, and a service
// manager that is the parent of this process.
void take_over_unit(pid_t main_process, std::string_view status);

// All lines of an Error in one, for the status; cut where it is very long.
std::string summarize(const Error& error);

// Runs the function and gives its result. An Error that it throws is made the status of the unit,
// and thrown further.
int run_with_status(const std::function<int()>& function);

}  // namespace container_init
