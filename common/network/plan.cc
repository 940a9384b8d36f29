// SPDX-License-Identifier: MIT
#include "common/network/plan.h"

#include <algorithm>
#include <iterator>

#include <fmt/core.h>

#include "common/network/link_name.h"
#include "common/network/sysctl.h"

namespace container_init {
namespace {

bool have_same_network(const std::optional<Prefix>& a, const std::optional<Prefix>& b) {
  return a && b && a->network() == b->network();
}

Prefix host_prefix(const Address& address) {
  return {address, static_cast<std::uint8_t>(address.bits())};
}

Prefix default_destination(Family family) {
  Prefix everything;
  everything.address.family = family;
  return everything;
}

// Adds operations on one link.
class LinkPlan {
 public:
  LinkPlan(Plan& plan, std::string link) : plan_(plan), link_(std::move(link)) {}

  void address(const std::optional<Prefix>& own) {
    if (own) plan_.push_back(AddAddress{link_, *own});
  }

  // A route to the network of the other end. If both ends are in one network, the kernel has made
  // that route together with the address, perhaps on several links: then to the other end alone.
  void route_to_peer(const std::optional<Prefix>& peer, const std::optional<Prefix>& own) {
    if (peer) route(have_same_network(peer, own) ? host_prefix(peer->address) : peer->network());
  }

  void route(const Prefix& destination, std::optional<Address> gateway = std::nullopt) {
    plan_.push_back(AddRoute{link_, destination, gateway});
  }

