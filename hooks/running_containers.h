// SPDX-License-Identifier: MIT
// The containers that run, and which links of the host belong to them.
//
// The record of a container is the file /run/container-variables/NAME, in a directory that only
// root may enter: the variables that it was started with, and the network that it has now where a
// reload has changed that. It is believed as long as the very process runs that was recorded as the
// container's systemd-nspawn; pre-start removes it.
//
// A claim is a symbolic link /run/container-links/LINK, for udev and everybody else to see from the
// first moment of the link on. It leads to the record by way of /proc/PID of systemd-nspawn, and so
// dangles once that process has ended, however it ended: a link of the same name that somebody else
// makes then is theirs. Our rule of udev tests for it, see container-init.rules.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/config/config.h"
#include "common/config/environment.h"
#include "common/network/link.h"
#include "common/network/network.h"

namespace container_init {

struct RunningContainer {
  std::string instance;
  pid_t nspawn = 0;
  std::uint64_t start_time = 0;        // of that process, see start_time_of()
  std::vector<std::string> variables;  // NAME=VALUE, those of the start
  // The last one is the network that it has or, where a reload has failed half way, is to have;
  // then those before it are what it may have still. Never empty.
  std::vector<Network> networks;

  const Network& network() const { return networks.back(); }
};

// Records that this process becomes the systemd-nspawn of the container, and claims its links.
// Replaces older claims. Error, Exit::system.
void record_start(const Config& config, const Environment& environment);

// Replaces the record of a container that runs. Error, Exit::system.
void update_record(const RunningContainer& container);

// Removes the record and the claims to the links; success also where there are none. Error,
// Exit::system.
void remove_record(const std::string& instance, const LinkNames& links);

// Whether it still does: its systemd-nspawn has not ended.
bool is_running(const RunningContainer& container);

// Nothing if there is no record, or its systemd-nspawn has ended.
std::optional<RunningContainer> find_running(const std::string& instance);

// The one that has claimed the link, by the kernel's name.
std::optional<RunningContainer> find_claimant(const std::string& link);

// All that have a record and still run.
std::vector<RunningContainer> find_all_running();

// The commands of a shell that records itself, and that removes what there is.
std::string record_commands(const Config& config, const Environment& environment);
std::string record_removal_commands(const std::string& instance, const LinkNames& links);

}  // namespace container_init
