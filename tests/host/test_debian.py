# SPDX-License-Identifier: MIT
"""Containers that boot systemd."""

import pathlib
import re
import shlex
import shutil

import pytest

from container import wait_until
from host import LONG, PAIR, assert_reachable, run, seconds_to, succeed

PING = """
[Unit]
DefaultDependencies=no
Before=multi-user.target
FailureAction=exit-force
FailureActionExitStatus=3

[Service]
Type=oneshot
ExecStart=ping -c1 -W5 10.1.0.1
ExecStart=ping -c1 -W5 fd01::1
ExecStartPost=touch /run/pinged
"""


def test_network_at_boot(host, debian, record_property):
    """The first thing inside needs the host, has one try, and ends the container where it fails."""
    web, root = debian(**PAIR)
    web.start()  # for the caches
    web.start("restart")
    without = seconds_to(lambda: web.start("restart"))
    root.add_unit("ping.service", PING, "multi-user.target")
    within = seconds_to(lambda: web.start("restart"))
    assert web.inside("/run/pinged").exists()
    assert_reachable(host, web)
    record_property("restart", f"{without:.1f} s; with the pings {within:.1f} s")


def test_no_network_at_boot(debian, once):
    """The same with an address that the host does not have: the test above could fail."""
    web, root = debian(once, **PAIR)
    root.add_unit("ping.service", PING.replace("10.1.0.1", "10.1.0.9"), "multi-user.target")
    web.try_start()
    wait_until(lambda: web.state() == "failed", seconds=LONG, pause=0.1)
    assert web.property("ExecMainStatus") == "3"


# Prints what its process may do, and then its control group.
PROBE = """\
grep -E '^(Cap(Prm|Eff|Bnd|Amb)|Gid|Groups|NoNewPrivs|Seccomp|Seccomp_filters|Speculation.*|Uid):' \
    /proc/self/status
for name in cgroup ipc mnt net pid time user uts; do readlink /proc/self/ns/$name; done
cat /proc/self/attr/current 2>/dev/null || echo 'no security module has labels here'
cat /proc/self/cgroup
"""
PROBE_UNIT = """\
[Service]
Type=oneshot
ExecStart=sh -c 'sh /probe >/run/service'
"""


@pytest.fixture
def reloadable(debian):
    """Makes containers in which a reload runs a script."""

    def make(script):
        web, system = debian(RELOAD_COMMAND=shlex.quote(shlex.join(["/bin/sh", "-c", script])), **PAIR)
        system.unmask_bus()
        return web, system

    return make


@pytest.mark.emulated
def test_reload_of_debian(host, reloadable):
    """The command may do what a service of the container may, as it is one."""
    web, system = reloadable("sh /probe >/run/command")
    (system.root / "probe").write_text(PROBE)
    system.add_unit("probe.service", PROBE_UNIT, "multi-user.target")
    web.start()
    assert_reachable(host, web)
    succeed("systemctl", "reload", web.service)
    command, service = (web.inside(f"/run/{name}").read_text().partition("0::")
                        for name in ("command", "service"))
    assert command[0] == service[0]
    assert "Seccomp:\t2\n" in command[0]
    assert re.fullmatch(r"/system.slice/container-reload-\d+.service\n", command[2])
    assert service[2] == "/system.slice/probe.service\n"
    web.stop()


def test_status_of_reload(host, reloadable):
    web, _ = reloadable("exit 7")
    web.start()
    assert run("systemctl", "reload", web.service).returncode != 0
    assert "status=7" in web.journal()
    assert web.state() == "active"
    assert_reachable(host, web)


# Wants network-online.target, as many services do, and cannot be told which links that means.
ONLINE = """
[Unit]
Wants=network-online.target
After=network-online.target
Before=multi-user.target
DefaultDependencies=no

[Service]
Type=oneshot
ExecStart=touch /run/online
"""
# On the host's side of a bridge, the only one who knows of DHCP in the tests: networkd.
SERVER = """\
[Match]
Name=br0

[Network]
Address=10.3.0.1/24
DHCPServer=yes
"""


