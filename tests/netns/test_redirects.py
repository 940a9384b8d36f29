# SPDX-License-Identifier: MIT
"""Redirects: with one, root in a container would lead what the host sends to another machine elsewhere."""

import pathlib
import sys

import pytest

from container import wait_until
from namespace import Namespace

PAIR = {"HOST_ADDRESS": "10.1.0.1", "LOCAL_ADDRESS": "10.1.0.2"}
INSTALLED = pathlib.Path(__file__).parents[2] / "hooks/systemd/sysctl.conf"
ROUTER, NEIGHBOUR, FAR = "192.0.2.1", "192.0.2.66", "203.0.113.9"
# RFC 792: in the name of the host's router, which is said to have got an echo reply of the host's. For
# that the kernel looks for no socket.
REDIRECT = f"""
import socket, struct
address = socket.inet_aton

def checked(message):
    total = sum(struct.unpack(f"!{{len(message) // 2}}H", message))
    total = (total & 0xffff) + (total >> 16)
    total = (total & 0xffff) + (total >> 16)
    return message[:2] + struct.pack("!H", ~total & 0xffff) + message[4:]

def packet(source, destination, payload):
    return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0, 64, 1, 0, address(source),
                       address(destination)) + payload

reply = packet("192.0.2.2", "{FAR}", checked(struct.pack("!BBHHH", 0, 0, 0, 1, 1)))
redirect = checked(struct.pack("!BBH4s", 5, 1, 0, address("{NEIGHBOUR}")) + reply)
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
raw.sendto(packet("{ROUTER}", "192.0.2.2", redirect), ("192.0.2.2", 0))
"""
WARNING = ("post-start: the host takes IPv4 redirects from ve-web, with which the container changes the host's routes: "
           "sysctl -w net.ipv4.conf.all.accept_redirects=0\n")


def set_sysctl(network, setting, value):
    done = network.host.run(["sysctl", "-q", "-w", f"{setting}={value}"])
    assert done.returncode == 0, done.stderr


@pytest.fixture
def attacked(network):
    """A host between a router, beside which is another machine, and a container."""
    lan = Namespace(network.host)
    network.host.ip(f"link add eth0 type veth peer name eth0 netns {lan.pid}", "link set eth0 up", "address add 192.0.2.2/24 dev eth0")
    lan.ip("link set eth0 up", f"address add {ROUTER}/24 dev eth0", f"address add {NEIGHBOUR}/24 dev eth0")
    network.host.ip(f"route add default via {ROUTER}")
    set_sysctl(network, "net.ipv4.ip_forward", 0)
    set_sysctl(network, "net.ipv4.conf.all.accept_redirects", 1)
    network.add_pair("ve-web", "host0")
    yield network
    lan.close()


def is_led_elsewhere(network):
    """The kernel first looks for the neighbour, and takes the redirect after that."""
    network.host.run(["ping", "-c1", "-W5", NEIGHBOUR])
    done = network.container.run([sys.executable, "-c", REDIRECT])
    assert done.returncode == 0, done.stderr
    return f"via {NEIGHBOUR}" in network.host.run(["ip", "route", "get", FAR]).stdout


def configure(network):
    done = network.post_start(PAIR)
    assert network.container_init(PAIR).returncode == 0
    assert done.returncode == 0
    return done.stderr


@pytest.mark.parametrize("rp_filter", [0, 2])
def test_the_attack(attacked, rp_filter):
    """As Linux has it by default. It is said at once."""
    set_sysctl(attacked, "net.ipv4.conf.all.rp_filter", rp_filter)
    assert configure(attacked) == WARNING
    assert is_led_elsewhere(attacked)


@pytest.mark.parametrize("rp_filter", [0, 2])
def test_with_the_file_of_sysctl(attacked, rp_filter):
    set_sysctl(attacked, "net.ipv4.conf.all.rp_filter", rp_filter)
    done = attacked.host.run(["sysctl", "-q", "-p", INSTALLED])
    assert done.returncode == 0, done.stderr
    assert configure(attacked) == ""
    assert not is_led_elsewhere(attacked)


def test_on_a_host_that_forwards(attacked):
    """There the setting of the link alone counts."""
    set_sysctl(attacked, "net.ipv4.ip_forward", 1)
    set_sysctl(attacked, "net.ipv4.conf.all.accept_redirects", 1)
    assert configure(attacked) == ""
    assert not is_led_elsewhere(attacked)


def test_bridges_are_not_warned_of(attacked):
    """What reaches the host comes in over the bridge, which is the administrator's."""
    attacked.add_bridge()
    attacked.add_pair("vb-web", "host0b")
    assert attacked.post_start({"HOST_BRIDGE": "br0"}).stderr == ""
