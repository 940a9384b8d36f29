# SPDX-License-Identifier: MIT
"""The Debian package on a Debian that has booted: installed, upgraded, removed and purged around a container."""

import pathlib
import re
import subprocess

import pytest

import debian
from waiting import wait_until

TREE = pathlib.Path(__file__).parents[2]
PROGRAMS = "/usr/libexec/container-init"
LOWER = "0.0.a"


def run(*command):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def package():
    path, = (TREE / "build/deb").glob("*.deb")
    return path


@pytest.fixture(scope="module")
def current(package):
    return run("dpkg-deb", "--field", package, "Version").strip()


@pytest.fixture(scope="module")
def older(package, current, tmp_path_factory):
    """The same with a lower version, also of its programs."""
    directory = tmp_path_factory.mktemp("older")
    run("dpkg-deb", "--raw-extract", package, directory / "tree")
    for path in [directory / "tree/DEBIAN/control", *(directory / "tree" / PROGRAMS[1:]).iterdir()]:
        content = path.read_bytes()
        assert current.encode() in content
        path.write_bytes(content.replace(current.encode(), LOWER.encode().ljust(len(current), b"0")))
    run("dpkg-deb", "--build", directory / "tree", directory / "older.deb")
    return directory / "older.deb"


@pytest.fixture
def host(build, package, older):
    run(TREE / "tests/lib/debian-root", TREE / "build/debian-root")
    binds = [f"--bind-ro={package}:/opt/current.deb", f"--bind-ro={older}:/opt/older.deb",
             f"--bind-ro={build}/tests/stage2:/opt/stage2"]
    with debian.booted(TREE / "build/debian-root", build / "start", binds) as booted:
        yield booted


CONTAINER = """\
mkdir -p /etc/containers /var/lib/containers/web/sbin /var/lib/containers/web/usr/bin
cp /opt/stage2 /var/lib/containers/web/sbin/init
cat >/etc/containers/web.conf <<'END'
HOST_ADDRESS=10.1.0.1
LOCAL_ADDRESS=10.1.0.2
RELOAD_COMMAND="/sbin/init report"
END
systemctl enable --now container@web
"""


def version(host):
    return host.output_of(f"{PROGRAMS}/start --version").split()[-1]


def leader(host):
    return host.output_of("machinectl show --property=Leader --value web").strip()


def shown(host, *properties):
    values = host.output_of(f"systemctl show --property={','.join(properties)} container@web").split()
    return dict(value.split("=", 1) for value in values)


def assert_running(host):
    assert shown(host, "ActiveState", "NeedDaemonReload") == {"ActiveState": "active", "NeedDaemonReload": "no"}
    assert "10.1.0.1/32" in host.output_of("ip -brief address show dev ve-web")


def journal(host):
    host.output_of("journalctl --sync")
    return host.output_of("journalctl --no-pager --output=cat --unit container@web")


def test_life_of_the_package(host, current):
    host.output_of("dpkg --install /opt/older.deb")
    assert re.fullmatch(LOWER + "0*", version(host))
    assert host.output_of("stat --format=%a /run/containers /var/lib/containers").split() == ["700", "700"]
    host.output_of(CONTAINER)
    first = leader(host)

    # The upgrade.
    host.output_of("dpkg --install /opt/current.deb")
    assert version(host) == current
    assert leader(host) == first
    assert_running(host)
    host.output_of("systemctl reload container@web")
    wait_until(lambda: "ns net" in journal(host))
    host.output_of("systemctl restart container@web")
    assert leader(host) != first
    assert_running(host)

    # The removal stops the container, and takes nothing of it away.
    host.output_of("dpkg --remove container-init")
    assert shown(host, "ActiveState", "LoadState") == {"ActiveState": "inactive", "LoadState": "not-found"}
    assert "Container web exited successfully." in journal(host)
    assert host.run(f"test -e {PROGRAMS}").returncode == 1
    host.output_of("dpkg --purge container-init")
    assert host.run("dpkg-query --show container-init").returncode == 1
    host.output_of("test -e /etc/containers/web.conf && test -e /var/lib/containers/web/sbin/init")

    host.output_of("dpkg --install /opt/current.deb")
    host.output_of("systemctl start container@web")
    assert_running(host)
    assert host.output_of("systemctl is-enabled container@web") == "enabled\n"
