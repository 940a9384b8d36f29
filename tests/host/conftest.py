# SPDX-License-Identifier: MIT
"""Tests on a whole systemd host, which tests/host/run boots."""

import contextlib
import pathlib
import time

import pytest

pytest.register_assert_rewrite("host")  # what it asserts is shown in full, too
import host as hosts


collect_ignore = [] if hosts.NIXOS.exists() else ["test_nixos.py"]


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
    """Runs it, with a file of an administrator's where that is asked for."""
    with contextlib.ExitStack() as undo:

        def start(text="", name="10-all.network"):
            files = pathlib.Path("/run/systemd/network")
            files.mkdir(exist_ok=True)
            if text:
                (files / name).write_text(text)
                undo.callback((files / name).unlink)
            hosts.succeed("systemctl", "start", "systemd-networkd.service")
            return files / name

        yield start
    hosts.succeed("systemctl", "stop", "systemd-networkd.service", "systemd-networkd.socket")
