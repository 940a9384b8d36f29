# SPDX-License-Identifier: MIT
"""Combinations of the variables of a pair, and what should come of each."""

import ipaddress
import itertools

from covering import covering

MAC = "02:00:00:00:00:07"

# The second set has both ends in one network, the third in networks of their own.
ADDRESSES = {
    "single": {"HOST_ADDRESS": "10.1.0.1", "HOST_ADDRESS6": "fd01::1",
               "LOCAL_ADDRESS": "10.1.0.2", "LOCAL_ADDRESS6": "fd01::2"},
    "network": {"HOST_ADDRESS": "10.1.0.1/24", "HOST_ADDRESS6": "fd01::1/64",
                "LOCAL_ADDRESS": "10.1.0.2/24", "LOCAL_ADDRESS6": "fd01::2/64"},
    "mixed": {"HOST_ADDRESS": "10.1.0.1/25", "HOST_ADDRESS6": "fd01::1/112",
              "LOCAL_ADDRESS": "10.1.0.130/26", "LOCAL_ADDRESS6": "fd01:0:0:1::2/64"},
}
OTHERS = {"LOCAL_GATEWAY": "10.1.0.254", "LOCAL_GATEWAY6": "fd01::fe", "LOCAL_MAC_ADDRESS": MAC,
          "HOST_BRIDGE": "br0"}


def pair(number):
    """The addresses of one of many containers, from 1; no two have one in common."""
    return {"HOST_ADDRESS": f"10.1.{number}.1", "LOCAL_ADDRESS": f"10.1.{number}.2",
            "HOST_ADDRESS6": f"fd01:{number}::1", "LOCAL_ADDRESS6": f"fd01:{number}::2"}


def subsets(variables):
    for size in range(len(variables) + 1):
        for names in itertools.combinations(variables, size):
            yield {name: variables[name] for name in names}


def cases(others):
    """By their names: each of a set of addresses, a choice of its variables and of `others`."""
    names = [*ADDRESSES["single"], *others]
    found = {}
    for kind, *chosen in covering([ADDRESSES, *([False, True] for _ in names)]):
        variables = {**ADDRESSES[kind], **others}
        variables = {name: variables[name] for name, wanted in zip(names, chosen) if wanted}
        found[f"{kind}:{identifier(variables)}"] = variables
    return found


def identifier(variables):
    short = [name.replace("ADDRESS", "").strip("_").lower() for name in variables]
    return "+".join(short) or "none"


def interface(text):
    """ADDR alone is a single address: ipaddress and the programs agree on it."""
    return ipaddress.ip_interface(text)


def destination(network):
    """As iproute2 prints it."""
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def peer_routes(variables, own, peer, link):
    """A route to the network of the other end; to that end alone where both are in one network."""
    routes = set()
    for suffix in ("", "6"):
        if peer + suffix not in variables:
            continue
        other = interface(variables[peer + suffix])
        if own + suffix in variables and interface(variables[own + suffix]).network == other.network:
            routes.add((str(other.ip), None, link))
        else:
            routes.add((destination(other.network), None, link))
    return routes


def default_routes(variables, link):
    routes = set()
    for suffix in ("", "6"):
        host, local = variables.get("HOST_ADDRESS" + suffix), variables.get("LOCAL_ADDRESS" + suffix)
        gateway = variables.get("LOCAL_GATEWAY" + suffix)
        if not gateway and not host:
            continue
        address = interface(gateway or host).ip
        on_link = [interface(end).network for end in (host, local) if end]
        if not any(address in network for network in on_link):
            routes.add((str(address), None, link))
        routes.add(("default", str(address), link))
    return routes


def addresses(variables, end):
    return {str(interface(variables[name])) for name in (end, end + "6") if name in variables}
