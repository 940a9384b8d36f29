# SPDX-License-Identifier: MIT
"""A host with systemd-networkd: links of ours stay as they are, and all others are served as ever."""

import contextlib
import pathlib
import shutil
import signal
import subprocess

import pytest

from container import wait_until
from host import (LONG, PAIR, ROOTS, View, assert_reachable, journal, pair, run, succeed)

LONG_NAME = "a-name-that-is-forty-characters-long-111"
NETWORK = pathlib.Path("/run/systemd/network")
CATCH_ALL = """\
[Match]
Type=ether
Kind=!bridge
{}
[Network]
DHCP=yes
LinkLocalAddressing=yes
"""
SPARED = "Property=!CONTAINER_INIT=1\n"


class Foreign:
    """A container of systemd-nspawn alone, and of nobody's configuration."""

    def __init__(self, name, stage2):
        self.name = name
        self.link = f"ve-{name}"
        self._root = ROOTS / f"foreign-{name}"
        (self._root / "sbin").mkdir(parents=True)
        (self._root / "usr").mkdir()
        (self._root / "etc").mkdir()
        (self._root / "etc/os-release").touch()
        shutil.copy(stage2, self._root / "sbin/init")
        succeed("systemd-run", f"--unit=foreign-{name}", "--property=Type=notify", "--property=Delegate=yes",
                "--property=KillMode=mixed", "--slice=machine", "systemd-nspawn", "--keep-unit",
                "--notify-ready=yes", "--kill-signal=SIGRTMIN+3", f"--machine={name}", "--network-veth", "-D", self._root, "/sbin/init")
        leader = succeed("machinectl", "show", "--value", "--property=Leader", name).strip()
        View("nsenter", "--net", "--target", leader, "--").ip("link set host0 up")

    def close(self):
        run("systemctl", "stop", f"foreign-{self.name}")
        shutil.rmtree(self._root, ignore_errors=True)
        pathlib.Path(f"{self._root.parent}/.#foreign-{self.name}.lck").unlink(missing_ok=True)


@pytest.fixture
def foreign(host, build):
    with contextlib.ExitStack() as made:

        def start(name):
            one = Foreign(name, build / "tests/stage2")
            made.callback(one.close)
            return one

        yield start


def setup_of(link):
    """The last column of networkctl(1): what it does with a link."""
    words = run("networkctl", "--no-pager", "--no-legend", "list", link).stdout.split()
    return words[-1] if words else ""


def wait_until_unmanaged(*links):
    wait_until(lambda: {setup_of(link) for link in links} == {"unmanaged"}, pause=0.2, seconds=LONG)


def wait_until_managed(link):
    wait_until(lambda: setup_of(link) in ("configuring", "configured"), pause=0.2, seconds=LONG)


def wait_until_served(host, link):
    """The file that systemd has for ve-* gives it a network of its own, of no length that we use."""
    wait_until(lambda: any(address.endswith("/28") for address in host.addresses(link)), pause=0.2,
               seconds=LONG)


class Gap:
    """How long an address does not answer while somebody does something."""

    PAUSE = 0.1

    def __init__(self, host, address):
        self._ping = host.start_waiting(["ping", "-D", "-O", "-n", "-i", self.PAUSE, address], {}, stdout=subprocess.PIPE)

    def close(self):
        """Seconds, at most."""
        self._ping.send_signal(signal.SIGINT)
        answers = [float(line[1:line.index("]")]) for line in self._ping.communicate(timeout=LONG)[0].splitlines()
                   if " bytes from " in line]
        return max(later - earlier for earlier, later in zip(answers, answers[1:]))


def kept(host, links):
    """What must stay as it is."""
    return [(host.link(link)["flags"], host.link(link).get("master"), host.addresses(link))
            for link in links], {route for route in host.routes() if route[2] in links}


UPHEAVALS = [["networkctl", "reload"],
             ["systemctl", "restart", "systemd-networkd.service"],
             ["systemctl", "restart", "systemd-udevd.service"],
             ["udevadm", "trigger", "--settle", "--subsystem-match=net"],
             # What the package does when it is upgraded.
             ["systemctl", "daemon-reexec"],
             ["systemctl", "restart", "systemd-networkd.service"]]


@pytest.mark.parametrize("catch_all", [pytest.param("", id="default", marks=pytest.mark.emulated),
                                       pytest.param(CATCH_ALL.format(SPARED), id="spared")])
