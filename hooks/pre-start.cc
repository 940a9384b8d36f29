// SPDX-License-Identifier: MIT
// pre-start: checks the configuration, removes what an earlier run of the container left behind and
// waits for the links that the container needs.

#include <unistd.h>

#include <fmt/core.h>

#include "common/base/error.h"
#include "common/base/exec.h"
#include "common/base/notify.h"
#include "common/base/program.h"
#include "common/config/config.h"
#include "common/config/variables.h"
#include "common/network/apply.h"
#include "common/network/link_name.h"
#include "common/network/lookup.h"
#include "common/network/plan.h"
#include "common/network/rtnetlink.h"
#include "hooks/dhcpcd.h"
#include "hooks/ephemeral_copies.h"
#include "hooks/machined.h"
#include "hooks/requirements.h"
#include "hooks/running_containers.h"
#include "hooks/unix_export.h"

using namespace container_init;

namespace {

constexpr std::string_view kUsage =
    "Usage: pre-start [--dry-run] [--] [COMMAND [ARG...]]\n"
    "\n"
    "Checks the configuration of the container INSTANCE, removes what an earlier run\n"
    "left behind and waits for the links that the container needs. Then executes\n"
    "COMMAND, where one is given; it is not searched in PATH.\n"
    "\n"
    "  -n, --dry-run  print the commands that would do the same, and do nothing\n"
    "  -h, --help     print this\n"
    "  -V, --version  print the version\n"
    "\n"
    "Exit status: 0 done, or nothing to do; that of COMMAND; 64 usage, 71 system,\n"
    "75 waiting for a link or for systemd-machined timed out, 78 configuration,\n"
    "126 COMMAND cannot be executed, 127 COMMAND does not exist.\n"
    "\n"
    "Checks all variables of container.conf(5), and acts on these:\n";

// An earlier run may have had a bridge where there is none now, and the reverse.
LinkNames links_to_delete(const Config& config) {
  LinkNames names = host_links(config.network);
  if (config.network.pair)
    names.merge(
        LinkNames{host_link_name(config.instance, false), host_link_name(config.instance, true)});
  return names;
}

Plan make_deletion_plan(const LinkNames& names, const Links& links) {
  Plan plan;
  for (const std::string& name : names)
    if (links.contains(name)) plan.push_back(DeleteLink{name});
  return plan;
}

// Whether there was a link to delete.
bool delete_links(Rtnetlink& rtnetlink, const Plan& deletion, const Links& links, const Log& log) {
  const auto deleted = apply(rtnetlink, deletion, links);
  for (std::size_t i = 0; i < deletion.size(); ++i)
    if (deleted[i])
      log.notice(fmt::format("deleted link {}, left by an earlier run",
                             std::get<DeleteLink>(deletion[i]).link));
  return !deletion.empty();
}

void wait_for_required(Rtnetlink& rtnetlink, const std::vector<RequiredLink>& required,
                       std::chrono::seconds timeout) {
  const LinkNames names = names_of(required);
  notify_status(fmt::format("waiting for {}, {} s at most", join(names), timeout.count()));
  const Links links = wait_for_links(rtnetlink, names, timeout, is_present);
  auto missing = missing_lines(required, links, fmt::format(" after {} s", timeout.count()));
  if (!missing.empty()) throw Error(Exit::timeout, std::move(missing));
  check_bridges(required, links);
  notify_status({});
}

void remove_unix_exports(const std::string& instance, const Log& log) {
  for (const std::string& path : find_unix_exports(instance)) {
    unmount_unix_export(path);
    log.notice(fmt::format("unmounted {}, left by an earlier run", path));
  }
}

void print_commands(const Config& config, bool registered, const Plan& deletion) {
  if (registered)
    print("machinectl terminate " + config.instance + "\n");
  else
    for (const std::string& path : find_unix_exports(config.instance))
      print("umount --lazy " + path + "\n");
  for (const std::string& copy : find_ephemeral_copies(config.root)) print(removal_command(copy));
  print(ip_commands(deletion));
}

void clean_up_and_wait(const Config& config, bool dry_run, const Log& log) {
  const auto required = required_links(config);
  const LinkNames own = links_to_delete(config);
  LinkNames all = names_of(required);
  all.insert(own.begin(), own.end());

  Rtnetlink rtnetlink;
  const auto look = [&] {
    Links links = find_links(rtnetlink, all);
    check_host(rtnetlink, config, own, links);
    return links;
  };
  Links links = look();
  const bool registered = is_registered(config.instance);
  if (dry_run) {
    print_commands(config, registered, make_deletion_plan(own, links));
    return print(record_removal_commands(config.instance, own));
  }
  if (registered) {
    remove_machine(config.instance, log);
    links = look();  // its links may be gone with it
  }
  remove_unix_exports(config.instance, log);
  remove_ephemeral_copies(config.root, log);
  remove_record(config.instance, own);
  const bool changed = delete_links(rtnetlink, make_deletion_plan(own, links), links, log);
  if (changed || !failing(names_of(required), links, is_present).empty())
    wait_for_required(rtnetlink, required, config.device_timeout);
}

void warn_of_dhcpcd(const Network& network, const Log& log) {
  LinkNames names;  // as dhcpcd sees them
  for (const std::string& link : host_links(network)) names.insert(short_link_name(link));
  const LinkNames links = links_of_dhcpcd(names);
  if (links.empty()) return;
  std::string line = "denyinterfaces";
  for (const std::string& link : links) line += ' ' + link;
  log.warning(
      fmt::format("dhcpcd configures {} too, and may lead the host's traffic into the container: "
                  "the line \"{}\" in /etc/dhcpcd.conf prevents this",
                  join(links), line));
}

int run(const Options& options, const Log& log) {
  return run_with_status([&] {
    const Config config = parse_config(Environment(environ));
    for (const std::string& warning : config.warnings) log.warning(warning);
    warn_of_dhcpcd(config.network, log);
    clean_up_and_wait(config, options.dry_run, log);
    if (!options.dry_run && !options.operands.empty()) exec_program(options.operands);
    return 0;
  });
}

}  // namespace

int main(int argc, char** argv) {
  return run_program({.name = "pre-start",
                      .usage = kUsage,
                      .variables = [] { return list_variables(kPreStart); },
                      .operands = Operands::optional,
                      .run = run},
                     argc, argv);
}
