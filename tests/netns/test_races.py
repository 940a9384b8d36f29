# SPDX-License-Identifier: MIT
"""Others that change the network at the same time: between look-up and use, or with the same wish."""

import contextlib
import os
import signal
import subprocess

import pytest

from combinations import ADDRESSES, pair
from container import LONG, children_of, wait_until
from namespace import NO_LEAK_CHECK

DUAL_STACK = ADDRESSES["single"]
BRIDGED = {"HOST_BRIDGE": "br0", "EXTRA_VETHS": "lan0,HOST_BRIDGE=br0"}
HOSTS = {"10.1.0.1/32", "fd01::1/128"}
LOCALS = {"10.1.0.2/32", "fd01::2/128"}


class Stopped:
    """A program that has looked its links up and goes no further until a test lets it."""

    def __init__(self, namespace, program, variables, log, arguments=()):
        environment = {"PATH": os.environ["PATH"], "INSTANCE": "web", **variables, **NO_LEAK_CHECK}
        self._strace = subprocess.Popen(
            [*namespace.enter, "strace", "-o", log, "-e", "inject=recvmsg:signal=STOP:when=1",
             program, *arguments], env=environment, stderr=subprocess.PIPE, text=True)
        wait_until(lambda: log.exists() and "stopped by SIGSTOP" in log.read_text())

    def go_on(self):
        """(exit status, what it printed)"""
        (program,) = children_of(self._strace.pid)
        os.kill(program, signal.SIGCONT)
        _, printed = self._strace.communicate(timeout=LONG)
        return self._strace.returncode, printed

    def close(self):
        self._strace.kill()
        self._strace.communicate()


@pytest.fixture
def looked_up(network, build, tmp_path):
    """A program that has looked up, in the host or in the container."""
    with contextlib.ExitStack() as stack:
        def start(program, variables, *arguments):
            namespace = network.container if program == "container-init" else network.host
            stopped = Stopped(namespace, build / program, variables, tmp_path / "log", arguments)
            stack.callback(stopped.close)
            return stopped
        yield start


def add_main_pair(network):
    network.add_pair("ve-web", "host0")


def assert_container(network):
    assert network.container_init(DUAL_STACK).returncode == 0
    assert network.container.addresses("eth0") == LOCALS


def assert_host(network):
    assert network.post_start(DUAL_STACK).returncode == 0
    assert network.host.addresses("ve-web") == HOSTS


def test_container_link_vanishes(network, looked_up):
    add_main_pair(network)
    program = looked_up("container-init", DUAL_STACK, "/bin/true")
    network.container.ip("link delete host0")
    assert program.go_on() == (
        71, "container-init: cannot set link dev host0 name eth0 up: No such device: host0 is gone\n")
    add_main_pair(network)
    assert_container(network)


@pytest.mark.parametrize("name", ["eth0", "other"])
def test_container_link_is_renamed(network, looked_up, name):
    """It is the same link, and gets the name that is wanted."""
    add_main_pair(network)
    program = looked_up("container-init", DUAL_STACK, "/bin/true")
    network.container.ip(f"link set host0 name {name}")
    assert program.go_on() == (0, "")
    assert network.container.links() == {"eth0"}
    assert_container(network)


def test_container_name_is_taken(network, looked_up):
    add_main_pair(network)
    program = looked_up("container-init", DUAL_STACK, "/bin/true")
    network.container.ip("link add eth0 type bridge")
    assert program.go_on() == (
        71, "container-init: cannot set link dev host0 name eth0 up: File exists\n")
    network.container.ip("link delete eth0")
    assert_container(network)


NO_SETTINGS = ("post-start: cannot set net/ipv4/conf/ve-web/accept_redirects to 0: No such file or "
               "directory: the link is gone or renamed, or /proc is not mounted\n")


def test_host_link_vanishes(network, looked_up):
    add_main_pair(network)
    program = looked_up("post-start", DUAL_STACK)
    network.host.ip("link delete ve-web")
    assert program.go_on() == (71, NO_SETTINGS)
    add_main_pair(network)
    assert_host(network)