@pytest.fixture
def networked(debian):
    """Makes containers that run systemd-networkd and wait until it calls them online."""

    def make(**variables):
        web, root = debian(**variables)
        root.add_unit("online.service", ONLINE, "multi-user.target")
        for unit, target in (("systemd-networkd.service", "multi-user.target"),
                             ("systemd-networkd-wait-online.service", "network-online.target")):
            wants = root.root / f"etc/systemd/system/{target}.wants"
            wants.mkdir(exist_ok=True)
            (wants / unit).symlink_to(f"/lib/systemd/system/{unit}")
        return web, root

    return make


EXTRA_INSIDE = {"EXTRA_VETHS": "lan0:eth1,HOST_ADDRESS=10.2.0.1,LOCAL_ADDRESS=10.2.0.2"}


@pytest.mark.parametrize("variables", [
    {**PAIR, **EXTRA_INSIDE},
    {"HOST_BRIDGE": "br0", "LOCAL_ADDRESS": "10.3.0.2/24"},
], ids=["pairs", "bridge"])
def test_networkd_inside_keeps_what_is_configured(host, networked, variables):
    """It is online at once, also where no router answers, and still so after networkd was restarted."""
    host.add_bridge("br0", "10.3.0.1/24")
    web, _ = networked(**variables)
    elapsed = seconds_to(web.start)
    assert web.inside("/run/online").exists()
    inside = web.network()
    assert host.pings(*web.locals())
    before = {link: inside.addresses(link) for link in inside.links()}, inside.routes()
    succeed("nsenter", "--all", "--target", web.leader(), "systemctl", "restart", "systemd-networkd",
            "systemd-networkd-wait-online")
    assert ({link: inside.addresses(link) for link in inside.links()}, inside.routes()) == before
    assert host.pings(*web.locals())
    assert elapsed < 40


def test_networkd_inside_a_bridge_asks_for_addresses(host, networked):
    """With no file in the container."""
    host.add_bridge("br0")
    server = pathlib.Path("/run/systemd/network/50-br0.network")
    server.parent.mkdir(exist_ok=True)
    server.write_text(SERVER)
    succeed("systemctl", "start", "systemd-networkd.service")
    try:
        web, _ = networked(HOST_BRIDGE="br0")
        web.start()
        assert web.inside("/run/online").exists()
        address, = (address for address in web.network().addresses("eth0") if ":" not in address)
        assert host.pings(address.partition("/")[0])
    finally:
        server.unlink()
        succeed("systemctl", "stop", "systemd-networkd.service", "systemd-networkd.socket")


def test_networkd_inside_heeds_the_container_s_own_file(networked):
    web, root = networked(**PAIR)
    (root.root / "etc/systemd/network/eth0.network").write_text(
        "[Match]\nName=eth0\n[Network]\nAddress=10.9.0.2/24\nIPv6AcceptRA=no\n")
    web.start()
    assert "10.9.0.2/24" in web.network().addresses("eth0")


def test_container_in_a_container(debian, build):
    """By the same unit, and known to the machined of the outer one."""
    web, root = debian(**PAIR)
    web.drop_in("TimeoutStartSec=5min")
    root.unmask_bus()
    inner = root.root / "var/lib/containers/inner/sbin"
    inner.mkdir(parents=True)
    shutil.copy(build / "tests/stage2", inner / "init")
    (root.root / "etc/containers/inner.conf").write_text(
        "HOST_ADDRESS=10.9.0.1\nLOCAL_ADDRESS=10.9.0.2\nPRIVATE_USERS=no\n")
    root.require("/usr/local/lib/systemd/system/container@.service", "container@inner.service",
                 "multi-user.target")
    web.start()
    assert web.network().pings("10.9.0.2")
    machines = succeed("nsenter", "--all", "--target", web.leader(), "machinectl", "--no-legend", "list")
    assert machines.split()[:2] == ["inner", "container"]
    web.stop()
