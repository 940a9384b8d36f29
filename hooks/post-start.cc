// SPDX-License-Identifier: MIT
// post-start: the host's end of a container's links.

#include <unistd.h>

#include <cstdlib>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "common/base/error.h"
#include "common/base/number.h"
#include "common/base/program.h"
#include "common/config/config.h"
#include "common/config/variables.h"
#include "common/network/lookup.h"
#include "common/network/plan.h"
#include "common/network/rtnetlink.h"
#include "hooks/host_end.h"
#include "hooks/networkd.h"
#include "hooks/pidfd.h"
#include "hooks/requirements.h"
#include "hooks/running_containers.h"

using namespace container_init;

namespace {

constexpr std::string_view kUsage =
    "Usage: post-start [--dry-run] [--wait=SECONDS]\n"
    "       post-start --all | --changes [--dry-run]\n"
    "\n"
    "Configures the host's end of the links of the container INSTANCE.\n"
    "\n"
    "  -n, --dry-run  print the ip(8) commands that would do the same, and do nothing\n"
    "      --wait=SECONDS\n"
    "                 wait that long at most for the links to appear; default 0\n"
    "      --all      the same for every container that runs, as it was started, as\n"
    "                 far as its links and bridges exist; no variable is read\n"
    "      --changes  the same for those whose links lose addresses, routes or their\n"
    "                 bridge or are brought up, or whose bridge is; standard input is\n"
    "                 a socket of rtnetlink(7) that reports it: that of\n"
    "                 container-links.socket\n"
    "  -h, --help     print this\n"
    "  -V, --version  print the version\n"
    "\n"
    "Exit status: 0 done, also where it was done before; 64 usage, 71 system,\n"
    "75 a link did not appear in time, 78 configuration.\n"
    "\n"
    "Variables, see container.conf(5):\n";

// The unit's, which systemd names to a command of ExecStartPost=, systemd.exec(5).
class MainProcess {
 public:
  MainProcess() {
    const char* number = std::getenv("MAINPID");
    const auto process =
        parse_number<pid_t>(number != nullptr ? number : "", 1, std::numeric_limits<pid_t>::max());
    is_known_ = process.has_value();
    if (process) pidfd_ = open_process(*process);
  }

  // Readable when it has ended; -1 where there is none.
  int descriptor() const { return pidfd_.get(); }

  // Whether it has, or is about to. Its container is gone before, and the links with that.
  bool ends() const {
    return is_known_ && (!pidfd_.is_open() || ends_within(pidfd_, std::chrono::seconds{1}));
  }

