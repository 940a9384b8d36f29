# SPDX-License-Identifier: MIT
"""container-init in a network namespace: what the kernel holds afterwards."""

import subprocess

import pytest

import combinations
from combinations import ADDRESSES, MAC, OTHERS, subsets
from container import LONG

DUAL_STACK = ADDRESSES["single"]


def assert_end(namespace, link, variables, has_default):
    wanted = combinations.peer_routes(variables, "LOCAL_ADDRESS", "HOST_ADDRESS", link)
    if has_default:
        wanted |= combinations.default_routes(variables, link)
    found = namespace.link(link)
    assert "UP" in found["flags"]
    assert found["linkinfo"]["info_kind"] == "veth"
    if "LOCAL_MAC_ADDRESS" in variables:
        assert found["address"] == variables["LOCAL_MAC_ADDRESS"]
    assert namespace.addresses(link) == combinations.addresses(variables, "LOCAL_ADDRESS")
    assert {route for route in namespace.routes() if route[2] == link} == wanted


CASES = combinations.cases(OTHERS)


@pytest.mark.parametrize("variables", CASES.values(), ids=CASES)
def test_main_pair(namespace, build, variables):
    namespace.ip("link add host0 type veth peer name other", "link set other up")
    done = namespace.run([build / "container-init", "/bin/true"], variables)
    assert (done.returncode, done.stderr) == (0, "")
    if not variables:
        assert namespace.links() == {"host0", "other"}
        return
    assert namespace.links() == {"eth0", "other"}
    assert_end(namespace, "eth0", variables, has_default=True)


EXTRA_PAIRS = {
    "bare": {"lan0": {}},
    "dual-stack": {"lan0": ADDRESSES["single"]},
    "network": {"lan0": ADDRESSES["network"]},
    "mac": {"lan0": {"LOCAL_MAC_ADDRESS": MAC, "LOCAL_ADDRESS": "10.2.0.2"}},
    "bridge": {"lan0": {"HOST_BRIDGE": "br1", "LOCAL_ADDRESS": "10.2.0.2/24"}},
    "inner-name": {"lan0:inside": {"LOCAL_ADDRESS": "10.2.0.2", "HOST_ADDRESS": "10.2.0.1"}},
    "three": {"lan0": {"LOCAL_ADDRESS": "10.2.0.2"}, "lan1": {"LOCAL_ADDRESS6": "fd02::2"},
              "lan2:lan3": {}},
    "longest-name": {"abcdefghijklmno": {"HOST_ADDRESS": "10.2.0.1"}},
}


def words(pairs):
    return " ".join(
        ",".join([name, *(f"{key}={value}" for key, value in keys.items())])
        for name, keys in pairs.items())


@pytest.mark.parametrize("main", [{}, DUAL_STACK], ids=["alone", "beside-main"])
@pytest.mark.parametrize("pairs", EXTRA_PAIRS.values(), ids=EXTRA_PAIRS.keys())
def test_extra_pairs(network, main, pairs):
    network.add_pair("ve-web", "host0")
    for name in pairs:
        outer, _, inner = name.partition(":")
        network.add_pair(outer, inner or outer)
    main = {key: value.replace("1.0", "9.0").replace("fd01", "fd09") for key, value in main.items()}
    done = network.container_init({**main, "EXTRA_VETHS": words(pairs)})
    assert (done.returncode, done.stderr) == (0, "")
    for name, keys in pairs.items():
        assert_end(network.container, name.rpartition(":")[2], keys, has_default=False)
    assert ("host0" in network.container.links()) == (not main)
    if main:
        assert_end(network.container, "eth0", main, has_default=True)


@pytest.mark.parametrize("variables", subsets(DUAL_STACK), ids=combinations.identifier)
def test_twice(network, variables):
    network.add_pair("ve-web", "host0")
    network.host.ip("link set ve-web up")
    assert network.container_init(variables).returncode == 0
    done = network.container_init(variables)
    assert (done.returncode, done.stderr) == (0, "")
    if variables:
        assert_end(network.container, "eth0", variables, has_default=True)


def test_twice_with_networks_and_gateways(network):
    network.add_pair("ve-web", "host0")
    network.host.ip("link set ve-web up")
    variables = {**ADDRESSES["mixed"], **OTHERS}
    for _ in range(2):
        done = network.container_init(variables)
        assert (done.returncode, done.stderr) == (0, "")
    assert_end(network.container, "eth0", variables, has_default=True)


