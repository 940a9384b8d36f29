// container-init: PID 1 of a container until its network is there, then the real init.

#include <unistd.h>

#include <cerrno>
#include <utility>

#include <fmt/core.h>

#include "common/base/error.h"
#include "common/base/exec.h"
#include "common/base/program.h"
#include "common/base/stop_signal.h"
#include "common/config/config.h"
#include "common/config/variables.h"
#include "common/network/apply.h"
#include "common/network/lookup.h"
#include "common/network/plan.h"
#include "common/network/rtnetlink.h"

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
    "Exit status: that of STAGE2; 0 when stopped before it; 64 usage, 71 system,\n"
    "78 configuration, 126 STAGE2 cannot be executed, 127 STAGE2 or its interpreter\n"
    "does not exist.\n"
    "\n"
    "Variables, see container.conf(5):\n";

Error missing_link(const std::string& name) {
  return system_error(ENODEV, "find link " + name,
                      "systemd-nspawn makes it with --network-veth, --network-bridge= or "
                      "--network-veth-extra=");
}

// host0 is called eth0 from now on. Where an earlier run has renamed it, only the name changes in
// the plan; for the operations that follow both names lead to the link.
void resolve_rename(SetLink& set, Links& links) {
  const bool has_old = links.contains(set.link);
  const auto renamed = links.find(set.new_name);
  if (has_old && renamed != links.end())
    throw system_error(EEXIST, describe(set),
                       fmt::format("the container has another link {}", set.new_name));
  if (has_old) {
    links[set.new_name] = links[set.link];
  } else if (renamed != links.end() && renamed->second.kind == "veth") {
    set.link = std::exchange(set.new_name, {});
  } else if (renamed != links.end()) {
    throw system_error(ENODEV, describe(set), fmt::format("{} is not a veth", set.new_name));
  } else {
    throw missing_link(set.link);
  }
}

void require_links(const Plan& plan, const Links& links) {
  const LinkNames missing = failing(names_of(plan), links, exists);
  if (!missing.empty()) throw missing_link(join(missing));
}

// Stage 2 starts even where the other end never comes up: it may not need it.
void wait_for_carrier(Rtnetlink& rtnetlink, const Network& network, const Log& log) {
  LinkNames names;
  if (network.pair) names.insert(network.pair->container_link);
  for (const Pair& pair : network.extra_pairs) names.insert(pair.container_link);
  const Descriptor stop = open_stop_signal();
  const Links links =
      wait_for_links(rtnetlink, names, network.wait_carrier, has_carrier, stop.get());
  const LinkNames down = failing(names, links, has_carrier);
  if (!down.empty() && !is_stop_signal_pending())
    log.warning(fmt::format("no carrier on {} after {} s, going on without", join(down),
                            network.wait_carrier.count()));
}

void configure_network(const Network& network, Plan plan, const Log& log) {
  if (plan.empty()) return;
  Rtnetlink rtnetlink;
  Links links = find_links(rtnetlink, names_of(plan));
  if (network.pair) resolve_rename(std::get<SetLink>(plan.front()), links);
  require_links(plan, links);
  check_veths(names_of(plan), links);
  apply(rtnetlink, plan, links);
  if (network.wait_carrier.count() > 0) wait_for_carrier(rtnetlink, network, log);
}

int run(const Options& options, const Log& log) {
  const Network network = parse_network(Environment(environ));
  const Plan plan = make_container_plan(network);
  if (options.dry_run) {
    print(ip_commands(plan));
    return 0;
  }
  configure_network(network, plan, log);
  if (is_stop_signal_pending()) return 0;
  exec_program(options.operands);
}

}  // namespace

int main(int argc, char** argv) {
  block_stop_signal();
  return run_program({.name = "container-init",
                      .usage = kUsage,
                      .variables = [] { return list_variables(kContainerInit); },
                      .operands = Operands::required,
                      .run = run},
                     argc, argv);
}
