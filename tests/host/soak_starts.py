# SPDX-License-Identifier: MIT
"""Many containers on a host, $COUNT of them: `make soak-host`.

All start at once, all answer, all survive what happens to the host, all stop, and nothing is left. One
half has an init, and the other runs a program in its place.
"""

import collections
import os
import pathlib
import random
import re
import shutil
import time

import pytest

import manual
from container import wait_until
from host import CGROUPS, PROGRAMS, pair, run, seconds_to, succeed
from starts import allow_seconds, start_all, wait_for_answers

COUNT = int(os.environ.get("COUNT") or 50)
KILLED = max(1, COUNT // 10)
PATIENCE = 60 + 10 * COUNT

PAGE = "/usr/local/share/man/man8/container@.service.8"
BUS_LIMITS = "/etc/dbus-1/system.d/containers.conf"

UPHEAVALS = [["restart", "systemd-machined"], ["restart", "systemd-udevd"], ["restart", "systemd-networkd"],
             ["daemon-reload"], ["daemon-reexec"]]


@pytest.fixture
def patience():
    path = allow_seconds("container@", PATIENCE)
    succeed("systemctl", "daemon-reload")
    yield
    path.unlink()
    path.parent.rmdir()
    succeed("systemctl", "daemon-reload")


@pytest.fixture
def connections():
    """As many to the system bus as the manual page allows."""
    (path, text), = manual.files(PAGE, BUS_LIMITS).items()
    pathlib.Path(path).write_text(text)
    succeed("systemctl", "reload", "dbus")
    yield
    pathlib.Path(path).unlink()
    succeed("systemctl", "reload", "dbus")


def services(containers):
    return [one.service for one in containers]


def show(containers, key):
    """{value: number of containers}"""
    shown = succeed("systemctl", "show", "--value", f"--property={key}", *services(containers), timeout=PATIENCE)
    return collections.Counter(shown.split())


def all_active(containers):
    return show(containers, "ActiveState") == {"active": len(containers)}


def managed_links():
    """Those that networkd does not leave alone, by the columns of networkctl(1)."""
    lines = succeed("networkctl", "--no-pager", "--no-legend", "list").splitlines()
    return [line for line in lines if line.split()[1].startswith("ve-") and line.split()[-1] != "unmanaged"]


def processes_of_ours():
    done = run("find", "/proc", "-maxdepth", "2", "-name", "exe", "-lname", f"{PROGRAMS}/*")
    return done.stdout.split()


def groups(containers):
    """The names of the control groups below those of the units; .control is systemd's, for post-start."""
    return {group.name for one in containers
            for group in (CGROUPS / "machine.slice" / one.service).iterdir()
            if group.is_dir() and group.name != ".control"}


def said(since, *options):
    """What the units printed and systemd said of them, without numbers, each with how often."""
    run("journalctl", "--sync")
    lines = run("journalctl", "--no-pager", "--output=cat", "--unit=container@*", "--since", f"@{since:.6f}",
                *options, timeout=PATIENCE).stdout.splitlines()
    return collections.Counter(re.sub(r"\d+", "N", line) for line in lines)


def warnings(since):
    return said(since, "--priority=warning")


def as_text(counter):
    return "; ".join(f"{number}x {line}" for line, number in counter.items())


def wait_until_all_go_on(containers, restarted):
    wait_until(lambda: show(containers, "NRestarts")["0"] == COUNT - restarted and all_active(containers),
               seconds=PATIENCE, pause=1)
    wait_for_answers(containers, PATIENCE)
    wait_until(lambda: not processes_of_ours() and not managed_links(), seconds=PATIENCE, pause=0.5)


def kill_some(containers):
    for one in random.Random(1).sample(containers, KILLED):
        run("kill", "-9", one.property("MainPID"))
    wait_until_all_go_on(containers, KILLED)


@pytest.fixture
def many(container, build):
    """The second of every two has no init: COMMAND is what runs."""

    def program(name, **variables):
        one = container(name, stage2=None, COMMAND='"/busybox sleep inf"', **variables)
        shutil.copy(build / "tests/busybox", one.root / "busybox")
        return one

    return [(container, program)[i % 2](f"c{i}", **pair(i)) for i in range(COUNT)]


def test_many(host, networkd, patience, connections, many, record_property):
    networkd()
    begin = time.time()
    answered, ready = start_all(services(many), many, PATIENCE)
    record_property(f"{COUNT} answered after", f"{answered:.1f} s")
    record_property(f"{COUNT} started after", f"{ready:.1f} s")
    wait_until_all_go_on(many, 0)
    assert groups(many) == {"payload", "supervisor"}
    record_property("said", as_text(said(begin)))
    assert warnings(begin) == {}

    # Before machined starts again: that of systemd 257 stops the units of machines that it finds dead then.
    seconds = seconds_to(lambda: kill_some(many))
    record_property(f"{KILLED} killed, all answered after", f"{seconds:.1f} s")
    for command in UPHEAVALS:
        succeed("systemctl", *command, timeout=PATIENCE)
    wait_until_all_go_on(many, KILLED)
    record_property("after the kills", as_text(warnings(begin)))

    begin = time.time()
    seconds = seconds_to(lambda: succeed("systemctl", "stop", *services(many), timeout=PATIENCE))
    record_property(f"{COUNT} stopped after", f"{seconds:.1f} s")
    record_property("said", as_text(said(begin)))
    assert show(many, "ActiveState") == {"inactive": COUNT}
    assert warnings(begin) == {}
