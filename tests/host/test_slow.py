# SPDX-License-Identifier: MIT
"""Containers that are slow hold up no others."""

import pathlib
import shutil

import pytest

import manual
from container import wait_until
from host import DROP_INS, LONG, assert_reachable, pair, run, succeed

PAGE = "/usr/local/share/man/man8/container@.service.8"
MACHINES = pathlib.Path("/var/lib/machines")
IN_MACHINES = "/etc/systemd/system/container@web.service.d/machines.conf"

# PID 1 that takes none of the signals that ask for an end.
STUBBORN = "#!/busybox sh\nwhile :; do /busybox sleep 1; done\n"


def is_over(container):
    """systemd-nspawn ends at once when it is asked a second time."""
    run("systemctl", "kill", "--kill-whom=main", "--signal=TERM", container.service)
    return container.state() in ("failed", "inactive")


@pytest.fixture
def slow(container, build):
    """Makes a container that takes longer than a test to start, or to stop."""
    made = []

    def make(ready, **variables):
        flags = f"--notify-ready={ready}"
        one = container("slow", stage2=None, EXTRA_NSPAWN_FLAGS=flags, **variables)
        shutil.copy(build / "tests/busybox", one.root / "busybox")
        init = one.root / "sbin/init"
        init.write_text(STUBBORN)
        init.chmod(0o755)
        one.drop_in("TimeoutStartSec=1h", "TimeoutStopSec=1h", "Restart=no")
        made.append(one)
        return one

    yield make
    wait_until(lambda: is_over(made[0]), seconds=LONG, pause=0.1)


def assert_no_wait(host, containers, slow, state):
    """They start and stop at once while the slow one is in this state."""
    wait_until(lambda: slow.property("SubState") == state, seconds=LONG)
    services = [one.service for one in containers]
    succeed("systemctl", "start", *services)
    for one in containers:
        assert_reachable(host, one)
    succeed("systemctl", "stop", *services)
    assert slow.property("SubState") == state


@pytest.fixture
def others(container):
    return [container(f"other{number}", **pair(number)) for number in range(1, 11)]


def test_slow_stop(host, others, slow):
    stubborn = slow(ready="no")
    stubborn.start()
    succeed("systemctl", "stop", "--no-block", stubborn.service)
    assert_no_wait(host, others, stubborn, "stop-sigterm")


def test_slow_start(host, others, slow):
    stubborn = slow(ready="yes")
    stubborn.start_soon()
    assert_no_wait(host, others, stubborn, "start")


@pytest.fixture
def in_machines(others):
    """What the manual says for a root in /var/lib/machines, for all containers."""
    (text,) = manual.files(PAGE, IN_MACHINES).values()
    path = DROP_INS / "container@.service.d/machines.conf"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.replace("/web", "/%i"))
    succeed("systemctl", "daemon-reload")
    for one in others:
        shutil.move(one.root, MACHINES)
        one.root = MACHINES / one.name
    yield
    path.unlink()
    succeed("systemctl", "daemon-reload")


def test_slow_stop_beside_roots_in_machines(in_machines, host, others, slow):
    stubborn = slow(ready="no", root="/var/lib/containers/slow")
    stubborn.start()
    succeed("systemctl", "stop", "--no-block", stubborn.service)
    assert_no_wait(host, others, stubborn, "stop-sigterm")