 private:
  Plan& plan_;
  std::string link_;
};

// A gateway outside the networks of the link first gets a route on the link.
void add_default_route(LinkPlan& link, const FamilyConfig& family) {
  if (!family.gateway && !family.host) return;
  const Address gateway = family.gateway ? *family.gateway : family.host->address;
  const bool reachable = gateway.is_link_local() ||
                         (family.local && family.local->contains(gateway)) ||
                         (family.host && family.host->contains(gateway));
  if (!reachable) link.route(host_prefix(gateway));
  link.route(default_destination(gateway.family), gateway);
}

// A pair takes a link, two addresses and two routes; the main pair two default routes besides.
Plan with_room_for(const Network& network) {
  Plan plan;
  plan.reserve(5 * (network.extra_pairs.size() + 1) + 2);
  return plan;
}

void add_container_end(Plan& plan, const Pair& pair) {
  LinkPlan link(plan, pair.container_link);
  link.address(pair.ipv4.local);
  link.address(pair.ipv6.local);
  link.route_to_peer(pair.ipv4.host, pair.ipv4.local);
  link.route_to_peer(pair.ipv6.host, pair.ipv6.local);
}

void add_host_end(Plan& plan, const Pair& pair) {
  const bool is_port = !pair.bridge.empty();
  plan.push_back(SetLink{pair.host_link, {}, {}, pair.bridge, !is_port, pair.mtu});
  if (is_port) return;  // the bridge has the addresses
  LinkPlan link(plan, pair.host_link);
  link.address(pair.ipv4.host);
  link.address(pair.ipv6.host);
  link.route_to_peer(pair.ipv4.local, pair.ipv4.host);
  link.route_to_peer(pair.ipv6.local, pair.ipv6.host);
}

// "ip OBJECT VERB ARGUMENTS"
struct Words {
  std::string_view object;
  std::string_view verb;
  std::string arguments;
};

Words words_of(const SetLink& set) {
  std::string arguments = "dev " + set.link;
  if (!set.new_name.empty()) arguments += " name " + set.new_name;
  if (set.address) arguments += " address " + to_string(*set.address);
  if (set.mtu != 0) arguments += fmt::format(" mtu {}", set.mtu);
  if (!set.master.empty()) arguments += " master " + set.master;
  if (set.leaves_master) arguments += " nomaster";
  return {"link", "set", arguments + " up"};
}

Words words_of(const DeleteLink& removed) { return {"link", "delete", "dev " + removed.link}; }

Words words_of(const AddAddress& added) {
  const std::string_view nodad = added.address.address.family == Family::ipv6 ? " nodad" : "";
  return {"address", "add",
          fmt::format("{} dev {}{}", to_string(added.address), added.link, nodad)};
}

Words words_of(const DeleteAddress& removed) {
  return {"address", "delete", fmt::format("{} dev {}", to_string(removed.address), removed.link)};
}

std::string route_arguments(const Prefix& to, const std::optional<Address>& gateway,
                            const std::string& link) {
  std::string arguments = to.is_host() ? to_string(to.address) : to_string(to);
  if (gateway) {
    if (to.length == 0) arguments = "default";
    arguments += " via " + to_string(*gateway);
  }
  return arguments + " dev " + link;
}

Words words_of(const AddRoute& added) {
  return {"route", "add", route_arguments(added.destination, added.gateway, added.link)};
}

Words words_of(const DeleteRoute& removed) {
  return {"route", "delete", route_arguments(removed.destination, removed.gateway, removed.link)};
}

Words words_of(const DeleteNeighbour& removed) {
  return {"neighbour", "delete",
          fmt::format("{} dev {}", to_string(removed.address), removed.link)};
}

Words words_of(const Operation& operation) {
  return std::visit([](const auto& concrete) { return words_of(concrete); }, operation);
}

// Unlike ip(8), sysctl(8) knows no alternative names.
std::string sysctl_commands(const Operation& operation) {
  std::string text;
  if (const auto* set = std::get_if<SetLink>(&operation); set && set->distrusts_peer)
    for (const std::string& sysctl : distrusting_sysctls(short_link_name(set->link)))
      text += fmt::format("sysctl -w {}=0\n", sysctl);
  return text;
}

bool contains(const Plan& plan, const Operation& operation) {
  return std::ranges::find(plan, operation) != plan.end();
}

// Deletes what the operation adds; nothing for one that adds nothing.
std::optional<Operation> reverse(const Operation& operation) {
  if (const auto* added = std::get_if<AddAddress>(&operation))
    return DeleteAddress{added->link, added->address};
  if (const auto* added = std::get_if<AddRoute>(&operation))
    return DeleteRoute{added->link, added->destination, added->gateway};
  return std::nullopt;
}

// Routes before the addresses that they need.
Plan removals(const std::vector<Plan>& before, const Plan& wanted) {
  Plan removed;
  const auto remove = [&](const Operation& operation) {
    const auto reversed = reverse(operation);
    if (reversed && !contains(wanted, operation) && !contains(removed, *reversed))
      removed.push_back(*reversed);
  };
  for (const Plan& plan : before) std::for_each(plan.rbegin(), plan.rend(), remove);
  return removed;
}

// A veth has it where nothing else is set: ETH_DATA_LEN of linux/if_ether.h.
constexpr std::uint32_t kDefaultMtu = 1500;

const SetLink* find_set_link(const Plan& plan, const std::string& link) {
  for (const Operation& operation : plan)
    if (const auto* set = std::get_if<SetLink>(&operation); set && set->link == link) return set;
  return nullptr;
}

// What has to be set of a link: only what differs from any plan before. Nothing if nothing does.
std::optional<SetLink> link_change(const std::vector<Plan>& before, const SetLink& wanted) {
  SetLink change{wanted.link, {}, {}, {}, wanted.distrusts_peer, 0, false};
  bool differs = false;
  for (const Plan& plan : before) {
    const SetLink* had = find_set_link(plan, wanted.link);
    if (!had || *had == wanted) continue;
    differs = true;
    if (had->address != wanted.address) change.address = wanted.address;
    if (had->mtu != wanted.mtu) change.mtu = wanted.mtu != 0 ? wanted.mtu : kDefaultMtu;
    if (had->master != wanted.master) change.master = wanted.master;
    if (!had->master.empty() && wanted.master.empty()) change.leaves_master = true;
  }
  return differs ? std::optional(change) : std::nullopt;
}

// AddAddress or DeleteAddress, of IPv4; nullptr for all others.
template <typename Change>
const Change* as_ipv4_address(const Operation& operation) {
  const auto* change = std::get_if<Change>(&operation);
  return change && change->address.address.family == Family::ipv4 ? change : nullptr;
}

// The link of an operation on IPv4; empty for others.
std::string link_of_ipv4(const Operation& operation) {
  if (const auto* added = as_ipv4_address<AddAddress>(operation)) return added->link;
  const auto* route = std::get_if<AddRoute>(&operation);
  return route && route->destination.address.family == Family::ipv4 ? route->link : std::string{};
}

// With an IPv4 address the kernel deletes the addresses of the same network that were added after
// it, and with the last address of a link all routes on it.
class Ipv4Removals {
 public:
  explicit Ipv4Removals(const Plan& removed) {
    for (const Operation& operation : removed)
      if (const auto* address = as_ipv4_address<DeleteAddress>(operation))
        removed_.push_back(*address);
  }

