# SPDX-License-Identifier: MIT
"""Many containers of one program on a host, $COUNT of them: `make soak-host`.

All start at once, all answer, all survive what happens to the host, all stop, and nothing is left.
"""

import collections
import os
import random
import re
import time

import pytest

from container import wait_until
from host import CGROUPS, DROP_INS, PROGRAMS, pair, run, seconds_to, succeed
from ping import wait_for_answer

COUNT = int(os.environ.get("COUNT") or 50)
PATIENCE = 60 + 10 * COUNT
PATIENT = f"[Service]\nTimeoutStartSec={PATIENCE}\n"


@pytest.fixture
def patience():
    path = DROP_INS / "container@.service.d/patient.conf"
    path.parent.mkdir()
    path.write_text(PATIENT)
    succeed("systemctl", "daemon-reload")
    yield
    path.unlink()
    path.parent.rmdir()
    succeed("systemctl", "daemon-reload")


def services(containers):
    return [one.service for one in containers]


def show(containers, key):
    """{value: number of containers}"""
    shown = succeed("systemctl", "show", "--value", f"--property={key}", *services(containers), timeout=PATIENCE)
    return collections.Counter(shown.split())


def all_active(containers):
    return show(containers, "ActiveState") == {"active": len(containers)}


def assert_all_answer(containers):
    for one in containers:
        for address in one.locals():
            wait_for_answer(address, seconds=PATIENCE, pause=0.02)


def processes_of_ours():
    done = run("find", "/proc", "-maxdepth", "2", "-name", "exe", "-lname", f"{PROGRAMS}/*")
    return done.stdout.split()


def groups(containers):
    """The names of the control groups below those of the units; .control is systemd's, for post-start."""
    return {group.name for one in containers
            for group in (CGROUPS / "machine.slice" / one.service).iterdir()
            if group.is_dir() and group.name != ".control"}


def warnings(since):
    """What the units printed and systemd said of them at level warning or worse, each once, without numbers."""
    run("journalctl", "--sync")
    lines = run("journalctl", "--no-pager", "--output=cat", "--priority=warning", "--unit=container@*",
                "--since", f"@{since:.6f}", timeout=PATIENCE).stdout.splitlines()
    return collections.Counter(re.sub(r"\d+", "N", line) for line in lines)


def kill_some(containers):
    for one in random.Random(1).sample(containers, max(1, len(containers) // 10)):
        run("kill", "-9", one.property("MainPID"))


@pytest.fixture
def many(container):
    return [container(f"c{i}", **pair(i)) for i in range(COUNT)]


def test_many(host, patience, many, record_property):
    begin = time.time()
    seconds = seconds_to(lambda: succeed("systemctl", "start", *services(many), timeout=PATIENCE))
    record_property(f"{COUNT} started", f"{seconds:.1f} s")
    assert_all_answer(many)
    wait_until(lambda: not processes_of_ours(), seconds=PATIENCE, pause=0.5)
    assert groups(many) == {"payload", "supervisor"}
    assert warnings(begin) == {}

    kill_some(many)
    for command in (["restart", "systemd-machined"], ["restart", "systemd-udevd"], ["daemon-reload"],
                    ["daemon-reexec"]):
        succeed("systemctl", *command, timeout=PATIENCE)
    wait_until(lambda: all_active(many) and not processes_of_ours(), seconds=PATIENCE, pause=1)
    assert_all_answer(many)
    record_property("after the kills", "; ".join(f"{number}x {line}" for line, number in warnings(begin).items()))
    restarts = show(many, "NRestarts")
    assert restarts["0"] == COUNT - max(1, COUNT // 10), restarts

    begin = time.time()
    seconds = seconds_to(lambda: succeed("systemctl", "stop", *services(many), timeout=PATIENCE))
    record_property(f"{COUNT} stopped", f"{seconds:.1f} s")
    assert show(many, "ActiveState") == {"inactive": COUNT}
    assert warnings(begin) == {}
