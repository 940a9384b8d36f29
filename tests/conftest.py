# SPDX-License-Identifier: MIT
"""Options and fixtures of all black-box tests."""

import functools
import os
import pathlib
import subprocess

import pytest

from covering import CASES
from namespace import Namespace
from starter import Starter


def pytest_addoption(parser):
    parser.addoption("--build", required=True, help="directory of the programs under test")


def pytest_configure():
    """As systemd runs what is tested; a user's may be another one."""
    os.umask(0o022)


def pytest_collection_modifyitems(config, items):
    """With CASES=one, the first case of every test function."""
    if CASES != "one":
        return
    first = {(item.path, item.originalname): item for item in reversed(items)}
    chosen = [item for item in items if item in first.values()]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen


@pytest.fixture(scope="session")
def build(request):
    return pathlib.Path(request.config.getoption("--build")).resolve()


@functools.cache
def missing(need):
    """What a test lacks on this machine, in a line with the reason; empty where it can run."""
    program = pathlib.Path(__file__).parent / "lib/surroundings"
    return subprocess.run([program, need], capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="session")
def skip_without():
    """Skips what asks for it unless the machine has what lib/surroundings calls by this name."""

    def skip(need):
        if reason := missing(need):
            pytest.skip(reason)

    return skip


@pytest.fixture
def namespace(skip_without):
    skip_without("networks")
    made = Namespace()
    yield made
    made.close()


class Network:
    """A host and a container, with the programs to run in either."""

    def __init__(self, build):
        self._build = build
        self.host = Namespace()
        self.container = Namespace(self.host)

    def close(self):
        self.container.close()
        self.host.close()

    def add_pair(self, host_link, container_link):
        """As systemd-nspawn leaves it: both ends there, both down."""
        self.host.ip(f"link add {host_link} type veth peer name {container_link} "
                     f"netns {self.container.pid}")

    def add_bridge(self, name="br0"):
        self.host.ip(f"link add {name} type bridge", f"link set {name} up")

    def container_init(self, variables, *arguments):
        return self.container.run(
            [self._build / "container-init", *(arguments or ["/bin/true"])], variables)

    def post_start(self, variables, *arguments):
        return self.host.run([self._build / "post-start", *arguments],
                             {"INSTANCE": "web", **variables})

    def pre_start(self, variables, *arguments):
        return self.host.run([self._build / "pre-start", *arguments],
                             {"INSTANCE": "web", **variables})


@pytest.fixture
def network(build, skip_without):
    skip_without("networks")
    made = Network(build)
    yield made
    made.close()


@pytest.fixture
def starter(network, build, tmp_path, skip_without):
    skip_without("mounts")
    made = Starter(network, build, tmp_path)
    yield made
    made.close()
