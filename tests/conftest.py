"""Options and fixtures of all black-box tests."""

import pathlib

import pytest

from namespace import Namespace
from starter import Starter


def pytest_addoption(parser):
    parser.addoption("--build", required=True, help="directory of the programs under test")


@pytest.fixture(scope="session")
def build(request):
    return pathlib.Path(request.config.getoption("--build")).resolve()


@pytest.fixture
def namespace():
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
def network(build):
    made = Network(build)
    yield made
    made.close()


@pytest.fixture
def starter(network, build, tmp_path):
    made = Starter(network, build, tmp_path)
    yield made
    made.close()
