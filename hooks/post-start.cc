// SPDX-License-Identifier: MIT
// post-start: the host's end of a container's links.

#include <unistd.h>

#include <fmt/core.h>

#include "common/base/error.h"
#include "common/base/program.h"
#include "common/config/config.h"
#include "common/config/variables.h"
#include "common/network/lookup.h"
#include "common/network/plan.h"
#include "common/network/rtnetlink.h"
#include "hooks/host_end.h"
#include "hooks/requirements.h"

using namespace container_init;

namespace {

constexpr std::string_view kUsage =
    "Usage: post-start [--dry-run] [--wait=SECONDS]\n"
    "\n"
    "Configures the host's end of the links of the container INSTANCE.\n"
    "\n"
    "  -n, --dry-run  print the ip(8) commands that would do the same, and do nothing\n"
    "      --wait=SECONDS\n"
    "                 wait that long at most for the links to appear; default 0\n"
    "  -h, --help     print this\n"
    "  -V, --version  print the version\n"
    "\n"
    "Exit status: 0 done, also where it was done before; 64 usage, 71 system,\n"
    "75 a link did not appear in time, 78 configuration.\n"
    "\n"
    "Variables, see container.conf(5):\n";

Links find_or_wait(Rtnetlink& rtnetlink, const LinkNames& names, std::chrono::seconds wait) {
  Links links = find_links(rtnetlink, names);
  if (wait.count() == 0 || failing(names, links, is_present).empty()) return links;
  return wait_for_links(rtnetlink, names, wait, is_present);
}

// One Error that names every missing link.
void require_links(const LinkNames& own, const std::vector<RequiredLink>& bridges,
                   const Links& links, std::chrono::seconds wait) {
  const std::string when = wait.count() > 0 ? fmt::format(" after {} s", wait.count()) : "";
  auto missing = missing_lines(bridges, links, when);
  for (const std::string& name : failing(own, links, is_present))
    missing.push_back(fmt::format("no link {}{}: is the container running?", name, when));
  if (!missing.empty())
    throw Error(wait.count() > 0 ? Exit::timeout : Exit::system, std::move(missing));
}

int run(const Options& options, const Log&) {
  const Network network = parse_host_network(Environment(environ));
  const Plan plan = make_host_plan(network);
  if (options.dry_run) {
    print(ip_commands(plan));
    return 0;
  }
  if (plan.empty()) return 0;
  Rtnetlink rtnetlink;
  const LinkNames own = host_links(network);
  const auto bridges = required_bridges(network);
  const Links links = find_or_wait(rtnetlink, names_of(plan), options.wait);
  require_links(own, bridges, links, options.wait);
  configure_host_end(rtnetlink, network, links);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return run_program({.name = "post-start",
                      .usage = kUsage,
                      .variables = [] { return list_variables(kPostStart); },
                      .has_wait = true,
                      .run = run},
                     argc, argv);
}
