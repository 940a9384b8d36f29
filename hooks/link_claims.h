// SPDX-License-Identifier: MIT
// Which links of the host belong to our containers, for udev and everybody else to see from the
// first moment of the link on.
//
// A claim is a symbolic link /run/container-links/LINK to /proc/PID of the systemd-nspawn that
// makes the link. It dangles once that process has ended, however it ended: a link of the same name
// that somebody else makes then is theirs. Our rule of udev tests for it, see container-init.rules.
#pragma once

#include <sys/types.h>

#include <optional>
#include <set>
#include <string>

#include "common/network/lookup.h"

namespace container_init {

// The names may be alternative names of links: the claim is for the kernel's name.

// Replaces older claims. Error, Exit::system.
void claim_links(const LinkNames& names, pid_t nspawn);

// Success also where there is none. Error, Exit::system.
void remove_claims(const LinkNames& names);

// The systemd-nspawn process of root that has claimed the link; nothing if it has ended.
std::optional<pid_t> find_claimant(const std::string& link);

// All that have claimed a link and still run.
std::set<pid_t> find_claimants();

// The commands of a shell that claims links for itself, and that removes the claims there are.
std::string claim_commands(const LinkNames& names);
std::string claim_removal_commands(const LinkNames& names);

}  // namespace container_init
