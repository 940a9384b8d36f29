# SPDX-License-Identifier: MIT
"""post-start in a network namespace: what the kernel holds on the host afterwards."""

import subprocess

import pytest

import combinations
from combinations import ADDRESSES
from container import LONG

DUAL_STACK = ADDRESSES["single"]
NAMES = ["abcdefghijkl", "abcdefghijklm", "abcdefghijklmnopqrst", "x" * 64]
# As systemd-nspawn 252 names the link of each.
LINK_NAMES = ["ve-abcdefghijkl", "ve-abcdefghyhe5", "ve-abcdefghq1-A", "ve-xxxxxxxxVbH6"]


def assert_end(host, link, variables):
    found = host.link(link)
    assert "UP" in found["flags"]
    assert found.get("master") == variables.get("HOST_BRIDGE")
    if "HOST_BRIDGE" in variables:
        assert host.addresses(link) == set()
        wanted = set()
    else:
        assert host.addresses(link) == combinations.addresses(variables, "HOST_ADDRESS")
        wanted = combinations.peer_routes(variables, "HOST_ADDRESS", "LOCAL_ADDRESS", link)
    assert {route for route in host.routes() if route[2] == link} == wanted


CASES = combinations.cases({"LOCAL_MAC_ADDRESS": combinations.MAC, "HOST_BRIDGE": "br0"})


@pytest.mark.parametrize("variables", CASES.values(), ids=CASES)
def test_main_pair(namespace, build, variables):
    link = "vb-web" if "HOST_BRIDGE" in variables else "ve-web"
    namespace.ip("link add br0 type bridge", f"link add {link} type veth peer name other")
    for _ in range(2):  # the second time nothing changes
        done = namespace.run([build / "post-start"], {"INSTANCE": "web", **variables})
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        if variables:
            assert_end(namespace, link, variables)


@pytest.mark.parametrize("word,variables", [
    ("lan0", {}),
    ("lan0:eth1", {"HOST_ADDRESS": "10.2.0.1", "LOCAL_ADDRESS": "10.2.0.2"}),
    ("lan0", {"HOST_ADDRESS": "10.2.0.1/24", "LOCAL_ADDRESS": "10.2.0.2/24"}),
    ("lan0", {"HOST_ADDRESS6": "fd02::1", "LOCAL_ADDRESS6": "FD02:0::2"}),
    ("lan0", {"HOST_BRIDGE": "br1", "HOST_ADDRESS": "10.2.0.1", "LOCAL_ADDRESS": "10.2.0.2"}),
])
def test_extra_pair(network, word, variables):
    network.add_bridge("br1")
    network.add_pair("ve-web", "host0")
    network.add_pair("lan0", "inner")
    keys = "".join(f",{key}={value}" for key, value in variables.items())
    for _ in range(2):
        done = network.post_start({**DUAL_STACK, "EXTRA_VETHS": word + keys})
        assert (done.returncode, done.stderr) == (0, "")
        assert_end(network.host, "ve-web", DUAL_STACK)
        assert_end(network.host, "lan0", variables)


def test_both_ends_reach_each_other(network):
    network.add_pair("ve-web", "host0")
    assert network.post_start(DUAL_STACK).returncode == 0
    assert network.container_init(DUAL_STACK).returncode == 0
    for address in ("10.1.0.2", "fd01::2"):
        assert network.host.run(["ping", "-c1", "-W2", address]).returncode == 0
    for address in ("10.1.0.1", "fd01::1"):
        assert network.container.run(["ping", "-c1", "-W2", address]).returncode == 0


@pytest.mark.parametrize("name,link", zip(NAMES, LINK_NAMES), ids=["12", "13", "20", "64"])
@pytest.mark.parametrize("alternative", [True, False], ids=["alternative-name", "hashed-name"])
def test_long_name(namespace, build, name, link, alternative):
    namespace.ip(f"link add {link} type veth peer name other")
    if alternative and len(name) > 12:
        namespace.ip(f"link property add dev {link} altname ve-{name}", f"link set {link} name other2")
        link = "other2"
    done = namespace.run([build / "post-start"], {"INSTANCE": name, **DUAL_STACK})
    assert (done.returncode, done.stderr) == (0, "")
    assert_end(namespace, link, DUAL_STACK)


