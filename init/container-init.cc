// SPDX-License-Identifier: MIT
// container-init: the first program of a container; configures its network, then executes the real
// init, or the one program that the container is for.

#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include <fmt/core.h>

#include "common/base/error.h"
#include "common/base/exec.h"
#include "common/base/notify.h"
#include "common/base/program.h"
#include "common/base/stop_signal.h"
#include "common/config/config.h"
#include "common/config/variables.h"
#include "common/network/apply.h"
#include "common/network/lookup.h"
#include "common/network/plan.h"
#include "common/network/rtnetlink.h"
#include "init/networkd_files.h"

using namespace container_init;

namespace {

constexpr std::string_view kUsage =
    "Usage: container-init [--] STAGE2 [ARG...]\n"
    "       container-init --dry-run [--] [STAGE2 [ARG...]]\n"
    "\n"
    "Configures the network inside a container from its environment, then executes\n"
    "STAGE2.\n"
    "\n"
    "  -n, --dry-run  print the ip(8) commands that would do the same, and do nothing\n"
    "  -h, --help     print this\n"
    "  -V, --version  print the version\n"
    "\n"
    "Exit status: that of STAGE2; 0 if stopped before it runs; 64 usage, 71 system,\n"
    "78 configuration, 126 STAGE2 cannot be executed, 127 STAGE2 or its interpreter\n"
    "does not exist.\n"
    "\n"
    "Variables, see container.conf(5):\n";

Error missing_link(const std::string& name) {
  return system_error(ENODEV, "find link " + name,
                      "systemd-nspawn makes it with --network-veth, --network-bridge= or "
                      "--network-veth-extra=");
}

// The final names of the container's ends.
LinkNames container_links(const Network& network) {
  LinkNames names;
  if (network.pair) names.insert(network.pair->container_link);
  for (const Pair& pair : network.extra_pairs) names.insert(pair.container_link);
  return names;
}

// The name that the main pair's end has now: host0, or eth0 where an earlier run has renamed it.
std::string current_main_link(const Pair& pair, const Links& links) {
  std::string made(kNspawnLink);
  const std::string& wanted = pair.container_link;
  const auto action = [&] { return fmt::format("rename link {} to {}", made, wanted); };
  const auto renamed = links.find(wanted);
  if (links.contains(made)) {
    if (renamed == links.end()) return made;
    throw system_error(EEXIST, action(), "the container has another link " + wanted);
  }
  if (renamed == links.end()) throw missing_link(made);
  if (renamed->second.kind != "veth")
    throw system_error(ENODEV, action(), wanted + " is not a veth");
  return wanted;
}

// Stage 2 is started even if the other end does not come up: it may not need the network.
void wait_for_carrier(Rtnetlink& rtnetlink, const Network& network, const Log& log) {
  const LinkNames names = container_links(network);
  const Descriptor stop = open_stop_signal();
  const Links links =
      wait_for_links(rtnetlink, names, network.wait_carrier, has_carrier, stop.get());
  const LinkNames down = failing(names, links, has_carrier);
  if (!down.empty() && !is_stop_signal_pending())
    log.warning(fmt::format("no carrier on {} after {} s, going on without", join(down),
                            network.wait_carrier.count()));
}

// Plans from the name that the main pair's end has, and adds its new name to the links.
Plan plan_from_links(const Network& network, Links& links) {
  if (!network.pair) return make_container_plan(network);
  const std::string main_link = current_main_link(*network.pair, links);
  links[network.pair->container_link] = links[main_link];  // for the operations after the renaming
  return make_container_plan(network, main_link);
}

void configure_network(const Network& network, const Log& log) {
  LinkNames names = container_links(network);
  if (names.empty()) return;
  if (network.pair) names.emplace(kNspawnLink);
  Rtnetlink rtnetlink;
  Links links = find_links(rtnetlink, names);
  const Plan plan = plan_from_links(network, links);
  if (const auto missing = failing(names_of(plan), links, is_present); !missing.empty())
    throw missing_link(join(missing));
  check_veths(names_of(plan), links);
  apply(rtnetlink, plan, links);
  if (network.wait_carrier.count() > 0) wait_for_carrier(rtnetlink, network, log);
}

// systemd-nspawn hands sockets over as to PID 1, sd_listen_fds(3). A program below another init,
// which has another number, would not take them.
void hand_over_sockets() {
  if (getenv("LISTEN_FDS") == nullptr || getenv("LISTEN_PID") == nullptr) return;
  if (setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1) != 0)
    throw system_error(errno, "set LISTEN_PID");
}

int configure_and_execute(const Options& options, const Log& log) {
  const Network network = parse_network(Environment(environ));
  if (options.dry_run) {
    print(ip_commands(make_container_plan(network)));
    return 0;
  }
  configure_network(network, log);
  if (getpid() == 1) write_networkd_files(network, log);  // else /run is not a container's
  if (is_stop_signal_pending()) return 0;
  hand_over_sockets();
  exec_program(options.operands);
}

// systemd-nspawn shows the status of its PID 1. As PID 2, with --as-pid2, this program speaks for
// that.
int run(const Options& options, const Log& log) {
  return run_with_status([&] { return configure_and_execute(options, log); },
                         "container-init: ", getpid() == 2 ? 1 : getpid());
}

}  // namespace

int main(int argc, char** argv) {
  // Below another init, as with --as-pid2, signals take their default actions, and nobody wants one
  // to stay blocked.
  if (getpid() == 1) block_stop_signal();
  return run_program({.name = "container-init",
                      .usage = kUsage,
                      .variables = [] { return list_variables(kContainerInit); },
                      .operands = Operands::required,
                      .run = run},
                     argc, argv);
}