def test_ipv6_address_is_usable_at_once(network):
    network.add_pair("ve-web", "host0")
    network.host.ip("link set ve-web up")
    network.container_init(DUAL_STACK)
    found = network.container.ip_json("-6", "address", "show", "dev", "eth0", "scope", "global")
    flags = found[0]["addr_info"][0]
    assert flags.get("nodad") and not flags.get("tentative")


def test_ipv6_in_the_variables_of_ipv4(network):
    """As the ip(8) commands of scripts take it."""
    pair = {"HOST_ADDRESS": "fc00::2", "LOCAL_ADDRESS": "fc00::1"}
    network.add_pair("ve-web", "host0")
    for run in (network.container_init, network.post_start):
        done = run(pair)
        assert (done.returncode, done.stderr) == (0, "")
    assert network.container.addresses("eth0") == {"fc00::1/128"}
    assert network.host.addresses("ve-web") == {"fc00::2/128"}


def test_no_link(network):
    done = network.container_init({"LOCAL_ADDRESS": "10.1.0.2"})
    assert done.returncode == 71
    assert done.stderr.startswith("container-init: cannot find link host0: No such device: ")


def test_eth0_that_is_no_veth(network):
    network.container.ip("link add eth0 type bridge")
    with network.container.unchanged():
        done = network.container_init({"LOCAL_ADDRESS": "10.1.0.2"})
    assert done.returncode == 71
    assert done.stderr == ("container-init: cannot rename link host0 to eth0: No such device: "
                           "eth0 is not a veth\n")


@pytest.mark.parametrize("link", ["lo", "br9"])
def test_never_configures_what_is_no_veth(network, link):
    network.container.ip("link add br9 type bridge")
    with network.container.unchanged():
        done = network.container_init({"EXTRA_VETHS": f"lan0:{link},LOCAL_ADDRESS=10.2.0.2"})
    assert done.returncode == 78
    assert f"link {link} is " in done.stderr and "not a veth" in done.stderr


def test_default_route_of_another_metric(network):
    network.add_pair("ve-web", "host0")
    network.add_pair("lan0", "lan0")
    network.container.ip("link set lan0 up", "route add ::/0 dev lan0 metric 512")
    for _ in range(2):
        done = network.container_init(DUAL_STACK)
        assert (done.returncode, done.stderr) == (0, "")


def test_host0_beside_eth0(network):
    network.add_pair("ve-web", "host0")
    network.container.ip("link add eth0 type bridge")
    with network.container.unchanged():
        done = network.container_init({"LOCAL_ADDRESS": "10.1.0.2"})
    assert done.returncode == 71
    assert done.stderr == ("container-init: cannot rename link host0 to eth0: File exists: "
                           "the container has another link eth0\n")


def test_missing_extra_link_changes_nothing(network):
    network.add_pair("ve-web", "host0")
    with network.container.unchanged():
        done = network.container_init({**DUAL_STACK, "EXTRA_VETHS": "lan0"})
    assert done.returncode == 71
    assert "cannot find link lan0: No such device" in done.stderr


def test_other_gateway_is_named(network):
    network.add_pair("ve-web", "host0")
    network.host.ip("link set ve-web up")
    assert network.container_init({"HOST_ADDRESS": "10.1.0.1"}).returncode == 0
    done = network.container_init({"HOST_ADDRESS": "10.1.0.1", "LOCAL_GATEWAY": "10.1.0.9"})
    assert done.returncode == 71
    assert done.stderr == (
        "container-init: cannot add route default via 10.1.0.9 dev eth0: File exists: "
        "the default route already leads to eth0 via 10.1.0.1\n")


def test_other_ipv6_prefix_length_is_named(network):
    network.add_pair("ve-web", "host0")
    assert network.container_init({"LOCAL_ADDRESS6": "fd01::2/64"}).returncode == 0
    done = network.container_init({"LOCAL_ADDRESS6": "fd01::2/48"})
    assert done.returncode == 71
    assert done.stderr == (
        "container-init: cannot add address fd01::2/48 dev eth0 nodad: File exists: "
        "eth0 already has it with /64\n")


@pytest.mark.parametrize("variables,what", [
    (DUAL_STACK, "address fd01::2/128 dev eth0 nodad"),
    ({"HOST_ADDRESS6": "fd01::1"}, "route fd01::1 dev eth0")], ids=["address", "route"])
