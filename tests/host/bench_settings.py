# SPDX-License-Identifier: MIT
"""Measures what a start of systemd-nspawn alone would spare without one of its settings: `make bench-host`."""

import statistics

import pytest

from bench_starts import HERE, PATIENCE, UNIT, complete, measure
from host import DROP_INS, pair, succeed
from starts import allow_seconds

FLOOR = (HERE / "floor.conf").read_text()
CONTAINERS = 10
RUNS = 5

# By what is left out or added: the text of the unit that is another one.
VARIANTS = {
    "all of it": (),
    "no journal link": (" --link-journal=try-guest", ""),
    "no registration": ("--keep-unit", "--keep-unit --register=no"),
    "no pair of links": (" --network-veth", " --private-network"),
    "no .nspawn files": ("--settings=yes", "--settings=no"),
    "any device": ("[Service]", "[Service]\nDevicePolicy=auto\nDeviceAllow="),
    "no runtime directory": ("[Service]", "[Service]\nRuntimeDirectory="),
    "one bind more": (" /sbin/init", " --bind-ro=/etc/hostname:/run/container-init/hostname /sbin/init"),
    "a user namespace": ("--private-users=no", "--private-users=pick"),
}


@pytest.fixture
def kinds():
    """The units of the variants, by what they are."""
    made = {what: f"variant{i}@" for i, what in enumerate(VARIANTS)}
    for what, kind in made.items():
        text = FLOOR.replace(*VARIANTS[what]) if VARIANTS[what] else FLOOR
        assert (text == FLOOR) == (not VARIANTS[what]), what
        (DROP_INS / f"{kind}.service").write_text(UNIT.read_text())
        (allow_seconds(kind, PATIENCE).parent / "floor.conf").write_text(text)
    succeed("systemctl", "daemon-reload")
    return made


def test_settings(host, container, kinds, record_property):
    containers = [container(f"c{i}", PRIVATE_USERS="no", **pair(i)) for i in range(CONTAINERS)]
    for one in containers:
        complete(one.root)
    results = {what: [] for what in VARIANTS}
    for _ in range(RUNS):
        for what, kind in kinds.items():
            figures, _ = measure(host, kind, containers, answers=False)
            results[what].append(figures)
    for what, figures in results.items():
        cpu, ready, stop_cpu = (statistics.median(getattr(one, column) for one in figures)
                                for column in ("start_cpu", "ready", "stop_cpu"))
        record_property(what, f"{cpu * 1000 / CONTAINERS:.0f} ms of processor time a start, ready after {ready:.2f} s, "
                              f"{stop_cpu * 1000 / CONTAINERS:.0f} ms a stop")
