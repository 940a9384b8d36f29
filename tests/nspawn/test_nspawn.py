# SPDX-License-Identifier: MIT
"""Real containers, started as a unit would start them."""

import random
import socket
import time

import pytest

from combinations import ADDRESSES
from container import Container, INSIDE, LONG, assert_reachable, library_binds, pings, wait_until
from covering import CASES

DUAL_STACK = ADDRESSES["single"]
STAGE2 = ["/container-init", "/stage2", "wait"]
# What it pings has to answer to the first packet.
CARRIER = {"WAIT_CARRIER": str(LONG)}


@pytest.fixture
def start(network):
    """Starts containers in the network's host and ends them with the test."""
    started = []

    def start_one(*arguments, **options):
        started.append(Container(network.host, *arguments, **options))
        return started[-1]

    yield start_one
    for container in started:
        container.close()


@pytest.mark.parametrize("variables", ADDRESSES.values(), ids=ADDRESSES)
def test_pair(network, start, minimal_root, variables):
    assert network.pre_start(variables).returncode == 0
    container = start(minimal_root, {**variables, **CARRIER}, STAGE2, ["--network-veth"])
    done = network.post_start(variables, f"--wait={LONG}")
    assert (done.returncode, done.stderr) == (0, "")
    container.wait_for_stage2()
    assert_reachable(network, container, variables)
    container.stop()
    assert container.wait() == 0
    assert not pings(network.host.run, "10.1.0.2")


@pytest.mark.parametrize("length", [1, 11, 12, 13, 20, 64])
def test_name(network, start, minimal_root, length):
    """Links are found whatever systemd-nspawn made of the name, and removed when it is killed."""
    name = ("container-" * 7)[:length].rstrip("-").ljust(length, "x")
    variables = {**DUAL_STACK, "INSTANCE": name}
    container = start(minimal_root, {**DUAL_STACK, **CARRIER}, STAGE2, ["--network-veth"], name=name)
    assert network.post_start(variables, f"--wait={LONG}").returncode == 0
    container.wait_for_stage2()
    assert_reachable(network, container, DUAL_STACK)
    done = network.pre_start(variables)
    assert done.returncode == 0
    assert done.stderr == f"pre-start: deleted link ve-{name}, left by an earlier run\n"
    assert network.host.links() == set()


def test_bridge_with_gateway(network, start, minimal_root):
    variables = {"HOST_BRIDGE": "br0", "LOCAL_ADDRESS": "10.1.0.2/24", "LOCAL_GATEWAY": "10.1.0.1",
                 "LOCAL_ADDRESS6": "fd01::2/64", "LOCAL_GATEWAY6": "fd01::1"}
    network.add_bridge()
    network.host.ip("address add 10.1.0.1/24 dev br0", "address add fd01::1/64 dev br0 nodad")
    assert network.pre_start(variables).returncode == 0
    container = start(minimal_root, {**variables, **CARRIER}, STAGE2, ["--network-bridge=br0"])
    assert network.post_start(variables, f"--wait={LONG}").returncode == 0
    assert network.host.link("vb-web")["master"] == "br0"
    container.wait_for_stage2()
    assert_reachable(network, container,
                     {**variables, "HOST_ADDRESS": "10.1.0.1", "HOST_ADDRESS6": "fd01::1"})


def test_extra_pairs(network, start, minimal_root):
    lan = {"HOST_ADDRESS": "10.2.0.1", "LOCAL_ADDRESS": "10.2.0.2", "HOST_ADDRESS6": "fd02::1",
           "LOCAL_ADDRESS6": "fd02::2"}
    dmz = {"HOST_BRIDGE": "br0", "LOCAL_ADDRESS": "10.3.0.2/24", "LOCAL_ADDRESS6": "fd03::2/64"}
    words = [",".join([name, *(f"{key}={value}" for key, value in keys.items())])
             for name, keys in (("lan0:eth1", lan), ("dmz0", dmz))]
    variables = {**DUAL_STACK, "EXTRA_VETHS": " ".join(words)}
    network.add_bridge()
    network.host.ip("address add 10.3.0.1/24 dev br0", "address add fd03::1/64 dev br0 nodad")
    container = start(minimal_root, {**variables, **CARRIER}, STAGE2,
                      ["--network-veth", "--network-veth-extra=lan0:eth1",
                       "--network-veth-extra=dmz0"])
    assert network.post_start(variables, f"--wait={LONG}").returncode == 0
    container.wait_for_stage2()
    assert_reachable(network, container, DUAL_STACK)
    assert_reachable(network, container, lan)
    assert_reachable(network, container,
                     {**dmz, "HOST_ADDRESS": "10.3.0.1", "HOST_ADDRESS6": "fd03::1"})


def test_error_reaches_the_console(start, minimal_root):
    container = start(minimal_root, {}, ["/container-init", "/sbin/init"], ["--private-network"])
    assert container.wait() == 127
    assert ("container-init: cannot execute /sbin/init: No such file or directory"
            in container.output)


def test_configuration_error_reaches_the_console(start, minimal_root):
    container = start(minimal_root, {"LOCAL_ADDRESS": "10.1.0"}, STAGE2, ["--network-veth"])
    assert container.wait() == 78
    assert 'container-init: LOCAL_ADDRESS="10.1.0": not an IPv4 address' in container.output


@pytest.fixture
def start_debian(start, debian_root, build):
    """systemd as stage 2, over a root that stays as it is."""
    program = build / "container-init"
    inside = f"{INSIDE}/container-init"
    binds = [f"--bind-ro={program}:{inside}", *library_binds(program, debian_root)]

    def start_one(flags=(), environment=None):
        return start(debian_root, DUAL_STACK, [inside, "/sbin/init"],
                     ["--network-veth", "--volatile=overlay", *binds, *flags],
                     environment=environment)

    return start_one


def time_to_ready(start_debian, path):
    """Seconds from container-init to READY=1 of the systemd inside."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.bind(str(path))
        notified.settimeout(LONG)
        container = start_debian(["--notify-ready=yes"], {"NOTIFY_SOCKET": str(path)})
        container.leader()
        begin = time.monotonic()
        while b"READY=1" not in notified.recv(4096):
            pass
    ready = time.monotonic() - begin
    container.stop()
    assert container.wait() == 0
    return ready


def test_no_stop_is_lost(start_debian, tmp_path):
    """SIGRTMIN+3 at moments from container-init to READY, most of them early: twenty, or a hundred in all cases."""
    ready = time_to_ready(start_debian, tmp_path / "notify")
    order = random.Random(1)
    moments = [order.uniform(0, limit) for limit in (0.001, 0.005, 0.02, ready) for _ in range(25 if CASES == "all" else 5)]
    slowest = 0.0
    for moment in moments:
        container = start_debian()
        container.leader()
        time.sleep(moment)
        container.stop()
        begin = time.monotonic()
        assert container.wait() == 0, f"lost at {moment * 1000:.1f} ms: {container.output}"
        slowest = max(slowest, time.monotonic() - begin)
    print(f"READY after {ready:.2f} s; slowest of {len(moments)} stops {slowest:.2f} s")


def test_booted_debian_answers(network, start_debian):
    container = start_debian()
    assert network.post_start(DUAL_STACK, f"--wait={LONG}").returncode == 0
    wait_until(lambda: pings(network.host.run, "10.1.0.2"))
    assert_reachable(network, container, DUAL_STACK)
    container.stop()
    assert container.wait() == 0
