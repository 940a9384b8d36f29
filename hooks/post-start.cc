// post-start: the host's end of a container's links.

#include <unistd.h>

#include <cerrno>

#include "common/apply.h"
#include "common/config.h"
#include "common/error.h"
#include "common/format.h"
#include "common/lookup.h"
#include "common/plan.h"
#include "common/program.h"
#include "common/rtnetlink.h"
#include "hooks/requirements.h"

using namespace container_init;

namespace {

constexpr std::string_view kUsage =
    "Usage: post-start [--dry-run] [--wait=SECONDS]\n"
    "\n"
    "Configures the host's end of the links of the container INSTANCE.\n"
    "\n"
    "  -n, --dry-run   print the ip(8) commands that would do the same, and do nothing\n"
    "      --wait=SECONDS\n"
    "                  wait that long at most for the links to appear; default 0\n"
    "  -h, --help      print this\n"
    "  -V, --version   print the version\n"
    "\n"
    "Variables, see container.conf(5): INSTANCE, HOST_ADDRESS, HOST_ADDRESS6, LOCAL_ADDRESS,\n"
    "LOCAL_ADDRESS6, HOST_BRIDGE, EXTRA_VETHS.\n"
    "\n"
    "Exit status: 0 done, also where it was done before; 64 usage, 71 system, 75 a link did not\n"
    "appear in time, 78 configuration.\n";

Links find_or_wait(Rtnetlink& rtnetlink, const LinkNames& names, std::chrono::seconds wait) {
  Links links = find_links(rtnetlink, names);
  if (wait.count() > 0 && !failing(names, links, exists).empty())
    links = wait_for_links(rtnetlink, names, wait, exists);
  const LinkNames missing = failing(names, links, exists);
  if (missing.empty()) return links;
  if (wait.count() > 0)
    throw Error(Exit::timeout, format("no link {} after {} s: is the container running?",
                                      join(missing), wait.count()));
  throw system_error(ENODEV, "find link " + join(missing), "is the container running?");
}

int run(const Options& options, const Log&) {
  const Config config = parse_config(Environment(environ));
  const Plan plan = make_host_plan(config.network);
  if (options.dry_run) {
    print(plan);
    return 0;
  }
  if (plan.empty()) return 0;
  Rtnetlink rtnetlink;
  const Links links = find_or_wait(rtnetlink, names_of(plan), options.wait);
  check_bridges(required_bridges(config.network), links);
  apply(rtnetlink, plan, links);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return run_program({.name = "post-start", .usage = kUsage, .has_wait = true, .run = run}, argc,
                     argv);
}