def test_ipv6_disabled(network, variables, what):
    network.add_pair("ve-web", "host0")
    network.container.run(["sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/host0/disable_ipv6"])
    done = network.container_init(variables)
    assert done.returncode == 71
    assert done.stderr.startswith(f"container-init: cannot add {what}: Permission denied: ")
    assert done.stderr.endswith(": IPv6 is off, see sysctl net.ipv6.conf.eth0.disable_ipv6\n")


PRINT_SOCKETS = ["/bin/sh", "-c", 'echo $(($$ == ${LISTEN_PID-0})) ${LISTEN_FDS-none} ${LISTEN_PID+set}']


@pytest.mark.parametrize("variables,printed", [
    ({"LISTEN_FDS": "1", "LISTEN_PID": "1"}, "1 1 set"), ({}, "0 none"), ({"LISTEN_FDS": "1"}, "0 1")])
def test_sockets_are_for_the_program(network, variables, printed):
    """systemd-nspawn hands them over as to process 1, which below an init of its own is another."""
    done = network.container_init(variables, *PRINT_SOCKETS)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{printed}\n", "")


def test_waits_for_carrier(network, build):
    network.add_pair("ve-web", "host0")
    started = network.container.start_waiting(
        [build / "container-init", "/bin/echo", "stage 2"],
        {**DUAL_STACK, "WAIT_CARRIER": str(2 * LONG)}, stdout=subprocess.PIPE)
    assert network.container.addresses("eth0") == {"10.1.0.2/32", "fd01::2/128"}
    network.host.ip("link set ve-web up")
    assert started.communicate(timeout=LONG)[0] == "stage 2\n"


def test_goes_on_without_carrier(network):
    network.add_pair("ve-web", "host0")
    done = network.container_init({**DUAL_STACK, "WAIT_CARRIER": "1"}, "/bin/echo", "stage 2")
    assert (done.returncode, done.stdout) == (0, "stage 2\n")
    assert done.stderr == "container-init: no carrier on eth0 after 1 s, going on without\n"


@pytest.mark.parametrize("main", [True, False], ids=["and-main-pair", "alone"])
def test_waits_for_carrier_of_extra_pairs(network, main):
    network.add_pair("lan0", "eth1")
    variables = {"EXTRA_VETHS": "lan0:eth1", "WAIT_CARRIER": "1"}
    if main:
        network.add_pair("ve-web", "host0")
        network.host.ip("link set ve-web up")
        variables |= DUAL_STACK
    done = network.container_init(variables, "/bin/echo", "stage 2")
    assert (done.returncode, done.stdout) == (0, "stage 2\n")
    assert done.stderr == "container-init: no carrier on eth1 after 1 s, going on without\n"


def test_dry_run_prints_what_ip_accepts(network):
    variables = {**ADDRESSES["mixed"], **OTHERS, "EXTRA_VETHS": words(EXTRA_PAIRS["dual-stack"])}
    network.add_pair("ve-web", "host0")
    network.add_pair("lan0", "lan0")
    with network.container.unchanged():
        done = network.container_init(variables, "--dry-run", "/bin/true")
        assert network.container_init(variables, "--dry-run").stdout == done.stdout
    assert done.returncode == 0
    network.container.ip(*(line.removeprefix("ip ") for line in done.stdout.splitlines()))
    assert_end(network.container, "eth0", variables, has_default=True)
    assert_end(network.container, "lan0", EXTRA_PAIRS["dual-stack"]["lan0"], has_default=False)


LINK_IN_THE_PLACE_OF_A_FILE = """\
mount -n -t tmpfs tmpfs /run
mkdir -p /run/systemd/network
ln -s /run/other /run/systemd/network/zz-container-init-eth0.network
exec "$@"
"""


def test_writes_through_no_symbolic_link(network, build, skip_without):
    """As the first process, which writes files for systemd-networkd: a bind may have brought its /run."""
    skip_without("mounts")
    network.add_pair("ve-web", "host0")
    done = network.container.run(
        ["unshare", "--pid", "--fork", "--mount", "sh", "-euc", LINK_IN_THE_PLACE_OF_A_FILE, "sh",
         build / "container-init", "/bin/sh", "-c", "test ! -e /run/other"], DUAL_STACK)
    assert done.returncode == 0
    assert "zz-container-init-eth0.network: Too many levels of symbolic links" in done.stderr
