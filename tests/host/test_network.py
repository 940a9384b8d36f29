# SPDX-License-Identifier: MIT
"""Every kind of network that a configuration can ask for, as the host and the container see it."""

import pathlib
import sys
import time

import pytest

from container import wait_until
from host import (CGROUPS, LONG, PAIR, assert_reachable, assert_unreachable, pair, run,
                  seconds_to, succeed)


def test_pair(host, container):
    web = container(**PAIR)
    web.start()
    assert web.registered()
    assert_reachable(host, web)
    web.stop()
    assert_unreachable(host, web)


def test_pair_twenty_times(host, container, record_property):
    web = container(**PAIR)
    before = host.traces()
    slowest = 0
    for _ in range(20):
        slowest = max(slowest, seconds_to(web.start))
        assert_reachable(host, web)
        web.stop()
        assert host.settled(before) == before
    record_property("slowest start", f"{slowest:.2f} s")
    assert web.property("NRestarts") == "0"


@pytest.mark.machine
def test_cgroup_controllers(container):
    """A process beside systemd-nspawn would have taken them all away, and the waiter was one."""
    web = container(**PAIR)
    web.start()
    controllers = (web.cgroup() / "payload/cgroup.controllers").read_text().split()
    assert {"cpu", "io", "memory", "pids"} <= set(controllers)
    assert controllers == (web.cgroup() / "cgroup.controllers").read_text().split()
    wait_until(lambda: not (web.cgroup() / "waiter").exists(), pause=0.1)
    groups = {group.name for group in web.cgroup().iterdir() if group.is_dir()}
    assert groups - {".control"} == {"payload", "supervisor"}  # that one is systemd's, for post-start
    supervisors = (web.cgroup() / "supervisor/cgroup.procs").read_text().split()
    assert supervisors == [web.property("MainPID")]
    assert (CGROUPS / "machine.slice" / web.service) == web.cgroup()


BRIDGED = {"HOST_BRIDGE": "br0", "LOCAL_ADDRESS": "10.1.0.2/24", "LOCAL_GATEWAY": "10.1.0.1",
           "LOCAL_ADDRESS6": "fd01::2/64", "LOCAL_GATEWAY6": "fd01::1",
           "LOCAL_MAC_ADDRESS": "02:00:00:00:00:14"}
BRIDGE = ["br0", "10.1.0.1/24", "fd01::1/64"]
GATEWAYS = ["10.1.0.1", "fd01::1"]


def test_bridge_with_gateway(host, container):
    host.add_bridge(*BRIDGE)
    web = container(**BRIDGED)
    web.start()
    assert host.link("vb-web")["master"] == "br0"
    assert host.pings(*web.locals())
    assert web.network().pings(*GATEWAYS)
    assert {("default", gateway, "eth0") for gateway in GATEWAYS} <= web.network().routes()
    assert web.network().link("eth0")["address"] == "02:00:00:00:00:14"
    web.stop()
    assert_unreachable(host, web)


def test_bridge_without_address(host, container):
    """The host has no part in what two of them say to each other."""
    host.add_bridge("br0")
    web = container("web", HOST_BRIDGE="br0", LOCAL_ADDRESS="10.1.0.2/24",
                    LOCAL_ADDRESS6="fd01::2/64")
    db = container("db", HOST_BRIDGE="br0", LOCAL_ADDRESS="10.1.0.3/24",
                   LOCAL_ADDRESS6="fd01::3/64")
    web.start()
    db.start()
    assert web.network().pings("10.1.0.3", "fd01::3")
    assert host.misses("10.1.0.2")


def test_bridge_alone(host, container):
    """No address at all: the link is there and up, for a DHCP client inside."""
    host.add_bridge("br0")
    web = container(HOST_BRIDGE="br0")
    web.start()
    assert host.link("vb-web")["master"] == "br0"
    eth0 = web.network().link("eth0")
    assert "UP" in eth0["flags"] and "LOWER_UP" in eth0["flags"]