def test_links_are_left_alone(host, container, foreign, networkd, catch_all):
    """Those of short, long and any other names, in a bridge too; and only those."""
    host.add_bridge("br0", "10.3.0.1/24")
    networkd(catch_all)
    web = container(**PAIR, EXTRA_VETHS="lan0,HOST_ADDRESS=10.2.0.1,LOCAL_ADDRESS=10.2.0.2")
    long = container(LONG_NAME, **pair(2))
    bridged = container("bridged", HOST_BRIDGE="br0", LOCAL_ADDRESS="10.3.0.2/24")
    other = foreign("other")
    for one in (web, long, bridged):
        one.start()
    ours = ["ve-web", "lan0", host.link(f"ve-{LONG_NAME}")["ifname"], "vb-bridged"]

    def settle():
        wait_until_unmanaged(*ours)
        wait_until_managed(other.link)
        if not catch_all:
            wait_until_served(host, other.link)

    settle()
    before = kept(host, ours)
    for command in UPHEAVALS:
        succeed(*command)
        settle()
        assert kept(host, ours) == before, command
        assert_reachable(host, web)
        assert_reachable(host, long)
        assert host.pings("10.2.0.2", "10.3.0.2"), command
    if not catch_all:
        assert not [route for route in web.network().routes()
                    if route[0] == "default" and route[1] not in web.hosts()]


def wait_until_told(since, file, link):
    """One line names the file."""
    notice = f"{file} configures {link} too; where it should not: Property=!CONTAINER_INIT=1 in its [Match], systemd.network(5)"
    wait_until(lambda: notice in journal(since), pause=0.1, seconds=LONG)


def test_catch_all_is_named_and_cuts_nobody_off(host, container, networkd, record_property):
    """A file of the administrator's for all links, which takes from ours what it does not know."""
    host.add_bridge("br0", "10.3.0.1/24")
    file = networkd(CATCH_ALL.format(""))
    web = container(**PAIR, EXTRA_VETHS="lan0,HOST_ADDRESS=10.2.0.1,LOCAL_ADDRESS=10.2.0.2")
    long = container(LONG_NAME, **pair(2))
    bridged = container("bridged", HOST_BRIDGE="br0", LOCAL_ADDRESS="10.3.0.2/24")
    all_of_them = [web, long, bridged]
    for one in all_of_them:
        one.start()
    for one, link in (web, "ve-web"), (web, "lan0"), (long, f"ve-{LONG_NAME}"), (bridged, "vb-bridged"):
        wait_until_managed(host.link(link)["ifname"])
        wait_until_told(one.since, file, link)
    addresses = [address for one in all_of_them for address in one.locals()] + ["10.2.0.2"]
    gaps = [Gap(host, address) for address in addresses]
    for command in UPHEAVALS:
        succeed(*command)
        wait_until(lambda: host.pings(*addresses), pause=0.1)
    longest = max(gap.close() for gap in gaps)
    record_property("longest gap", f"{longest:.2f} s")
    assert longest < 2


BRIDGE = {"br0.netdev": "[NetDev]\nName=br0\nKind=bridge\n",
          "br0.network": "[Match]\nName=br0\n[Network]\nAddress=10.3.0.1/24\nIPv6AcceptRA=no\n"
                         "ConfigureWithoutCarrier=yes\n"}


@pytest.fixture
def bridge(host, networkd):
    """br0 as files describe it."""
    NETWORK.mkdir(exist_ok=True)
    for name, text in BRIDGE.items():
        (NETWORK / name).write_text(text)
    networkd()
    wait_until_addressed(host)
    yield "br0"
    for name in BRIDGE:
        (NETWORK / name).unlink()
    host.ip("link delete br0")


def is_addressed(host):
    return "br0" in host.links() and host.addresses("br0") == {"10.3.0.1/24"}


def wait_until_addressed(host):
    wait_until(lambda: is_addressed(host), pause=0.1, seconds=LONG)


def is_made_anew(host):
    """systemd-networkd makes no bridge that somebody deleted before it is told to, after it has heard of that."""
    succeed("networkctl", "reload")
    return is_addressed(host)


