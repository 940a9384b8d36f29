# SPDX-License-Identifier: MIT
"""Tests on a whole systemd host, which tests/host/run boots. Results come as TAP, at once."""

import pathlib
import time
import tty

import pytest

pytest.register_assert_rewrite("host")  # what it asserts is shown in full, too
import host as hosts


collect_ignore = [] if hosts.NIXOS.exists() else ["test_nixos.py"]


def pytest_addoption(parser):
    parser.addoption("--tap", help="terminal or pipe for the results as TAP")


def pytest_configure(config):
    path = config.getoption("--tap")
    if path:
        config.pluginmanager.register(Tap(path))


class Tap:
    """Prints each result as it comes: Debian has no plugin for this."""

    def __init__(self, path):
        self._out = open(path, "w", buffering=1)
        if self._out.isatty():
            tty.setraw(self._out.fileno())
        self._number = 0
        self._reports = []

    def _diagnose(self, text):
        for line in text.splitlines():
            print("#", line, file=self._out)

    def pytest_collection_finish(self, session):
        print(f"1..{len(session.items)}", file=self._out)

    def pytest_collectreport(self, report):
        if report.failed:
            self._diagnose(report.longreprtext)

    def pytest_runtest_logreport(self, report):
        """One of set-up, test and tear-down; a result is out after the last one."""
        self._reports.append(report)
        if report.when == "teardown":
            self._print_result(self._reports)
            self._reports = []

    def _print_result(self, reports):
        self._number += 1
        verdict = "not ok" if any(report.failed for report in reports) else "ok"
        skips = "".join(f" # SKIP {report.longrepr[2]}" for report in reports if report.skipped)
        path, _, name = reports[0].location
        name = f"{pathlib.Path(path).stem}: {name}{skips}"
        print(f"{verdict} {self._number} - {name}", file=self._out)
        self._diagnose(f"{sum(report.duration for report in reports):.1f} s")
        for key, value in reports[-1].user_properties:
            self._diagnose(f"{key}: {value}")
        for report in reports:
            if report.failed:
                self._print_failure(report)

    def _print_failure(self, report):
        self._diagnose(f"{report.when}:\n{report.longreprtext}")
        for title, text in report.sections:
            self._diagnose(f"-- {title}\n{text}")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows what the units of the test's containers said."""
    report = (yield).get_result()
    if report.failed and BEGIN in item.stash:
        report.sections.append(("journal", hosts.journal(item.stash[BEGIN])))


BEGIN = pytest.StashKey[float]()


@pytest.fixture
def host(request):
    """As it is left after the test, it must be as it was before."""
    request.node.stash[BEGIN] = time.time()
    made = hosts.Host()
    before = made.traces()
    yield made
    made.close()
    assert made.settled(before) == before


@pytest.fixture(scope="session")
def once():
    """The name of a container that is not started again when it fails."""
    path = hosts.DROP_INS / "container@once.service.d/once.conf"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("[Service]\nRestart=no\n")
    hosts.succeed("systemctl", "daemon-reload")
    return "once"


@pytest.fixture
def container(host, build):
    """Makes containers of a minimal root, and ends them with the test."""
    made = []

    def make(name="web", stage2=build / "tests/stage2", **variables):
        made.append(hosts.Container(name, stage2, variables))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def debian(container):
    """Makes containers that boot systemd. The file system below has no idmapped mounts, and all its files
    would be copied to give them to the users of a container: without a user namespace."""

    def make(name="web", **variables):
        one = container(name, stage2=None, PRIVATE_USERS="no", **variables)
        return one, hosts.Debian(one)

    return make


@pytest.fixture
def networkd():
    """Runs it, with a file for every link where that is asked for."""
    files = pathlib.Path("/run/systemd/network")

    def start(catch_all=""):
        files.mkdir(exist_ok=True)
        if catch_all:
            (files / "00-all.network").write_text(catch_all)
        hosts.succeed("systemctl", "start", "systemd-networkd.service")

    yield start
    (files / "00-all.network").unlink(missing_ok=True)
    hosts.succeed("systemctl", "stop", "systemd-networkd.service", "systemd-networkd.socket")