@pytest.mark.emulated
def test_bridge_recreated(host, container):
    """Ten containers, and the extra pair of another one, are back in it without anybody's help."""
    host.add_bridge(*BRIDGE)
    bridged = {"HOST_BRIDGE": "br0", "LOCAL_GATEWAY": "10.1.0.1", "LOCAL_GATEWAY6": "fd01::1"}
    all_of_them = [container(f"c{number}", LOCAL_ADDRESS=f"10.1.0.{number}/24",
                             LOCAL_ADDRESS6=f"fd01::{number}/64", **bridged)
                   for number in range(10, 20)]
    all_of_them.append(container("db", EXTRA_VETHS="lan0,HOST_BRIDGE=br0,LOCAL_ADDRESS=10.1.0.9/24"))
    web = container("web", HOST_ADDRESS="10.2.0.1", LOCAL_ADDRESS="10.2.0.2")
    succeed("systemctl", "start", web.service, *(one.service for one in all_of_them))
    links = ["lan0", *(f"vb-c{number}" for number in range(10, 20))]
    untouched = host.link("ve-web")
    host.ip("link delete br0")
    assert not any("master" in host.link(link) for link in links)
    host.add_bridge(*BRIDGE)
    elapsed = seconds_to(lambda: wait_until(
        lambda: all(host.link(link).get("master") == "br0" for link in links), pause=0.05))
    assert host.pings("10.1.0.9", *(address for one in all_of_them[:-1] for address in one.locals()))
    assert all_of_them[0].network().pings(*GATEWAYS)
    assert host.link("ve-web") == untouched
    assert elapsed < 10


def test_bridge_recreated_in_quick_succession(host, container):
    """More often than systemd starts a unit in a short time by default; the last time counts."""
    host.add_bridge(*BRIDGE)
    web = container("web", **BRIDGED)
    db = container("db", EXTRA_VETHS="lan0,HOST_BRIDGE=br0,LOCAL_ADDRESS=10.1.0.9/24")
    succeed("systemctl", "start", web.service, db.service)
    for _ in range(12):
        host.ip("link delete br0", "link add br0 type bridge", "link set br0 up")
    host.ip("address add 10.1.0.1/24 dev br0", "address add fd01::1/64 dev br0 nodad")
    wait_until(lambda: all(host.link(link).get("master") == "br0" for link in ("vb-web", "lan0")),
               pause=0.05)
    assert host.pings("10.1.0.9", *web.locals())


FLUSHES = [["address flush dev {}"], ["address flush dev {} scope global"], ["route flush dev {}"],
           ["route del fd01::2 dev {}"], ["address del 10.1.0.1/32 dev {}"],
           ["link set {} down", "link set {} up"]]


@pytest.mark.parametrize("name", ["web", "a-name-that-is-forty-characters-long-111"], ids=["short", "long"])
def test_flushed_host_end(host, container, name, record_property):
    """What somebody takes from a link is back at once, and nobody stays to wait for the next time."""
    web = container(name, **PAIR)
    db = container("db", EXTRA_VETHS="lan0,HOST_ADDRESS=10.2.0.1,LOCAL_ADDRESS=10.2.0.2")
    succeed("systemctl", "start", web.service, db.service)
    link = host.link(f"ve-{name}")["ifname"]
    before = host.addresses(link), host.routes()

    def restored():
        return (host.addresses(link), host.routes()) == before

    slowest = 0
    for commands in FLUSHES:
        host.ip(*(command.format(link) for command in commands))
        slowest = max(slowest, seconds_to(lambda: wait_until(restored, pause=0.02)))
        assert_reachable(host, web)
    record_property("slowest", f"{slowest:.2f} s")
    host.ip("address flush dev lan0")
    wait_until(restored, pause=0.02)
    assert host.pings("10.2.0.2")
    wait_until(lambda: not is_active("container-links.service"), pause=0.1)
    assert is_active("container-links.socket")
    succeed("systemctl", "stop", web.service, db.service)
    wait_until(lambda: not is_active("container-links.socket"), pause=0.1)


def is_active(unit):
    return run("systemctl", "is-active", unit).stdout.strip() in ("active", "activating", "deactivating")


