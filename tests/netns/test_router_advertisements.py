# SPDX-License-Identifier: MIT
"""What a container announces to its host: root in there is free to call itself a router."""

import time

import pytest
import sys

from combinations import ADDRESSES
from container import wait_until
from namespace import NO_LEAK_CHECK

DUAL_STACK = ADDRESSES["single"]
# RFC 4861, 4.2 and 4.6.2: a default router, and a prefix that is on the link and for addresses.
ADVERTISE = """
import ipaddress, socket, struct, sys
link = sys.argv[1]
prefix = ipaddress.IPv6Address("fd66::").packed
advertisement = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0)
option = struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 3600, 3600, 0) + prefix
raw = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
raw.sendto(advertisement + option, ("ff02::1", 0, 0, socket.if_nametoindex(link)))
"""
SETTINGS = ["ipv4/accept_redirects", "ipv6/accept_ra", "ipv6/autoconf", "ipv6/accept_redirects"]


def path(setting, link):
    family, key = setting.split("/")
    return f"/proc/sys/net/{family}/conf/{link}/{key}"


def read(network, setting, link):
    return network.host.run(["cat", path(setting, link)]).stdout.strip()


def settings(network, link):
    return [read(network, setting, link) for setting in SETTINGS]


@pytest.fixture
def attacked(network):
    """A host that forwards nothing, as most do, and so listens to routers."""
    network.host.run(["sh", "-c", "echo 0 >/proc/sys/net/ipv6/conf/all/forwarding"])
    return network


def advertise(network, link):
    """Until the container's end may send, which takes a moment after it is up."""
    network.container.ip(f"link set {link} up", f"address add fe80::66/64 dev {link} nodad")
    def sent():
        return network.container.run([sys.executable, "-c", ADVERTISE, link]).returncode == 0
    wait_until(sent)


def learned(network):
    """What the kernel has made of advertisements: addresses, and routes with protocol ra."""
    addresses = {a["local"] for link in network.host.ip_json("-6", "address")
                 for a in link["addr_info"] if a["local"].startswith("fd66:")}
    routes = {(r["dst"], r["dev"]) for r in network.host.ip_json("-6", "route")
              if r.get("protocol") == "ra" or r["dst"].startswith("fd66:")}
    return addresses | routes


def test_the_attack(attacked):
    """On a link that nobody has made safe it works: what follows would fail too if it could."""
    attacked.add_pair("ve-web", "host0")
    attacked.host.ip("link set ve-web up")
    advertise(attacked, "host0")
    found = wait_until(lambda: learned(attacked))
    assert ("default", "ve-web") in found


@pytest.mark.parametrize("variables,link", [
    (DUAL_STACK, "ve-web"),
    ({"LOCAL_ADDRESS": "10.1.0.2"}, "ve-web"),
    ({"EXTRA_VETHS": "lan0,LOCAL_ADDRESS6=fd02::2"}, "lan0"),
    ({"EXTRA_VETHS": "dotted.0"}, "dotted.0"),
    ({"INSTANCE": "x" * 64, "LOCAL_MAC_ADDRESS": "02:00:00:00:00:01"}, "ve-xxxxxxxxVbH6"),
], ids=["dual-stack", "ipv4", "extra", "dot", "long-name"])
def test_the_host_does_not_listen(attacked, variables, link):
    attacked.add_pair(link, "inner")
    done = attacked.post_start(variables)
    assert (done.returncode, done.stderr) == (0, "")
    assert settings(attacked, link) == ["0"] * 4
    advertise(attacked, "inner")
    time.sleep(0.5)
    assert learned(attacked) == set()
    assert read(attacked, "ipv6/accept_ra", "default") == "1"  # of other links nothing is changed


def test_the_link_is_safe_before_it_is_up(network, build):
    """There is no moment in which an advertisement counts."""
    network.add_pair("ve-web", "host0")
    done = network.host.run(["strace", "-qq", "-e", "trace=open,openat,sendto", build / "post-start"],
                            {"INSTANCE": "web", **DUAL_STACK, **NO_LEAK_CHECK})
    calls = [line for line in done.stderr.splitlines() if "O_WRONLY" in line or "sendto" in line]
    names = [call.partition("(")[0].removesuffix("at") for call in calls]  # openat with glibc, open with musl
    assert names == ["sendto", *["open"] * len(SETTINGS), "sendto"]  # look-up, these, the batch


