# SPDX-License-Identifier: MIT
"""Two containers of one host: each reaches the host; whether they reach each other is a matter of addresses."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from container import pings
from namespace import Namespace

ENDS = {"web": ("10.1.0.2", "fd01::2"), "db": ("10.1.0.3", "fd01::3")}
HOST = ("10.1.0.1", "fd01::1")


@pytest.fixture
def containers(network):
    """Namespaces by the names of two containers."""
    db = Namespace(network.host)
    yield {"web": network.container, "db": db}
    db.close()


def variables_of(name, lengths):
    return {"INSTANCE": name,
            "HOST_ADDRESS": HOST[0] + lengths[0], "HOST_ADDRESS6": HOST[1] + lengths[1],
            "LOCAL_ADDRESS": ENDS[name][0] + lengths[0], "LOCAL_ADDRESS6": ENDS[name][1] + lengths[1]}


def start(network, build, containers, variables_of_each):
    """The pair of each as systemd-nspawn leaves it, then both ends configured."""
    for name, container in containers.items():
        variables = variables_of_each(name)
        link = f"{'vb' if 'HOST_BRIDGE' in variables else 've'}-{name}"
        network.host.ip(f"link add {link} type veth peer name host0 netns {container.pid}")
        for done in (container.run([build / "container-init", "/bin/true"], variables),
                     network.post_start(variables)):
            assert (done.returncode, done.stderr) == (0, "")


def forward(network):
    done = network.host.run(["sh", "-ec", "for option in ipv4/ip_forward ipv6/conf/all/forwarding; do\n"
                             "echo 1 >/proc/sys/net/$option\ndone"])
    assert (done.returncode, done.stderr) == (0, "")


def reached(namespace, addresses, seconds=10):
    with ThreadPoolExecutor() as together:
        return list(together.map(lambda address: pings(namespace.run, address, seconds), addresses))


def assert_host_and_containers_reach_each_other(network, containers):
    for name, container in containers.items():
        assert reached(network.host, ENDS[name]) == [True, True]
        assert reached(container, HOST) == [True, True]


def between(containers, seconds=10):
    """Over IPv4 and IPv6, from one and from the other."""
    return reached(containers["web"], ENDS["db"], seconds) + reached(containers["db"], ENDS["web"], seconds)


def are_apart(containers):
    """Where they reach each other, they do so in milliseconds."""
    return between(containers, seconds=2) == [False] * 4


def test_addresses_alone_reach_each_other_where_the_host_forwards(network, build, containers):
    start(network, build, containers, lambda name: variables_of(name, ("", "")))
    assert_host_and_containers_reach_each_other(network, containers)
    assert are_apart(containers)
    forward(network)
    assert between(containers) == [True] * 4


def test_one_network_without_a_bridge_keeps_them_apart(network, build, containers):
    """Each takes the other for a neighbour on its own link, where nobody answers."""
    start(network, build, containers, lambda name: variables_of(name, ("/24", "/64")))
    forward(network)
    assert_host_and_containers_reach_each_other(network, containers)
    assert are_apart(containers)


def test_one_network_on_a_bridge(network, build, containers):
    network.add_bridge()
    network.host.ip("address add 10.1.0.1/24 dev br0", "address add fd01::1/64 dev br0 nodad")
    start(network, build, containers, lambda name: {
        "INSTANCE": name, "HOST_BRIDGE": "br0", "LOCAL_ADDRESS": ENDS[name][0] + "/24",
        "LOCAL_ADDRESS6": ENDS[name][1] + "/64"})
    assert_host_and_containers_reach_each_other(network, containers)
    assert between(containers) == [True] * 4