@pytest.mark.parametrize("variable,address", [("LOCAL_ADDRESS", "10.1.0.2"),
                                              ("LOCAL_ADDRESS6", "fd01::2")])
def test_route_of_another_container_is_named_and_kept(network, variable, address):
    network.add_pair("ve-db", "other")
    assert network.post_start({**DUAL_STACK, "INSTANCE": "db"}).returncode == 0
    routes = {route for route in network.host.routes() if route[2] == "ve-db"}
    network.add_pair("ve-web", "host0")
    done = network.post_start({variable: address})
    assert done.returncode == 71
    assert done.stderr == (f"post-start: cannot add route {address} dev ve-web: File exists: "
                           f"{address} already leads to ve-db\n")
    assert {route for route in network.host.routes() if route[2] == "ve-db"} == routes


def test_network_of_another_container_is_named(network):
    network.add_pair("ve-db", "other")
    network.host.ip("link set ve-db up", "route add 10.1.0.0/24 dev ve-db")
    network.add_pair("ve-web", "host0")
    done = network.post_start({"LOCAL_ADDRESS": "10.1.0.2/24"})
    assert done.returncode == 71
    assert done.stderr == ("post-start: cannot add route 10.1.0.0/24 dev ve-web: File exists: "
                           "10.1.0.0/24 already leads to ve-db\n")


def test_own_address_does_not_hide_the_conflict(network):
    """The host has the address itself: its entry of the local table is found before the main one."""
    network.add_pair("ve-db", "other")
    network.host.ip("link set ve-db up", "route add 10.1.0.2 dev ve-db", "address add 10.1.0.2 dev lo")
    network.add_pair("ve-web", "host0")
    done = network.post_start({"LOCAL_ADDRESS": "10.1.0.2"})
    assert done.returncode == 71
    assert "10.1.0.2 already leads to ve-db" in done.stderr


def test_blackhole_route_is_no_link(network):
    network.add_pair("ve-web", "host0")
    network.host.ip("route add blackhole 10.1.0.2")
    done = network.post_start({"LOCAL_ADDRESS": "10.1.0.2"})
    assert done.returncode == 71
    assert done.stderr == ("post-start: cannot add route 10.1.0.2 dev ve-web: File exists: "
                           "10.1.0.2 already has a route of type blackhole\n")


def test_bridge_recreated(network):
    variables = {"HOST_BRIDGE": "br0", "EXTRA_VETHS": "lan0,HOST_BRIDGE=br0"}
    network.add_bridge()
    network.add_pair("vb-web", "host0")
    network.add_pair("lan0", "lan0")
    assert network.post_start(variables).returncode == 0
    network.host.ip("link delete br0")
    assert "master" not in network.host.link("vb-web")
    network.add_bridge()
    assert network.post_start(variables).returncode == 0
    for link in ("vb-web", "lan0"):
        assert network.host.link(link)["master"] == "br0"


@pytest.mark.parametrize("kind,text", [("macvlan", "of kind macvlan"), ("veth", "of kind veth")])
def test_bridge_that_is_none(network, kind, text):
    network.add_pair("vb-web", "host0")
    network.add_pair("parent", "peer")
    if kind == "macvlan":
        network.host.ip("link add link parent br0 type macvlan")
    else:
        network.host.ip("link set parent name br0")
    with network.host.unchanged():
        done = network.post_start({"HOST_BRIDGE": "br0"})
    assert done.returncode == 78
    assert done.stderr == f'post-start: HOST_BRIDGE="br0": the link is {text}, not a bridge\n'


