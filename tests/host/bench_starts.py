# SPDX-License-Identifier: MIT
"""Measures whole starts and stops in turns: `make bench-host`.

By scripts, by the programs, and by the floor, a unit that executes systemd-nspawn with the same flags and
configures nothing, so that its links stay down. All have the same roots, stage 2, configurations and settings
of the unit.

Times are from `systemctl start` to the last first answer, over both families, and to its end, when all are
ready; and those of `systemctl stop`. Processor time is that of the host's control group until nothing happens
any more, without this process. On a host in systemd-nspawn it lacks what threads of the kernel do, and memory
is known only to a host that has the controller. PIDs are what the host gave to new processes and threads.
"""

import os
import pathlib
import shutil
import statistics
import time
import typing

import pytest

from container import wait_until
from host import CGROUPS, DROP_INS, LONG, pair, run, seconds_to, succeed
from starts import allow_seconds, start_all

HERE = pathlib.Path(__file__).resolve().parent
SCRIPTS = HERE.parent / "bench"
UNIT = pathlib.Path("/usr/local/lib/systemd/system/container@.service")

# By the name of the unit.
FLOOR = "floor@"
KINDS = {"script@": "scripts", FLOOR: "floor", "container@": "programs"}

# For many at once.
PATIENCE = 600


class Figures(typing.NamedTuple):
    """Of all containers together: seconds, and MiB."""

    answered: float
    ready: float
    start_cpu: float
    pids: float
    memory: float
    stopped: float
    stop_cpu: float


@pytest.fixture(scope="module")
def units():
    """All are that of the programs but for the commands."""
    for kind, name in KINDS.items():
        if not kind.startswith("container"):
            shutil.copy(UNIT, DROP_INS / f"{kind}.service")
        directory = allow_seconds(kind, PATIENCE).parent
        if (HERE / f"{name}.conf").exists():
            shutil.copy(HERE / f"{name}.conf", directory)
    succeed("systemctl", "daemon-reload")


@pytest.fixture(scope="module")
def table():
    """Its lines, with those of all tests so far."""
    return [f"{'':>5}{'':>10}" + "".join(f"{column:>11}" for column in Figures._fields)]


def complete(root):
    """With what systemd-nspawn asks for, and what scripts have inside beside the host's /usr."""
    (root / "usr").mkdir()
    (root / "etc").mkdir()
    (root / "etc/os-release").touch()
    for name in ("bin", "lib", "lib64"):
        (root / name).symlink_to(f"usr/{name}")
    text = (SCRIPTS / "container-init.bash").read_text()
    script = root / "container-init"
    script.write_text(text.replace("#!/usr/bin/env bash", "#!/bin/bash"))
    script.chmod(0o755)


def busy_seconds():
    """Of all processors, for the host without this process."""
    lines = (CGROUPS / "cpu.stat").read_text().splitlines()
    return int(dict(line.split() for line in lines)["usage_usec"]) / 1e6 - time.process_time()


def last_pid():
    return int(pathlib.Path("/proc/loadavg").read_text().split()[-1])


def wait_until_quiet():
    def is_quiet():
        before = busy_seconds()
        time.sleep(0.5)
        return busy_seconds() - before < 0.05

    wait_until(is_quiet, seconds=LONG)


def cost(action):
    """Seconds of processor time and new PIDs of the action and of all that follows from it; its result."""
    wait_until_quiet()
    busy, pid = busy_seconds(), last_pid()
    result = action()
    pids = last_pid() - pid
    wait_until_quiet()
    return busy_seconds() - busy, pids, result


def start(services, containers, answers):
    """Seconds to the last first answer, if they answer, and until all are ready."""
    if answers:
        return start_all(services, containers, PATIENCE)
    ready = seconds_to(lambda: succeed("systemctl", "start", *services, timeout=PATIENCE))
    return ready, ready


def group(service):
    return CGROUPS / "machine.slice" / service


def peak_memory(services):
    try:
        return sum(int((group(service) / "memory.peak").read_text()) for service in services) / 2**20
    except FileNotFoundError:
        return float("nan")


def left(service):
    """What a running container has: control groups, processes, and how many descriptors each of these has."""
    found = {}
    for path in sorted(group(service).rglob("cgroup.procs")):
        if path.parent.name == ".control":  # systemd's, for what ExecStartPost= runs
            continue
        found[str(path.parent.relative_to(group(service)))] = [
            (pathlib.Path(f"/proc/{pid}/comm").read_text(), len(os.listdir(f"/proc/{pid}/fd")) - sinks_of(pid))
            for pid in path.read_text().split()]
    return found


def sinks_of(process):
    """A socket that drops what systemd-nspawn still reports when the container is ready, is one descriptor more."""
    open_sockets = [os.readlink(fd) for fd in pathlib.Path(f"/proc/{process}/fd").iterdir()]
    sinks = [f"socket:[{line.split()[6]}]" for line in pathlib.Path("/proc/net/unix").read_text().splitlines()
             if line.endswith("/notify/sink")]
    return len(set(sinks).intersection(open_sockets))


def stop(host, services):
    seconds = seconds_to(lambda: succeed("systemctl", "stop", *services, timeout=PATIENCE))
    run("systemctl", "reset-failed", *services)
    wait_until(lambda: not any(link.startswith("ve-") for link in host.links()), seconds=LONG)
    return seconds


def measure(host, kind, containers, answers=True):
    """Figures, and what is left of a start while the first container runs."""
    services = [f"{kind}{one.name}.service" for one in containers]
    try:
        start_cpu, pids, (answered, ready) = cost(lambda: start(services, containers, answers))
        restarts = succeed("systemctl", "show", "--property=NRestarts", "--value", *services)
        assert set(restarts.split()) == {"0"}
        memory, kept = peak_memory(services), left(services[0])
    finally:
        stop_cpu, _, stopped = cost(lambda: stop(host, services))
    return Figures(answered, ready, start_cpu, pids, memory, stopped, stop_cpu), kept


def line(number, name, figures):
    return f"{number:5}{name:>10}" + "".join(f"{value:11.2f}" for value in figures)


@pytest.mark.parametrize("number, runs, kinds", [
    (1, 5, KINDS), (10, 5, KINDS), (50, 3, KINDS), (200, 3, [FLOOR, "container@"])],
    ids=lambda value: str(value) if isinstance(value, int) else "")
def test_starts(host, container, units, table, record_property, number, runs, kinds):
    if number * 16 * 2**20 > os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2:
        pytest.skip(f"memory for {number} containers: HOST_MEMORY=8192 gives it")
    containers = [container(f"c{i}", PRIVATE_USERS="no", **pair(i)) for i in range(number)]
    for one in containers:
        complete(one.root)
    for kind in kinds:
        measure(host, kind, containers[:1], answers=kind != FLOOR)  # for the caches
    results = {kind: [] for kind in kinds}
    kept = {}
    for _ in range(runs):
        for kind in kinds:
            figures, kept[kind] = measure(host, kind, containers, answers=kind != FLOOR)
            results[kind].append(figures)
            record_property(KINDS[kind], line(number, "", figures))
    for kind in kinds:
        table.append(line(number, KINDS[kind], map(statistics.median, zip(*results[kind]))))
    record_property("medians", "\n" + "\n".join(table))
    record_property("what runs", kept["container@"])
    assert kept["container@"] == kept[FLOOR]