def test_link_that_is_taken_down(host, container):
    """It stays down while other links are put back, and is complete when it is brought up."""
    web = container(**PAIR, EXTRA_VETHS="lan0,HOST_ADDRESS=10.2.0.1,LOCAL_ADDRESS=10.2.0.2")
    web.start()
    host.ip("link set ve-web down", "address flush dev ve-web", "address flush dev lan0")
    wait_until(lambda: host.addresses("lan0") == {"10.2.0.1/32"}, pause=0.02)
    wait_until(lambda: not is_active("container-links.service"), pause=0.1)
    assert "UP" not in host.link("ve-web")["flags"]
    assert host.addresses("ve-web") == set()
    host.ip("link set ve-web up")
    wait_until(lambda: host.addresses("ve-web") == {"10.1.0.1/32", "fd01::1/128"}, pause=0.02)
    assert_reachable(host, web)


def test_extra_pairs(host, container):
    host.add_bridge("br0", "10.3.0.1/24", "fd03::1/64")
    extra = ["routed0,HOST_ADDRESS=10.2.0.1,LOCAL_ADDRESS=10.2.0.2,"
             "HOST_ADDRESS6=fd02::1,LOCAL_ADDRESS6=fd02::2",
             "bridged0,HOST_BRIDGE=br0,LOCAL_ADDRESS=10.3.0.2/24,LOCAL_ADDRESS6=fd03::2/64",
             "db-web:db,HOST_ADDRESS=10.4.0.1,LOCAL_ADDRESS=10.4.0.2"]
    web = container(**PAIR, EXTRA_VETHS=" ".join(extra))
    web.start()
    assert_reachable(host, web)
    assert host.pings("10.2.0.2", "fd02::2", "10.3.0.2", "fd03::2", "10.4.0.2")
    inside = web.network()
    assert inside.pings("10.2.0.1", "fd02::1", "10.3.0.1", "fd03::1", "10.4.0.1")
    assert inside.links() == {"eth0", "routed0", "bridged0", "db"}
    assert host.link("bridged0")["master"] == "br0"
    assert "master" not in host.link("routed0")
    web.stop()
    assert not {"ve-web", "routed0", "bridged0", "db-web"} & host.links()


def test_extra_pair_alone(host, container):
    web = container(EXTRA_VETHS="lan0:eth1,HOST_ADDRESS=10.2.0.1,LOCAL_ADDRESS=10.2.0.2")
    web.start()
    assert host.pings("10.2.0.2")
    assert "eth1" in web.network().links()


def test_macvlan(host, container):
    """Two of them reach each other, the host where it has one too, and what is behind the link."""
    lan = host.add_neighbour("lan0", "10.5.0.1/24")
    host.ip("link add mv-host link lan0 type macvlan mode bridge", "link set mv-host up",
            "address add 10.5.0.9/24 dev mv-host")
    for name, address in ("web", "10.5.0.2"), ("db", "10.5.0.3"):
        one = container(name, MACVLANS="lan0")
        one.start()
        inside = one.network()
        assert inside.link("mv-lan0")["linkinfo"]["info_kind"] == "macvlan"
        inside.ip("link set mv-lan0 up", f"address add {address}/24 dev mv-lan0")
        assert inside.pings("10.5.0.1", "10.5.0.9")
    assert inside.pings("10.5.0.2")
    assert host.pings("10.5.0.2", "10.5.0.3")
    assert lan.link("eth0")["operstate"] == "UP"


@pytest.mark.emulated
def test_moved_interface(host, container):
    lan = host.add_neighbour("nic0", "10.5.0.1/24")
    web = container(INTERFACES="nic0")
    web.start()
    assert "nic0" not in host.links()
    inside = web.network()
    inside.ip("link set nic0 up", "address add 10.5.0.2/24 dev nic0")
    assert inside.pings("10.5.0.1")
    assert "eth0" in lan.links()


GREETING = "from inside"
SERVER = f"""
import socket
import sys
server = socket.create_server(("", 80))
print(flush=True)
while True:
    accepted, _ = server.accept()
    accepted.sendall(b"{GREETING}")
    accepted.close()
"""
CLIENT = """
import socket, sys
print(socket.create_connection((sys.argv[1], 8080), timeout=10).recv(100).decode(), end="")
"""