@pytest.mark.parametrize("variables,link", [
    ({"LOCAL_ADDRESS": "10.1.0.2"}, "ve-web"),
    ({"EXTRA_VETHS": "lan0,HOST_BRIDGE=br0"}, "lan0"),
])
def test_never_configures_what_is_no_veth(network, variables, link):
    network.add_bridge()
    network.host.ip(f"link add {link} type bridge")
    with network.host.unchanged():
        done = network.post_start(variables)
    assert done.returncode == 78
    assert done.stderr == (f"post-start: link {link} is of kind bridge, not a veth, and so not an "
                           "end of a pair\n")


@pytest.mark.parametrize("commands,variables", [
    (["address add fd02::5/64 dev parent nodad"], {"LOCAL_ADDRESS6": "fd02::2/64"}),
    (["address add fd02::9 peer fd02::2 dev parent nodad"], {"LOCAL_ADDRESS6": "fd02::2"}),
    (["route add fd02::2 dev parent metric 50"], {"LOCAL_ADDRESS6": "fd02::2"}),
    (["route add 10.2.0.2 dev parent metric 50"], {"LOCAL_ADDRESS": "10.2.0.2"}),
], ids=["network", "peer", "ipv6", "ipv4"])
def test_routes_of_another_metric_are_others(network, commands, variables):
    """They exist beside ours: the first run adds it, and the second finds it."""
    network.add_pair("parent", "peer")
    network.host.ip("link set parent up", *commands)
    network.add_pair("ve-web", "host0")
    for _ in range(2):
        done = network.post_start(variables)
        assert (done.returncode, done.stderr) == (0, "")
    assert any(link == "ve-web" for _, _, link in network.host.routes())


def test_multipath_route(network):
    network.add_pair("one", "peer1")
    network.add_pair("two", "peer2")
    network.host.ip("link set one up", "link set two up",
                    "route add 10.1.0.2 nexthop dev one nexthop dev two")
    network.add_pair("ve-web", "host0")
    done = network.post_start({"LOCAL_ADDRESS": "10.1.0.2"})
    assert done.returncode == 71
    assert "10.1.0.2 already leads over several links" in done.stderr


def test_two_containers_in_one_network(network):
    """Each is reached over its own link, though the kernel has the network on both."""
    for name, last in (("a", 2), ("b", 3)):
        network.add_pair(f"ve-{name}", f"host{last}")
        done = network.post_start({"INSTANCE": name, "HOST_ADDRESS": "10.1.0.1/24",
                                   "LOCAL_ADDRESS": f"10.1.0.{last}/24"})
        assert (done.returncode, done.stderr) == (0, "")
    assert network.host.ip_json("route", "get", "10.1.0.3")[0]["dev"] == "ve-b"
    done = network.post_start({"INSTANCE": "b", "HOST_ADDRESS": "10.1.0.1/24",
                               "LOCAL_ADDRESS": "10.1.0.2/24"})
    assert "10.1.0.2 already leads to ve-a" in done.stderr


def mtus(network, outer, inner):
    return network.host.link(outer)["mtu"], network.container.link(inner)["mtu"]


MTU = {**DUAL_STACK, "MTU": "1400",
       "EXTRA_VETHS": "lan0:eth1,MTU=9000,LOCAL_ADDRESS6=fd02::2 dmz0,MTU=68,LOCAL_ADDRESS=10.2.0.2 lan1"}


def test_mtu(network):
    """Of both ends, whatever the order; a second run changes nothing, and another value is set."""
    for outer, inner in (("ve-web", "host0"), ("lan0", "eth1"), ("dmz0", "dmz0"), ("lan1", "lan1")):
        network.add_pair(outer, inner)
    for _ in range(2):
        for run in (network.post_start, network.container_init):
            done = run(MTU)
            assert (done.returncode, done.stderr) == (0, "")
        assert mtus(network, "ve-web", "eth0") == (1400, 1400)
        assert mtus(network, "lan0", "eth1") == (9000, 9000)
        assert mtus(network, "dmz0", "dmz0") == (68, 68)
        assert mtus(network, "lan1", "lan1") == (1500, 1500)
    assert_end(network.host, "ve-web", DUAL_STACK)
    assert network.container.addresses("eth0") == {"10.1.0.2/32", "fd01::2/128"}
    assert network.post_start({**DUAL_STACK, "MTU": "1280"}).returncode == 0
    assert mtus(network, "ve-web", "eth0") == (1280, 1400)