MATCH = "[Match]\nName={}\n[Network]\nLinkLocalAddressing=no\n"
ADDRESSED = MATCH.format("ve-web") + "Address=192.0.2.1/24\n"
ROUTED = MATCH.format("lan0") + "[Route]\nDestination=198.51.100.0/24\nScope=link\n"
ISOLATED = MATCH.format("vb-*") + "Bridge=br0\n[Bridge]\nIsolated=yes\n"


def has_address(host):
    return "192.0.2.1/24" in host.addresses("ve-web") and host.pings("10.1.0.2", "fd01::2")


def has_route(host):
    return ("198.51.100.0/24", None, "lan0") in host.routes() and host.pings("10.2.0.2")


def is_isolated(host):
    shown = host.run(["bridge", "-details", "link", "show", "dev", "vb-web"]).stdout
    return "isolated on" in shown and host.pings("10.3.0.2")


@pytest.mark.parametrize("text,link,variables,is_complete", [
    (ADDRESSED, "ve-web", PAIR, has_address),
    (ROUTED, "lan0", {"EXTRA_VETHS": "lan0,HOST_ADDRESS=10.2.0.1,LOCAL_ADDRESS=10.2.0.2"}, has_route),
    (ISOLATED, "vb-web", {"HOST_BRIDGE": "br0", "LOCAL_ADDRESS": "10.3.0.2/24"}, is_isolated)],
    ids=["pair", "extra", "port"])
def test_file_of_the_administrator_wins(host, container, networkd, bridge, text, link, variables, is_complete):
    """What it says of a link is done, beside what the container's file says."""
    file = networkd(text, "50-user.network")
    succeed("networkctl", "reload")
    web = container(**variables)
    web.start()
    wait_until(lambda: is_complete(host), pause=0.1, seconds=LONG)
    wait_until_told(web.since, file, link)
    succeed("systemctl", "restart", "systemd-networkd.service")
    wait_until(lambda: setup_of(link) == "configured" and is_complete(host), pause=0.1, seconds=LONG)


def test_restarted_container_is_put_back(host, container):
    """The only one, whose end and whose start follow each other at once."""
    web = container(**PAIR)
    web.start()
    for _ in range(3):
        web.start("restart")
        host.ip("address flush dev ve-web")
        wait_until(lambda: host.pings("10.1.0.2", "fd01::2"), pause=0.1, seconds=LONG)
        assert host.addresses("ve-web") == {"10.1.0.1/32", "fd01::1/128"}


@pytest.mark.parametrize("upheaval", [["systemctl", "restart", "systemd-networkd.service"],
                                      ["ip", "link", "delete", "br0"]], ids=["restarted", "deleted"])
def test_bridge_of_networkd(host, container, bridge, upheaval):
    """Ten containers stay in it, or are in it again when it is made anew."""
    all_of_them = [container(f"c{number}", HOST_BRIDGE=bridge, LOCAL_ADDRESS=f"10.3.0.{number}/24")
                   for number in range(10, 20)]
    succeed("systemctl", "start", *(one.service for one in all_of_them))
    links = [f"vb-{one.name}" for one in all_of_them]
    wait_until_unmanaged(*links)
    succeed(*upheaval)
    wait_until(lambda: is_made_anew(host), pause=0.2, seconds=LONG)
    wait_until(lambda: all(host.link(link).get("master") == bridge for link in links), pause=0.1)
    wait_until_unmanaged(*links)
    assert host.pings(*(address for one in all_of_them for address in one.locals()))


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_name_is_ours_only_while_the_container_runs(host, container, foreign, networkd, end):
    """Also where it is killed: nothing has to be tidied up."""
    networkd()
    web = container(**PAIR)
    web.drop_in("Restart=no")
    web.start()
    wait_until_unmanaged("ve-web")
    if end == "stop":
        web.stop()
    else:
        succeed("systemctl", "kill", "--signal=SIGKILL", web.service)
        wait_until(lambda: web.state() == "failed", pause=0.1, seconds=LONG)
    wait_until(lambda: "ve-web" not in host.links(), pause=0.1)
    for path in ("unix-export/web", "web/unix-export"):  # one that is killed leaves it, from 256 and from 262 on
        run("umount", f"/run/systemd/nspawn/{path}")
    theirs = foreign("web")
    wait_until_served(host, "ve-web")
    theirs.close()
    web.start()
    wait_until_unmanaged("ve-web")
    assert_reachable(host, web)
