// SPDX-License-Identifier: MIT
#include "hooks/reload/network_change.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "common/base/error.h"
#include "common/base/words.h"
#include "common/network/apply.h"
#include "common/network/lookup.h"
#include "common/network/rtnetlink.h"
#include "hooks/reload/container_process.h"
#include "hooks/requirements.h"

namespace container_init {
namespace {

// The container's end of the main pair has got its name when the container started.
Plan container_plan(const Network& network) { return make_container_plan(network, kContainerLink); }

Plan change_of(const RunningContainer& container, const Network& network,
               Plan (*plan_of)(const Network&)) {
  std::vector<Plan> before;
  for (const Network& each : container.networks) before.push_back(plan_of(each));
  return make_change_plan(before, plan_of(network));
}

std::vector<Pair> pairs_of(const Network& network) {
  std::vector<Pair> pairs = network.extra_pairs;
  if (network.pair) pairs.push_back(*network.pair);
  return pairs;
}

bool had_mac_address(const Network& network, const Pair& pair) {
  return std::ranges::any_of(pairs_of(network), [&](const Pair& other) {
    return other.host_link == pair.host_link && other.local_mac_address == pair.local_mac_address;
  });
}

// The host would send to the MAC address of before until it has waited for an answer in vain.
Plan neighbours_to_forget(const RunningContainer& container, const Network& network) {
  Plan plan;
  for (const Pair& pair : pairs_of(network)) {
    const bool has_changed = !std::ranges::all_of(
        container.networks, [&](const Network& each) { return had_mac_address(each, pair); });
    for (const auto& local : {pair.ipv4.local, pair.ipv6.local})
      if (has_changed && local)
        plan.push_back(
            DeleteNeighbour{pair.bridge.empty() ? pair.host_link : pair.bridge, local->address});
  }
  return plan;
}

// One end, with the links that the change is about.
struct End {
  Rtnetlink rtnetlink;
  Links links;

  End(Rtnetlink opened, const Plan& plan, const std::string& where) : rtnetlink(std::move(opened)) {
    links = find_links(rtnetlink, names_of(plan));
    const LinkNames missing = failing(names_of(plan), links, is_present);
    if (!missing.empty())
      throw Error(Exit::system, fmt::format("no link {} {}", join(missing), where));
  }
};

void apply_to(End& end, const Plan& plan, const std::string& state) {
  try {
    apply(end.rtnetlink, plan, end.links);
  } catch (const Error& error) {
    auto lines = error.lines();
    lines.push_back(state + "; another reload completes it");
    throw Error(error.exit(), std::move(lines));
  }
}

Plan joined(Plan plan, const Plan& more) {
  plan.insert(plan.end(), more.begin(), more.end());
  return plan;
}

LinkNames container_links(const Network& network) {
  LinkNames names;
  for (const Pair& pair : pairs_of(network)) names.insert(pair.container_link);
  return names;
}

}  // namespace

NetworkChange make_network_change(const RunningContainer& container, const Network& wanted) {
  NetworkChange change;
  change.network = with_same_links(container.network(), wanted);
  change.host = change_of(container, change.network, make_host_plan);
  change.inside = change_of(container, change.network, container_plan);
  change.neighbours = neighbours_to_forget(container, change.network);
  return change;
}

void change_network(RunningContainer container, const NetworkChange& change) {
  const ContainerProcess init = open_init(container);
  End inside(open_rtnetlink_of(init), change.inside, "in the container");
  End host({}, joined(change.host, change.neighbours), "on the host");
  check_veths(host_links(change.network), host.links);
  check_veths(container_links(change.network), inside.links);
  check_bridges(required_bridges(change.network), host.links);
  container.networks.push_back(change.network);
  update_record(container);
  apply_to(host, change.host,
           "on the host the other changes are made, in the container there is none yet");
  apply_to(inside, change.inside,
           "on the host the changes are made, in the container all but this one");
  apply_to(host, change.neighbours, "all addresses and routes are changed");
  container.networks = {change.network};
  update_record(container);
}

std::string change_commands(const RunningContainer& container, const NetworkChange& change) {
  std::string text = ip_commands(change.host);
  const std::string enter = change.inside.empty() ? std::string{}
                                                  : fmt::format("nsenter --net --target {} ",
                                                                open_init(container).process);
  for (const Operation& operation : change.inside) text += enter + ip_command(operation) + '\n';
  return text + ip_commands(change.neighbours);
}

}  // namespace container_init
