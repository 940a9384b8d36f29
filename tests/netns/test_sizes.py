# SPDX-License-Identifier: MIT
"""Many pairs and long tables: what comes of them, and how much memory it takes."""

import subprocess

import pytest

LARGEST = 2048  # KiB
OURS = 7  # the group of links
MAIN = {"HOST_ADDRESS": "10.1.0.1", "LOCAL_ADDRESS": "10.1.0.2"}

pytestmark = pytest.mark.release  # sanitizers take memory of their own


def extra_pair(number):
    return (f"lan{number},HOST_ADDRESS=10.2.{number}.1,LOCAL_ADDRESS=10.2.{number}.2,"
            f"HOST_ADDRESS6=fd02:{number}::1,LOCAL_ADDRESS6=fd02:{number}::2")


def addresses(namespace):
    """{link: its addresses} but for those that the kernel makes."""
    return {link["ifname"]: {address["local"] for address in link["addr_info"]
                             if address["scope"] == "global"}
            for link in namespace.ip_json("address") if link["ifname"] != "lo"}


@pytest.fixture
def network(network):
    """Its links are deleted together: one by one, with the namespace, takes the kernel half a minute."""
    yield network
    network.host.ip(f"link delete group {OURS}")


@pytest.fixture
def measured(build):
    """Runs a program; gives the result, and its largest size in memory in KiB."""

    def run(namespace, variables, *command):
        done = namespace.run([build / "tests/bench/stopwatch", build / command[0], *command[1:]],
                             {"INSTANCE": "web", **variables})
        return done, int(done.stdout.split()[-1])

    return run


@pytest.mark.parametrize("number", [1, 64, 256])
def test_many_pairs(network, measured, number):
    numbers = range(number)
    network.add_pair("ve-web", "host0")
    network.host.ip(*[f"link add lan{i} group {OURS} type veth peer name lan{i} netns {network.container.pid}"
                      for i in numbers])
    variables = {**MAIN, "EXTRA_VETHS": " ".join(map(extra_pair, numbers))}
    for namespace, program, link, end in (
            (network.host, ["post-start"], "ve-web", 1),
            (network.container, ["container-init", "/bin/true"], "eth0", 2)):
        done, size = measured(namespace, variables, *program)
        assert (done.returncode, done.stderr) == (0, "")
        assert size < LARGEST
        assert addresses(namespace) == {link: {f"10.1.0.{end}"}, **{
            f"lan{i}": {f"10.2.{i}.{end}", f"fd02:{i}::{end}" if i else f"fd02::{end}"} for i in numbers}}
        assert len(namespace.routes()) == 2 * number + (1 if namespace is network.host else 2)


@pytest.mark.parametrize("route,conflict,variables", [
    ("10.{}.{}.0/24", "192.168.99.0/24", {"HOST_ADDRESS": "10.1.0.1", "LOCAL_ADDRESS": "192.168.99.2/24"}),
    ("fd10:{}:{}::/64", "fd99:9::/64", {"HOST_ADDRESS6": "fd01::1", "LOCAL_ADDRESS6": "fd99:9::2/64"}),
], ids=["IPv4", "IPv6"])
def test_conflict_in_a_long_table(network, measured, route, conflict, variables):
    """The route to a network is looked for in the whole table."""
    host = network.host
    links = [f"link add other{i} group {OURS} type veth peer name peer{i}" for i in range(2000)]
    host.ip(*links[:2], "link set other0 up", "link set other1 up",
            *[f"route add {route.format(i // 250, i % 250)} dev other0" for i in range(10000)],
            f"route add {conflict} dev other1", *links[2:])  # the routes first: that is faster
    network.add_pair("ve-web", "host0")
    done, size = measured(host, variables, "post-start")
    assert done.stderr == (f"post-start: cannot add route {conflict} dev ve-web: File exists: "
                           f"{conflict} already leads to other1\n")
    assert done.returncode == 71
    assert size < LARGEST


@pytest.mark.parametrize("program", ["container-init", "post-start", "pre-start", "start"])
def test_too_little_memory(build, program):
    """One line, and the status of what the system refuses."""
    limited = ["prlimit", f"--as={2 * 2**20}", build / program]
    if subprocess.run([*limited, "--version"], capture_output=True).returncode != 0:
        pytest.skip("a static program is needed")
    pairs = " ".join(f"lan{i},LOCAL_ADDRESS=10.0.{i // 250}.{i % 250 + 1}" for i in range(2500))
    variables = {"INSTANCE": "web", "root": "/nonexistent", "EXTRA_VETHS": pairs}
    done = subprocess.run([*limited, "--dry-run"], env=variables, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (71, f"{program}: cannot allocate memory\n")