  // Whether it adds an address to one of their links that can be there before they are deleted.
  bool spare(const Operation& operation) const {
    const auto* added = as_ipv4_address<AddAddress>(operation);
    return added && are_on(added->link) &&
           std::ranges::none_of(removed_, [&](const DeleteAddress& old) {
             return old.link == added->link && old.address.network() == added->address.network();
           });
  }

  // Whether the result of an operation of that plan is deleted with them.
  bool take_along(const Operation& operation, const Plan& wanted) const {
    const std::string link = link_of_ipv4(operation);
    return are_on(link) && std::ranges::none_of(wanted, [&](const Operation& other) {
             return link_of_ipv4(other) == link && spare(other);
           });
  }

 private:
  bool are_on(const std::string& link) const {
    return std::ranges::any_of(removed_,
                               [&](const DeleteAddress& old) { return old.link == link; });
  }

  std::vector<DeleteAddress> removed_;
};

template <typename Test>
void append_if(Plan& plan, const Plan& operations, Test test) {
  std::ranges::copy_if(operations, std::back_inserter(plan), test);
}

}  // namespace

Plan make_container_plan(const Network& network, std::string_view main_link) {
  Plan plan = with_room_for(network);
  if (const auto& pair = network.pair) {
    const std::string new_name = main_link == pair->container_link ? "" : pair->container_link;
    plan.push_back(
        SetLink{std::string(main_link), new_name, pair->local_mac_address, {}, false, pair->mtu});
    add_container_end(plan, *pair);
    LinkPlan link(plan, pair->container_link);
    add_default_route(link, pair->ipv4);
    add_default_route(link, pair->ipv6);
  }
  for (const Pair& pair : network.extra_pairs) {
    plan.push_back(SetLink{pair.container_link, {}, pair.local_mac_address, {}, false, pair.mtu});
    add_container_end(plan, pair);
  }
  return plan;
}

Plan make_host_plan(const Network& network) {
  Plan plan = with_room_for(network);
  if (network.pair) add_host_end(plan, *network.pair);
  for (const Pair& pair : network.extra_pairs) add_host_end(plan, pair);
  return plan;
}

// A link that keeps one IPv4 address keeps its routes: those that can be added first are.
Plan make_change_plan(const std::vector<Plan>& before, const Plan& wanted) {
  const auto stays = [&](const Operation& operation) {
    return std::ranges::all_of(before, [&](const Plan& plan) { return contains(plan, operation); });
  };
  const Plan removed = removals(before, wanted);
  const Ipv4Removals ipv4(removed);
  Plan first;
  append_if(first, wanted, [&](const auto& each) { return !stays(each) && ipv4.spare(each); });
  Plan change = first;
  change.insert(change.end(), removed.begin(), removed.end());
  for (const Operation& operation : wanted)
    if (const auto* set = std::get_if<SetLink>(&operation))
      if (const auto differing = link_change(before, *set)) change.push_back(*differing);
  append_if(change, wanted, [&](const auto& each) {
    return !std::holds_alternative<SetLink>(each) && !contains(first, each) &&
           (!stays(each) || ipv4.take_along(each, wanted));
  });
  return change;
}

std::string describe(const Operation& operation) {
  const Words words = words_of(operation);
  return fmt::format("{} {} {}", words.verb, words.object, words.arguments);
}

std::string ip_command(const Operation& operation) {
  const Words words = words_of(operation);
  return fmt::format("ip {} {} {}", words.object, words.verb, words.arguments);
}

std::string ip_commands(const Plan& plan) {
  std::string text;
  for (const Operation& operation : plan)
    text += sysctl_commands(operation) + ip_command(operation) + '\n';
  return text;
}

}  // namespace container_init
