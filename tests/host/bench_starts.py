# SPDX-License-Identifier: MIT
"""Measures whole starts, by scripts and by the programs in turns: `make bench-host`.

Both have the same roots, stage 2, configurations and settings of the unit. Times are from `systemctl
start` to the last first answer, over both families, and to its end, when all are ready. The processor
time is that of the whole host until then, without this process: all but the idle time and that of
waiting in /proc/stat, so that it has processes of any length, the kernel's own work and systemd's.
"""

import os
import pathlib
import shutil
import statistics
import time

import pytest

from container import wait_until
from host import DROP_INS, LONG, pair, run, seconds_to, succeed
from starts import start_all

HERE = pathlib.Path(__file__).resolve().parent
SCRIPTS = HERE.parent / "bench"
UNIT = pathlib.Path("/usr/local/lib/systemd/system/container@.service")

KINDS = {"scripts": "script@", "programs": "container@"}
COLUMNS = ["last answer", "all ready", "processor time"]

# For many at once.
PATIENCE = 600
PATIENT = f"[Service]\nTimeoutStartSec={PATIENCE}\n"


@pytest.fixture(scope="module")
def units():
    """That of the scripts is that of the programs but for the commands."""
    shutil.copy(UNIT, DROP_INS / "script@.service")
    for kind in KINDS.values():
        directory = DROP_INS / f"{kind}.service.d"
        directory.mkdir()
        (directory / "patient.conf").write_text(PATIENT)
    shutil.copy(HERE / "scripts.conf", DROP_INS / "script@.service.d")
    succeed("systemctl", "daemon-reload")


@pytest.fixture(scope="module")
def table():
    """Its lines, with those of all tests so far."""
    return ["containers" + "".join(f"{column + ', s':>22}" for column in COLUMNS),
            " " * 10 + "".join(f"{kind:>11}" for _ in COLUMNS for kind in KINDS)]


def add_script(root):
    """What scripts have inside beside the host's /usr."""
    for name in ("bin", "lib", "lib64"):
        (root / name).symlink_to(f"usr/{name}")
    text = (SCRIPTS / "container-init.bash").read_text()
    script = root / "container-init"
    script.write_text(text.replace("#!/usr/bin/env bash", "#!/bin/bash"))
    script.chmod(0o755)


def busy_seconds():
    """Of all processors, since the host was booted."""
    user, nice, system, _, _, irq, softirq = map(
        int, pathlib.Path("/proc/stat").read_text().split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def is_quiet():
    before = busy_seconds()
    time.sleep(1)
    return busy_seconds() - before < 0.1


def start(services, addresses):
    """Seconds to the last answer, until all are ready, and of processor time until both."""
    busy, own = busy_seconds(), time.process_time()
    answered, ready = start_all(services, addresses, PATIENCE)
    return answered, ready, busy_seconds() - busy - (time.process_time() - own)


def stop(host, services):
    succeed("systemctl", "stop", *services, timeout=PATIENCE)
    run("systemctl", "reset-failed", *services)
    wait_until(lambda: not any(link.startswith("ve-") for link in host.links()), seconds=LONG)


def measure(host, kind, containers):
    services = [f"{KINDS[kind]}{one.name}.service" for one in containers]
    wait_until(is_quiet, seconds=LONG)
    try:
        result = start(services, [address for one in containers for address in one.locals()])
        restarts = succeed("systemctl", "show", "--property=NRestarts", "--value", *services)
        assert set(restarts.split()) == {"0"}
    finally:
        stop(host, services)
    return result


@pytest.mark.parametrize("number, runs", [(1, 5), (10, 5), (50, 3)])
def test_starts(host, container, units, table, record_property, number, runs):
    containers = [container(f"c{i}", PRIVATE_USERS="no", **pair(i)) for i in range(number)]
    for one in containers:
        add_script(one.root)
    for kind in KINDS:
        measure(host, kind, containers[:1])  # for the caches
    results = {kind: [] for kind in KINDS}
    for _ in range(runs):
        for kind in KINDS:
            results[kind].append(measure(host, kind, containers))
    medians = {kind: [statistics.median(values) for values in zip(*results[kind])]
               for kind in KINDS}
    table.append(f"{number:10}" + "".join(
        f"{medians[kind][i]:11.2f}" for i in range(len(COLUMNS)) for kind in KINDS))
    for kind in KINDS:
        record_property(f"runs, {kind}", "; ".join(
            ", ".join(f"{value:.2f}" for value in values) for values in results[kind]))
    record_property("medians", "\n" + "\n".join(table))