@pytest.fixture
def forwarding():
    switch = pathlib.Path("/proc/sys/net/ipv4/ip_forward")
    before = switch.read_text()
    switch.write_text("1")
    yield
    switch.write_text(before)


def test_port_forwarding(host, container, forwarding):
    """systemd-nspawn's, which leaves the loopback link out: seen from another machine."""
    client = host.add_neighbour("lan0", "192.0.2.2/24")
    host.ip("address add 192.0.2.1/24 dev lan0")
    web = container(**PAIR, HOST_PORT="tcp:8080:80")
    web.start()
    server = web.network().start_waiting([sys.executable, "-c", SERVER], {})
    try:
        def reached():
            done = client.run([sys.executable, "-c", CLIENT, "192.0.2.1"])
            return done.stdout == GREETING
        wait_until(reached, pause=0.5, seconds=LONG)
    finally:
        server.kill()
        server.wait()
    assert_reachable(host, web)


@pytest.fixture
def lab():
    """A network namespace with a name; ip(8) leaves a mount where it keeps them."""
    succeed("ip", "netns", "add", "lab")
    yield pathlib.Path("/run/netns/lab")
    succeed("ip", "netns", "delete", "lab")
    succeed("umount", "/run/netns")


def test_network_namespace_by_path(host, lab, container):
    web = container(NETWORK_NAMESPACE_PATH=lab, PRIVATE_USERS="no")
    web.start()
    inside = pathlib.Path(f"/proc/{web.leader()}/ns/net")
    assert inside.stat().st_ino == lab.stat().st_ino
    web.stop()
    assert lab.exists()


@pytest.mark.parametrize("variables,is_shared", [
    ({}, False), ({"PRIVATE_NETWORK": "1"}, False), ({"ADDRESS": "10.0.0.2", "BRIDGE": "br0"}, False),
    ({"PRIVATE_NETWORK": "0"}, True)])
def test_no_pair(host, container, variables, is_shared):
    web = container(**variables)
    web.start()
    assert web.network().links() == (host.links() if is_shared else set())


def test_long_name(host, container):
    web = container("a-name-that-is-forty-characters-long-111", **PAIR)
    assert len(web.name) == 40
    web.start()
    assert_reachable(host, web)
    web.stop()
    assert_unreachable(host, web)
    web.start()
    assert_reachable(host, web)


@pytest.mark.parametrize("link,variables", [("ai0", {"EXTRA_VETHS": "ai0"}), ("ve-once", PAIR)],
                         ids=["extra", "main"])
def test_two_with_one_link(host, container, once, link, variables):
    """The second one fails, with the name of the first one, which keeps the link."""
    web = container("web", EXTRA_VETHS=link)
    web.start()
    before = host.link(link)
    other = container(once, **variables)
    assert other.try_start().returncode != 0
    assert other.property("ExecMainStatus") == "78"
    assert f"link {link} belongs to container web, which runs" in other.journal()
    assert host.link(link) == before
    web.stop()
    other.start()


def test_two_with_one_address(host, container, once):
    """The second one fails, and not at a timeout; the first one goes on."""
    web = container("web", **PAIR)
    web.start()
    db = container(once, **PAIR)
    elapsed = seconds_to(db.try_start)
    assert db.state() == "failed"
    assert "10.1.0.2 already leads to ve-web" in db.journal()
    assert elapsed < 40
    assert web.state() == "active"
    assert_reachable(host, web)
    assert not db.registered()


def test_thirty_at_once(host, container, record_property):
    all_of_them = [container(f"c{number}", **pair(number)) for number in range(30)]
    services = [one.service for one in all_of_them]
    begin = time.monotonic()
    done = run("systemctl", "start", *services, timeout=300)
    record_property("30 started in", f"{time.monotonic() - begin:.1f} s")
    assert done.returncode == 0, done.stderr
    for one in all_of_them:
        assert one.state() == "active"
        assert one.property("NRestarts") == "0"
        assert_reachable(host, one)
    succeed("systemctl", "stop", *services)
    assert {one.property("Result") for one in all_of_them} == {"success"}