def test_the_waiter_makes_the_link_safe(starter):
    starter.act("ip link add ve-web type veth peer name host0\nexec sleep 60")
    starter.start(DUAL_STACK)
    wait_until(lambda: "UP" in (starter.network.host.link("ve-web") or {"flags": []})["flags"])
    assert settings(starter.network, "ve-web") == ["0"] * 4


def test_a_port_of_a_bridge_is_left_alone(network):
    """What reaches the host comes in over the bridge, which is the administrator's."""
    network.add_bridge()
    network.add_pair("vb-web", "host0")
    before = settings(network, "vb-web")
    assert network.post_start({"HOST_BRIDGE": "br0"}).returncode == 0
    assert settings(network, "vb-web") == before
    assert settings(network, "br0") == before


@pytest.mark.parametrize("safe", [False, True], ids=["as-it-is", "as-in-the-manual"])
def test_advertisements_on_a_bridge(attacked, safe):
    """The line of container.conf(5) is needed, and is enough."""
    attacked.add_bridge()
    if safe:
        lines = [f"net/{setting.replace('/', '/conf/br0/')}=0" for setting in SETTINGS]
        assert attacked.host.run(["sysctl", "-w", *lines]).returncode == 0
    attacked.add_pair("vb-web", "host0")
    assert attacked.post_start({"HOST_BRIDGE": "br0"}).returncode == 0
    advertise(attacked, "host0")
    if safe:
        time.sleep(0.5)
        assert learned(attacked) == set()
    else:
        assert ("default", "br0") in wait_until(lambda: learned(attacked))


def with_proc_sys(network, build, command):
    """post-start where the command has been done to /proc/sys."""
    script = f'{command} && exec "$0"'
    return network.host.run(["unshare", "--mount", "sh", "-c", script, build / "post-start"],
                            {"INSTANCE": "web", **DUAL_STACK})


READ_ONLY = "mount --bind -o ro /proc/sys /proc/sys"


def test_settings_that_cannot_be_changed(network, build):
    """The link stays down."""
    network.add_pair("ve-web", "host0")
    with network.host.unchanged():
        done = with_proc_sys(network, build, READ_ONLY)
    assert done.returncode == 71
    assert done.stderr == (
        "post-start: cannot set net/ipv4/conf/ve-web/accept_redirects to 0: Read-only file system: "
        "without it the container could change the host's routes\n")


def test_settings_that_are_as_wanted(network, build):
    """As an administrator may have made them for all links, where /proc/sys is read-only."""
    for setting in SETTINGS:
        network.host.run(["sh", "-c", f"echo 0 >{path(setting, 'default')}"])
    network.add_pair("ve-web", "host0")
    done = with_proc_sys(network, build, READ_ONLY)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.release  # sanitizers read /proc
def test_without_proc(network, build):
    network.add_pair("ve-web", "host0")
    with network.host.unchanged():
        done = with_proc_sys(network, build, "mount -t tmpfs tmpfs /proc")
    assert done.returncode == 71
    assert "net/ipv4/conf/ve-web/accept_redirects to 0: No such file or directory" in done.stderr


def test_link_without_ipv6(network):
    """An MTU below 1280 takes it away, and its settings with it."""
    network.add_pair("ve-web", "host0")
    network.host.ip("link set ve-web mtu 1000")
    done = network.post_start({"LOCAL_ADDRESS": "10.1.0.2"})
    assert (done.returncode, done.stderr) == (0, "")
    assert read(network, "ipv4/accept_redirects", "ve-web") == "0"


def test_ipv6_comes_back(network):
    """With a larger MTU it begins anew, and with the settings of a new link."""
    network.add_pair("ve-web", "host0")
    assert network.post_start({"MTU": "1000"}).returncode == 0
    assert network.post_start({"MTU": "1500", "LOCAL_ADDRESS6": "fd01::2"}).returncode == 0
    assert settings(network, "ve-web") == ["0"] * 4
