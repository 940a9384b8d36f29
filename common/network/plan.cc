// SPDX-License-Identifier: MIT
#include "common/network/plan.h"

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
  return {"link", "set", arguments + " up"};
}

Words words_of(const DeleteLink& removed) { return {"link", "delete", "dev " + removed.link}; }

Words words_of(const AddAddress& added) {
  const std::string_view nodad = added.address.address.family == Family::ipv6 ? " nodad" : "";
  return {"address", "add",
          fmt::format("{} dev {}{}", to_string(added.address), added.link, nodad)};
}

Words words_of(const AddRoute& added) {
  const Prefix& to = added.destination;
  std::string arguments = to.is_host() ? to_string(to.address) : to_string(to);
  if (added.gateway) {
    if (to.length == 0) arguments = "default";
    arguments += " via " + to_string(*added.gateway);
  }
  return {"route", "add", arguments + " dev " + added.link};
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
