# SPDX-License-Identifier: MIT
"""The program of container-nat.service: the way out for containers, and back to what was before."""

import pathlib
import shutil
import sys

import pytest

from container import wait_until
from namespace import Namespace

PROGRAM = pathlib.Path(__file__).parents[2] / "hooks/systemd/container-nat"
PAIR = {"HOST_ADDRESS": "10.1.0.1", "LOCAL_ADDRESS": "10.1.0.2",
        "HOST_ADDRESS6": "fd01::1", "LOCAL_ADDRESS6": "fd01::2"}
FAR = ["192.0.2.9", "2001:db8::9"]


class Nat:
    def __init__(self, network, directory):
        self._network = network
        self._environment = {"RUNTIME_DIRECTORY": str(directory)}

    def __call__(self, verb):
        done = self._network.host.run([PROGRAM, verb], self._environment)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.fixture
def nat(network, tmp_path):
    return Nat(network, tmp_path)


@pytest.fixture
def outside(network):
    """Another machine, which knows no way to the container."""
    lan = Namespace(network.host)
    network.host.ip(f"link add eth0 type veth peer name eth0 netns {lan.pid}", "link set eth0 up",
                    "address add 192.0.2.1/24 dev eth0", "address add 2001:db8::1/64 dev eth0 nodad")
    lan.ip("link set eth0 up", *(f"address add {address}/{length} dev eth0{nodad}" for address, length, nodad in
                                 zip(FAR, (24, 64), ("", " nodad"))))
    yield lan
    lan.close()


def start_container(network):
    network.add_pair("ve-web", "host0")
    assert network.post_start(PAIR).returncode == 0
    assert network.container_init(PAIR).returncode == 0


def reaches(network, address, seconds):
    return network.container.run(["ping", "-c1", f"-W{seconds}", address]).returncode == 0


def settings(network):
    """All that the kernel knows of forwarding, and what it does besides."""
    return network.host.run(["sh", "-c", "cd /proc/sys/net && grep -sH . ipv4/ip_forward ipv[46]/conf/*/* | grep -v stable_secret"
                             ]).stdout.splitlines()


def rules(network):
    return network.host.run(["nft", "list", "ruleset"]).stdout


def set_sysctl(network, setting, value):
    assert network.host.run(["sysctl", "-q", "-w", f"{setting}={value}"]).returncode == 0


def test_reaches_what_the_host_reaches(network, nat, outside):
    """Both families, for a container that runs and for one that starts later."""
    start_container(network)
    assert not any(reaches(network, address, 1) for address in FAR)
    nat("start")
    assert all(reaches(network, address, 10) for address in FAR)
    nat("stop")
    assert not any(reaches(network, address, 1) for address in FAR)


def test_only_links_of_containers(network, nat, outside):
    """What comes in over another link has its own address, for which the other machine has no answer."""
    network.add_pair("eth1", "host0")
    network.host.ip("link set eth1 up", "address add 10.1.0.1/24 dev eth1")
    network.container.ip("link set host0 up", "address add 10.1.0.2/24 dev host0", "route add default via 10.1.0.1")
    nat("start")
    assert not reaches(network, FAR[0], 1)
    outside.ip("route add 10.1.0.0/24 via 192.0.2.1")
    assert reaches(network, FAR[0], 10)


@pytest.mark.parametrize("forwarding", [{}, {"net.ipv4.conf.eth0.forwarding": 1}, {"net.ipv4.ip_forward": 1},
                                        {"net.ipv6.conf.all.forwarding": 1},
                                        {"net.ipv6.conf.eth0.accept_ra": 0}])
@pytest.mark.parametrize("redirects", [0, 1])
def test_stop_puts_back_what_was(network, nat, outside, forwarding, redirects):
    """The kernel changes more than what it is told: redirects, and each link."""
    for setting, value in forwarding.items():
        set_sysctl(network, setting, value)
    set_sysctl(network, "net.ipv4.conf.all.accept_redirects", redirects)
    before = settings(network), rules(network)
    nat("start")
    assert before != (settings(network), rules(network))
    nat("stop")
    assert (settings(network), rules(network)) == before


def test_start_twice_and_stop_after_the_rules_are_gone(network, nat):
    """As when nftables.service replaces them all."""
    nat("start")
    first = rules(network)
    nat("start")
    assert rules(network) == first
    network.host.run(["nft", "flush", "ruleset"])
    nat("stop")


# RFC 4861, 4.2: a default router.
ROUTER = """\
import socket, struct
advertisement = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0)
raw = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
raw.sendto(advertisement, ("ff02::1", 0, 0, socket.if_nametoindex("eth0")))
"""


def test_the_host_still_listens_to_its_router(network, nat, outside):
    """And to no container."""
    set_sysctl(network, "net.ipv6.conf.all.forwarding", 0)
    start_container(network)
    nat("start")

    def has_route():
        outside.run([sys.executable, "-c", ROUTER])
        return any(route[0] == "default" and route[2] == "eth0" for route in network.host.routes())

    wait_until(has_route, pause=0.1)
    accepts = {line.split("/")[2]: line.rpartition(":")[2] for line in settings(network) if "/accept_ra:" in line}
    assert (accepts["eth0"], accepts["ve-web"]) == ("2", "0")


def test_without_nft_nothing_changes(network, tmp_path):
    """It says what is missing."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in "dirname", "grep", "cat":
        (tools / tool).symlink_to(shutil.which(tool))
    before = settings(network)
    done = network.host.run(["env", f"PATH={tools}", "/bin/sh", PROGRAM, "start"], {"RUNTIME_DIRECTORY": str(tmp_path)})
    assert done.returncode != 0
    assert "nft" in done.stderr
    assert settings(network) == before
