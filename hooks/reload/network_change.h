// SPDX-License-Identifier: MIT
// Changing the network of a container that runs, on both ends of its pairs.
#pragma once

#include <string>

#include "common/network/network.h"
#include "common/network/plan.h"
#include "hooks/running_containers.h"

namespace container_init {

struct NetworkChange {
  Network network;  // what the container has afterwards
  Plan host;        // on the host's end
  Plan inside;      // on the container's end
  Plan neighbours;  // on the host, once MAC addresses inside have changed
};

// What leads from the network of the container to the wanted one, as far as its links allow, see
// with_same_links().
NetworkChange make_network_change(const RunningContainer& container, const Network& wanted);

// Makes the change, and records it: first that it is begun, then that it is done, so that a second
// call completes one that has failed. Nothing is opened of the container but a socket in its
// network namespace. Error, Exit::config, for a link of the wrong kind and Exit::system for one
// that is missing, with nothing changed; Exit::system if the kernel refuses, with a line that says
// what is in force.
void change_network(RunningContainer container, const NetworkChange& change);

// The commands of ip(8) that do the same.
std::string change_commands(const RunningContainer& container, const NetworkChange& change);

}  // namespace container_init
