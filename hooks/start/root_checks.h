// SPDX-License-Identifier: MIT
// What start looks at before it changes anything: whether the root can be that of a container.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/config/config.h"
#include "hooks/start/root.h"

namespace container_init {

// Nothing where the directory does not exist. Error, Exit::config, where it is the host's own root
// or the runtime directory of the unit, whose owner systemd changes while the container runs,
// RuntimeDirectory= in systemd.exec(5).
std::optional<Root> open_root(const Config& config);

// Error, Exit::config, where something in the root would lead systemd-nspawn out of it or keep it
// waiting: it opens some paths of the root as they are seen from the host.
void refuse_traps(const Config& config, const Root& root);

// Error, Exit::config, where stage 2, the path of the real init or of the one program, is neither
// in the root nor in what the command of systemd-nspawn binds into it.
void require_system(const Config& config, const std::optional<Root>& root,
                    const std::string& stage2, const std::vector<std::string>& nspawn_command);

// Why the container's journal must not be linked to the host's; empty where it can be.
// systemd-nspawn links /var/log/journal/ID to the root, where ID is of etc/machine-id, and replaces
// a link that exists: the ID may be another container's.
std::string reason_against_journal_link(const Root& root);

// The directory above the root, where every user of the host can search it and all above it: then
// they can execute what is setuid in the root. Else empty.
std::string open_parent_of(const Root& root);

}  // namespace container_init