 private:
  bool is_known_ = false;
  Descriptor pidfd_;
};

Links find_or_wait(Rtnetlink& rtnetlink, const LinkNames& names, std::chrono::seconds wait,
                   const MainProcess& main_process) {
  Links links = find_links(rtnetlink, names);
  if (wait.count() == 0 || failing(names, links, is_present).empty()) return links;
  return wait_for_links(rtnetlink, names, wait, is_present, main_process.descriptor());
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

// A bridge that is missing may come later. Unless somebody asks for all links, one that is down was
// taken down on purpose, and is configured again when it is brought up.
bool is_wanted(const Pair& pair, const Links& links, const Options& options) {
  const auto found = links.find(pair.host_link);
  return found != links.end() && (options.all || found->second.is_up) &&
         (pair.bridge.empty() || links.contains(pair.bridge));
}

void reconnect(Network network, const Options& options) {
  Rtnetlink rtnetlink;
  const Links links = find_links(rtnetlink, names_of(make_host_plan(network)));
  const auto is_left_out = [&](const Pair& pair) { return !is_wanted(pair, links, options); };
  if (network.pair && is_left_out(*network.pair)) network.pair.reset();
  std::erase_if(network.extra_pairs, is_left_out);
  if (options.dry_run) return print(ip_commands(make_host_plan(network)));
  configure_host_end(rtnetlink, network, links);
}

// Gives the status of the last container that could not be connected. `links` gets the names of
// their links.
int reconnect(const std::vector<RunningContainer>& containers, const Options& options,
              const Log& log, LinkNames& links) {
  int status = 0;
  for (const RunningContainer& container : containers) {
    const int failed = report_errors(log, [&] {
      links.merge(host_links(container.network()));
      reconnect(container.network(), options);
      return 0;
    });
    if (failed != 0) status = failed;
  }
  return status;
}

// Those of the links that are there, up and claimed, and all for a bridge that was brought up; its
// addresses are not ours. The links of a container that ends lose their addresses too, but the
// kernel answers when they are gone.
std::vector<RunningContainer> find_concerned(Rtnetlink& rtnetlink,
                                             const LossEvents::Losses& losses) {
  if (losses.others) return find_all_running();
  std::map<std::string, RunningContainer> concerned;
  for (const int index : losses.links) {
    const auto link = find_link(rtnetlink, index);
    if (!link || !link->is_up) continue;
    if (link->kind == "bridge" && losses.brought_up.contains(index)) return find_all_running();
    if (const auto claimant = find_claimant(link->name))
      concerned.try_emplace(claimant->instance, *claimant);
  }
  std::vector<RunningContainer> containers;
  for (auto& [name, container] : concerned) containers.push_back(std::move(container));
  return containers;
}

int reconnect_all(const Options& options, const Log& log) {
  LinkNames links;
  return reconnect(find_all_running(), options, log, links);
}

// A file of the administrator's for the link may be meant, or be one for all links, which takes
// from the link what is ours. The healing has put it back.
void name_files_of_networkd(Rtnetlink& rtnetlink, const LinkNames& names, const Log& log) {
  for (const auto& [name, link] : find_links(rtnetlink, names))
    if (const auto file = file_of_networkd(link.index))
      log.notice(
          fmt::format("{} configures {} too; where it should not: Property=!CONTAINER_INIT=1 "
                      "in its [Match], systemd.network(5)",
                      *file, name));
}

// Long enough that a process is not started for each of many changes, and that systemd-networkd has
// looked at a new link.
constexpr std::chrono::seconds kPatience{1};

int follow_changes(const Options& options, const Log& log) {
  LossEvents events(STDIN_FILENO);
  Rtnetlink rtnetlink;
  LinkNames links;
  int status = 0;
  while (const auto losses = events.wait(kPatience)) {
    const int failed = reconnect(find_concerned(rtnetlink, *losses), options, log, links);
    if (failed != 0) status = failed;
  }
  name_files_of_networkd(rtnetlink, links, log);
  return status;
}

void configure(const Network& network, std::chrono::seconds wait, const MainProcess& main_process,
               const Log& log) {
  Rtnetlink rtnetlink;
  const LinkNames own = host_links(network);
  const auto bridges = required_bridges(network);
  const Links links =
      find_or_wait(rtnetlink, names_of(make_host_plan(network)), wait, main_process);
  require_links(own, bridges, links, wait);
  configure_host_end(rtnetlink, network, links);
  warn_of_redirects(network, links, log);
}

int run(const Options& options, const Log& log) {
  if (options.all) return reconnect_all(options, log);
  if (options.changes) return follow_changes(options, log);
  const Network network = parse_host_network(Environment(environ));
  if (options.dry_run) {
    print(ip_commands(make_host_plan(network)));
    return 0;
  }
  if (host_links(network).empty()) return 0;
  const MainProcess main_process;
  try {
    configure(network, options.wait, main_process, log);
  } catch (const Error&) {
    if (!main_process.ends()) throw;  // else the unit's result is that of the main process
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return run_program({.name = "post-start",
                      .usage = kUsage,
                      .variables = [] { return list_variables(kPostStart); },
                      .has_wait = true,
                      .has_all = true,
                      .run = run},
                     argc, argv);
}