def test_host_link_is_recreated(network, looked_up):
    """Another link of the same name has not been looked at, and is left alone."""
    add_main_pair(network)
    program = looked_up("post-start", DUAL_STACK)
    network.host.ip("link delete ve-web", "link add ve-web type bridge")
    with network.host.unchanged():
        status, printed = program.go_on()
    assert (status, printed) == (
        71, "post-start: cannot set link dev ve-web up: No such device: ve-web is gone\n")
    network.host.ip("link delete ve-web")
    add_main_pair(network)
    assert_host(network)


def test_host_link_is_renamed(network, looked_up):
    """Its settings cannot be found then, and it is not brought up without them."""
    add_main_pair(network)
    program = looked_up("post-start", DUAL_STACK)
    network.host.ip("link set ve-web name other")
    with network.host.unchanged():
        assert program.go_on() == (71, NO_SETTINGS)
    network.host.ip("link set other name ve-web")
    assert network.post_start(DUAL_STACK).returncode == 0
    assert_host(network)


@pytest.mark.parametrize("recreated", [False, True], ids=["deleted", "recreated"])
def test_bridge_vanishes(network, looked_up, recreated):
    network.add_bridge()
    network.add_pair("vb-web", "host0")
    network.add_pair("lan0", "lan0")
    program = looked_up("post-start", BRIDGED)
    network.host.ip("link delete br0")
    if recreated:
        network.add_bridge()
    status, printed = program.go_on()
    assert status == 71
    assert printed == ("post-start: cannot set link dev vb-web master br0 up: "
                       "Invalid argument: br0 is gone\n")
    if not recreated:
        network.add_bridge()
    assert network.post_start(BRIDGED).returncode == 0
    assert [network.host.link(link)["master"] for link in ("vb-web", "lan0")] == ["br0", "br0"]


def test_stale_link_vanishes(network, looked_up):
    """As it was to. Nothing reports that it was deleted here."""
    add_main_pair(network)
    program = looked_up("pre-start", DUAL_STACK)
    network.host.ip("link delete ve-web")
    assert program.go_on() == (0, "")


def test_stale_link_is_replaced(network, looked_up):
    add_main_pair(network)
    program = looked_up("pre-start", DUAL_STACK)
    network.host.ip("link delete ve-web", "link add ve-web type bridge")
    assert program.go_on() == (0, "")
    assert network.host.link("ve-web")["linkinfo"]["info_kind"] == "bridge"


def all_at_once(namespace, build, runs):
    """[(exit status, what it printed)] of programs that are started together."""
    command = [*namespace.enter, "sh", "-c", 'read -r go; exec "$0" "$@"']
    started = [subprocess.Popen([*command, build / program], text=True, stdin=subprocess.PIPE,
                                stderr=subprocess.PIPE, env={"PATH": os.environ["PATH"], **variables})
               for program, variables in runs]
    for process in started:
        process.stdin.write("go\n")
        process.stdin.flush()
    return [(process.wait(timeout=LONG), process.communicate()[1]) for process in started]


def test_twice_at_once(network, build):
    variables = {"INSTANCE": "web", **DUAL_STACK}
    for _ in range(20):
        add_main_pair(network)
        done = all_at_once(network.host, build, [("post-start", variables)] * 2)
        assert done == [(0, "")] * 2
        assert network.host.addresses("ve-web") == HOSTS
        assert network.host.routes() == {
            ("10.1.0.2", None, "ve-web"), ("fd01::2", None, "ve-web")}
        network.host.ip("link delete ve-web")


@pytest.mark.parametrize("others", [[], ["pre-start"]], ids=["alone", "beside-pre-start"])
def test_twenty_containers_at_once(network, build, others):
    """Each with its own pair, and one of its two ends in a bridge that all of them share."""
    network.add_bridge()
    runs = []
    for i in range(1, 21):
        network.add_pair(f"ve-c{i}", f"host{i}")
        network.add_pair(f"lan{i}", f"lan{i}")
        variables = {"INSTANCE": f"c{i}", **pair(i)}
        runs.append(("post-start", {**variables, "EXTRA_VETHS": f"lan{i},HOST_BRIDGE=br0"}))
        runs += [(program, {**variables, "INSTANCE": f"d{i}"}) for program in others]
    assert all_at_once(network.host, build, runs) == [(0, "")] * len(runs)
    for i in range(1, 21):
        assert network.host.addresses(f"ve-c{i}") == {f"10.1.{i}.1/32", f"fd01:{i}::1/128"}
        assert network.host.link(f"lan{i}")["master"] == "br0"
    assert len(network.host.routes()) == 40
