# SPDX-License-Identifier: MIT
"""Names of containers on the host: nss-mymachines(8), as its package sets it up, and /etc/hosts."""

import pathlib

import pytest

import manual
from container import wait_until
from host import PAIR, pair, run, succeed

LONGEST = "a-name-of-64-characters-" + 40 * "x"
PAGE = "/usr/local/share/man/man5/container.conf.5"
HOSTS = pathlib.Path("/etc/hosts")


def answers(name, database="ahosts"):
    """What programs get, without the zones of link-local addresses."""
    lines = run("getent", database, name).stdout.splitlines()
    return {line.split()[0].partition("%")[0] for line in lines}


def configured(name):
    return {address for address in answers(name) if not address.startswith("fe80:")}


def inside(container):
    """All addresses but those of the loopback, once the kernel has verified the link-local ones."""
    found = [address for link in container.network().ip_json("address") if link["ifname"] != "lo"
             for address in link["addr_info"]]
    return {address["local"] for address in found if not address.get("tentative")}


def assert_named(host, container):
    assert configured(container.name) == set(container.locals())
    assert host.pings(container.name)
    assert host.run(["ping", "-4", "-c1", "-W10", container.name]).returncode == 0


def assert_unnamed(name):
    done = run("getent", "ahosts", name)
    assert (done.returncode, done.stdout) == (2, "")


def test_the_package_sets_it_up():
    """As the manual shows it."""
    line, = [line for line in pathlib.Path("/etc/nsswitch.conf").read_text().splitlines()
             if line.startswith("hosts:")]
    assert line.split() == ["hosts:", "files", "mymachines", "dns"]
    assert f"{' '.join(line.split())}\n" in pathlib.Path(PAGE).read_text()


@pytest.mark.parametrize("name", ["web", LONGEST, "web.example.org"], ids=["short", "longest", "dotted"])
def test_pair(host, container, name):
    """While it runs, and with the addresses that it has then."""
    web = container(name, **PAIR)
    assert_unnamed(name)
    web.start()
    assert_named(host, web)
    assert run("getent", "hosts", name).stdout.split()[:2] == [PAIR["LOCAL_ADDRESS6"], name]
    web.configure(pair(7))
    web.start("restart")
    assert_named(host, web)
    web.stop()
    assert_unnamed(name)


def test_one_family(host, container):
    """getent hosts prefers the IPv6 address that the kernel makes, and shows no zone."""
    web = container(HOST_ADDRESS="10.1.0.1", LOCAL_ADDRESS="10.1.0.2")
    web.start()
    assert_named(host, web)
    assert answers("web", "ahostsv4") == {"10.1.0.2"}
    wait_until(lambda: all(address.startswith("fe80:") for address in answers("web", "hosts")), pause=0.1)


def test_bridge(host, container):
    """Where the host has an address in the bridge, also the link-local one answers, which comes first."""
    host.add_bridge("br0", "10.1.0.1/24", "fd01::1/64")
    web = container(HOST_BRIDGE="br0", LOCAL_ADDRESS="10.1.0.2/24", LOCAL_ADDRESS6="fd01::2/64")
    web.start()
    assert configured("web") == set(web.locals())
    assert host.run(["ping", "-4", "-c1", "-W10", "web"]).returncode == 0
    wait_until(lambda: answers("web") == inside(web), pause=0.1)
    wait_until(lambda: "fe80:" in succeed("getent", "ahosts", "web").splitlines()[0], pause=0.1)
    wait_until(lambda: host.pings("web"), pause=0.1)


def test_extra_pair(host, container):
    """All addresses of all links; also the link-local ones, with the zone of the main pair."""
    extra = {"HOST_ADDRESS": "10.2.0.1", "LOCAL_ADDRESS": "10.2.0.2"}
    web = container(**PAIR, EXTRA_VETHS="lan0," + ",".join(f"{key}={value}" for key, value in extra.items()))
    web.start()
    assert configured("web") == {*web.locals(), "10.2.0.2"}
    assert host.pings("web")
    of_lan0, = [address["local"] for address in web.network().ip_json("address", "show", "dev", "lan0")[0][
        "addr_info"] if address["family"] == "inet6"]
    zone = host.link("ve-web")["ifindex"]
    wait_until(lambda: f"{of_lan0}%{zone}" in succeed("getent", "ahosts", "web"), pause=0.1)
    wait_until(lambda: answers("web") == inside(web), pause=0.1)  # none is tentative any more


@pytest.fixture
def hosts():
    before = HOSTS.read_text()
    yield
    HOSTS.write_text(before)


def test_hosts_file(host, container, hosts):
    """NAME.containers as the manual writes them, for containers that run and those that do not."""
    web = container("web", **PAIR)
    db = container("db", **pair(2), EXTRA_NSPAWN_FLAGS="--bind-ro=/etc/hosts")
    bridged = container("b.example.org", HOST_BRIDGE="br0", LOCAL_ADDRESS="10.3.0.2/24")
    example = manual.Example(PAGE, "cd /etc/containers")
    succeed("sh", "-c", example.script())
    web.start()
    for one in web, db, bridged:
        assert answers(f"{one.name}.containers") == set(one.locals())
    assert host.pings("web.containers")
    db.start()
    assert db.inside("/etc/hosts").read_text() == HOSTS.read_text()
