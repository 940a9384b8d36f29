# SPDX-License-Identifier: MIT
"""Two hosts on one wire, with what container-hosts(7) shows: its files, its play, its commands."""

import contextlib
import json
import os
import re
import shutil

import pytest

import debian
import manual
import roots
from namespace import Namespace
from roots import TREE, run, write
from waiting import wait_until

PAGE = TREE / "man/container-hosts.7"

ADDRESSES = {"alpha": "192.0.2.1", "beta": "192.0.2.2"}
ADMINISTRATOR = "192.0.2.254"
# The containers in the order of the hosts that they run on at first.
LOCALS = {"web": ("10.0.0.11", "fd00::11"), "db": ("10.0.0.12", "fd00::12")}
BRIDGES = {"alpha": ("10.0.0.1", "fd00::1"), "beta": ("10.0.0.2", "fd00::2")}

WIRE = """\
[Match]
Name=wire0

[Network]
Address={}/24
"""
SSH = """\
StrictHostKeyChecking no
UserKnownHostsFile /dev/null
LogLevel ERROR
"""


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """A directory for ssh(1) that lets whoever has it in everywhere."""
    directory = tmp_path_factory.mktemp("keys")
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / "id_ed25519")
    shutil.copy(directory / "id_ed25519.pub", directory / "authorized_keys")
    write(directory / "config", SSH)
    return directory


class Wire:
    """A switch that all hosts are plugged into, and the machine of the administrator."""

    def __init__(self):
        self.namespace = Namespace()
        self.namespace.ip("link add wire type bridge", "link set wire up", f"address add {ADMINISTRATOR}/24 dev wire")

    def close(self):
        self.namespace.close()

    def plug_in(self, name, host):
        self.namespace.ip(f"link add {name} type veth peer name wire0 netns {host.leader}",
                          f"link set {name} master wire up")

    def unplug(self, name):
        self.namespace.ip(f"link set {name} down")


def make_root(root, name, build, keys):
    roots.make(root, name, build)
    write(root / "etc/hosts", "127.0.0.1 localhost\n" + "".join(
        f"{address} {host}\n" for host, address in ADDRESSES.items()))
    write(root / "etc/systemd/network/10-wire0.network", WIRE.format(ADDRESSES[name]))
    shutil.copytree(keys, root / "root/.ssh", dirs_exist_ok=True)
    (root / "root/.ssh").chmod(0o700)


@pytest.fixture
def wire():
    made = Wire()
    yield made
    made.close()


@pytest.fixture
def hosts(build, wire, keys, tmp_path):
    """Both, once they reach each other."""
    with contextlib.ExitStack() as booted:
        made = {}
        for name, container in zip(ADDRESSES, LOCALS):
            root = tmp_path / name
            booted.callback(shutil.rmtree, root, ignore_errors=True)
            make_root(root, name, build, keys)
            roots.add_container(root, container, build)
            made[name], _ = booted.enter_context(debian.running_as_a_machine(root))
            wire.plug_in(name, made[name])
            made[name].output_of("systemctl start systemd-networkd ssh")
        for name, address in ADDRESSES.items():
            wait_until(lambda: wire.namespace.run(["ping", "-c1", "-W1", address]).returncode == 0)
        yield made


def play(wire, keys, directory):
    """Runs the play from the administrator's machine; what it counted, by host."""
    for name, text in manual.files(PAGE, "hosts.yml").items():
        write(directory / name, text)
    for first in ("/etc/systemd/network/30-br0.netdev", "/etc/containers/web.conf"):
        for name, text in manual.files(PAGE, first).items():
            write(directory / name[1:], text)
    (command,) = [line for line in manual.commands(PAGE, "$") if line.startswith("ansible-playbook")]
    environment = {**os.environ, "HOME": str(directory), "ANSIBLE_NOCOLOR": "1",
                   "ANSIBLE_PRIVATE_KEY_FILE": str(keys / "id_ed25519"), "ANSIBLE_SSH_ARGS": f"-F {keys}/config"}
    printed = run(*wire.namespace.enter, "sh", "-c", command, cwd=directory, env=environment)
    recap = printed.partition("PLAY RECAP")[2].splitlines()[1:]
    return {line.split()[0]: dict(re.findall(r"(\w+)=(\d+)", line)) for line in recap if line}


def leader(host, container):
    return host.output_of(f"machinectl show --value --property=Leader {container}").strip()


def answers(host, address, *options, inside=""):
    """To the first packet sent by the host, or from inside one of its containers."""
    enter = f"nsenter --net --target {leader(host, inside)} " if inside else ""
    return host.succeeds(f"{enter}ping -c1 -W5 {' '.join(options)} {address}")


def all_answer(host, addresses, *options, inside=""):
    return all(answers(host, address, *options, inside=inside) for address in addresses)


def test_two_hosts(hosts, wire, keys, tmp_path):
    alpha, beta = hosts["alpha"], hosts["beta"]
    first = play(wire, keys, tmp_path / "play")
    assert {name: counts["changed"] for name, counts in first.items()} == {"alpha": "3", "beta": "3"}
    wait_until(lambda: all_answer(alpha, BRIDGES["beta"]), pause=0.2)

    # Containers of different hosts, each host and the other's container; packets as large as the page says.
    assert all_answer(alpha, LOCALS["db"], inside="web")
    assert all_answer(beta, LOCALS["web"], inside="db")
    assert all_answer(alpha, LOCALS["db"]) and all_answer(beta, LOCALS["web"])
    assert answers(alpha, LOCALS["db"][0], "-M do -s 1422", inside="web")  # 1450 with its headers
    assert not answers(alpha, LOCALS["db"][0], "-M do -s 1423", inside="web")
    second = play(wire, keys, tmp_path / "play")
    assert {name: counts["changed"] for name, counts in second.items()} == {"alpha": "0", "beta": "0"}

    # db moves, and the others notice at once.
    for command in manual.commands(PAGE, "beta#"):
        beta.output_of(command)
    link = json.loads(alpha.output_of(f"nsenter --net --target {leader(alpha, 'db')} ip -json link show eth0"))
    assert link[0]["address"] == "02:00:00:00:00:12"
    assert all_answer(alpha, LOCALS["db"], inside="web")
    assert all_answer(beta, LOCALS["db"])
    assert beta.run("systemctl is-enabled container@db").stdout == "disabled\n"
    assert alpha.output_of("systemctl is-enabled container@db") == "enabled\n"

    # One host is lost.
    wire.unplug("beta")
    assert not answers(alpha, BRIDGES["beta"][0], inside="web")
    assert all_answer(alpha, LOCALS["db"], inside="web") and all_answer(alpha, LOCALS["web"], inside="db")
    assert all_answer(alpha, BRIDGES["alpha"], inside="db")