def test_mtu_is_there_before_the_link_is_up(network):
    network.add_pair("ve-web", "host0")
    watch = network.host.start_waiting(["ip", "monitor", "link"], {}, stdout=subprocess.PIPE)
    assert network.post_start({"MTU": "1400"}).returncode == 0
    network.host.ip("link delete ve-web")
    seen = []
    while not any("Deleted" in line for line in seen):
        seen.append(watch.stdout.readline())
    watch.kill()
    watch.communicate()
    up = [line for line in seen if "ve-web" in line and "UP" in line]
    assert up and all("mtu 1400" in line for line in up), seen


def test_mtu_in_a_bridge(network):
    """The bridge takes the smallest MTU of its ports."""
    network.add_bridge()
    network.add_pair("vb-web", "host0")
    assert network.post_start({"HOST_BRIDGE": "br0", "MTU": "1400"}).returncode == 0
    assert network.host.link("vb-web")["mtu"] == 1400
    assert network.host.link("br0")["mtu"] == 1400


def test_missing_link(network):
    done = network.post_start(DUAL_STACK)
    assert done.returncode == 71
    assert done.stderr == "post-start: no link ve-web: is the container running?\n"


def test_missing_link_of_a_container_that_has_ended(network):
    """Its end is the unit's result."""
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
        done = network.post_start({**DUAL_STACK, "MAINPID": str(ended.pid)})
        assert (done.returncode, done.stderr) == (0, "")


def test_missing_link_of_a_container_that_ends(network):
    with subprocess.Popen(["sleep", "0.2"]) as ending:
        done = network.post_start({**DUAL_STACK, "MAINPID": str(ending.pid)}, "--wait=60")
        assert (done.returncode, done.stderr) == (0, "")


def test_missing_link_of_a_container_that_runs(network):
    with subprocess.Popen(["sleep", "60"]) as main_process:
        done = network.post_start({**DUAL_STACK, "MAINPID": str(main_process.pid)})
        main_process.kill()
    assert (done.returncode, done.stderr) == (71, "post-start: no link ve-web: is the container running?\n")


def test_missing_bridge_changes_nothing(network):
    network.add_pair("vb-web", "host0")
    with network.host.unchanged():
        done = network.post_start({"HOST_BRIDGE": "br0"})
    assert done.returncode == 71
    assert done.stderr == "post-start: no link br0, wanted by HOST_BRIDGE\n"


def test_waits_for_link(network, build):
    started = network.host.start_waiting([build / "post-start", f"--wait={2 * LONG}"],
                                         {"INSTANCE": "web", **DUAL_STACK}, stderr=subprocess.PIPE)
    network.add_pair("ve-web", "host0")
    assert started.communicate(timeout=LONG)[1] == ""
    assert started.returncode == 0
    assert_end(network.host, "ve-web", DUAL_STACK)


def test_waits_in_vain(network):
    done = network.post_start(DUAL_STACK, "--wait=1")
    assert done.returncode == 75
    assert done.stderr == "post-start: no link ve-web after 1 s: is the container running?\n"


def test_dry_run_prints_what_ip_accepts(network):
    variables = {**DUAL_STACK, "EXTRA_VETHS": "lan0,HOST_BRIDGE=br0"}
    network.add_bridge()
    network.add_pair("ve-web", "host0")
    network.add_pair("lan0", "lan0")
    with network.host.unchanged():
        done = network.post_start(variables, "--dry-run")
    assert done.returncode == 0
    for line in done.stdout.splitlines():
        assert line.startswith(("ip ", "sysctl ")) and network.host.run(line.split()).returncode == 0
    assert_end(network.host, "ve-web", DUAL_STACK)
    assert_end(network.host, "lan0", {"HOST_BRIDGE": "br0"})
