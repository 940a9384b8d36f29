# SPDX-License-Identifier: MIT
"""The packages on systems that have booted: installed, upgraded, and removed around a container.

The RPM has a Debian with rpm(8) for its system, where nothing else is of that format: its dependencies
are not looked for there.
"""

import os
import pathlib
import re
import subprocess

import pytest

import debian

TREE = pathlib.Path(__file__).parents[2]
PROGRAMS = "/usr/libexec/container-init"
LOWER = "0.0.a"

# The root of each suite, and what it has beside systemd; that of bookworm is the one of `make check`.
ROOTS = {"bookworm": ("debian-root", ""), "trixie": ("debian-root-trixie", "rpm")}


def run(*command, **options):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True,
                          **options).stdout


def lower_version(programs, version):
    for path in programs.iterdir():
        content = path.read_bytes()
        assert version.encode() in content
        path.write_bytes(content.replace(version.encode(), LOWER.encode().ljust(len(version), b"0")))


class Deb:
    name = "deb"
    upgrade = install = "dpkg --install"
    remove = "dpkg --remove container-init"
    purge = "dpkg --purge container-init"
    is_known = "dpkg-query --show container-init"
    verify = "dpkg --verify container-init"

    @staticmethod
    def version(package):
        return run("dpkg-deb", "--field", package, "Version").strip()

    @staticmethod
    def make_older(package, version, directory):
        """The same with a lower version."""
        run("dpkg-deb", "--raw-extract", package, directory / "tree")
        control = directory / "tree/DEBIAN/control"
        control.write_text(control.read_text().replace(f"Version: {version}", f"Version: {LOWER}"))
        lower_version(directory / "tree" / PROGRAMS[1:], version)
        run("dpkg-deb", "--build", directory / "tree", directory / "older.deb")
        return directory / "older.deb"


class Rpm:
    name = "rpm"
    install = "rpm --nodeps --install"
    upgrade = "rpm --nodeps --upgrade"
    remove = "rpm --erase container-init"
    purge = "true"
    is_known = "rpm --query container-init"
    verify = "rpm --verify --nodeps container-init"

    @staticmethod
    def version(package):
        return run("rpm", "--query", "--package", "--queryformat=%{VERSION}", package)

    @staticmethod
    def make_older(package, version, directory):
        """Packed anew: nothing changes the contents of an RPM."""
        run("make", "-C", TREE, "install", f"DESTDIR={directory}/tree", "PREFIX=/usr")
        lower_version(directory / "tree" / PROGRAMS[1:], version)
        run(TREE / "hooks/rpm/build", LOWER, directory / "tree", directory,
            env={"CXX": "g++", **os.environ, "SOURCE_DATE_EPOCH": "0"})
        older, = directory.glob("*.rpm")
        return older


@pytest.fixture(scope="module", params=[("bookworm", Deb), ("trixie", Deb), ("trixie", Rpm)],
                ids=lambda case: f"{case[1].name}-{case[0]}")
def case(request):
    return request.param


@pytest.fixture(scope="module")
def manager(case):
    return case[1]


@pytest.fixture(scope="module")
def package(manager):
    path, = (TREE / "build" / manager.name).glob(f"*.{manager.name}")
    return path


@pytest.fixture(scope="module")
def current(manager, package):
    return manager.version(package)


@pytest.fixture(scope="module")
def older(manager, package, current, tmp_path_factory):
    return manager.make_older(package, current, tmp_path_factory.mktemp("older"))


@pytest.fixture
def host(case, build, package, older):
    suite, _ = case
    name, packages = ROOTS[suite]
    root = TREE / "build" / name
    run(TREE / "tests/lib/debian-root", root, packages, env={**os.environ, "SUITE": suite})
    binds = [f"--bind-ro={package}:/opt/current", f"--bind-ro={older}:/opt/older",
             f"--bind-ro={build}/tests/stage2:/opt/stage2"]
    with debian.booted(root, build / "start", binds, debian.AS_A_MACHINE) as booted:
        yield booted


CONTAINER = """\
mkdir -p /etc/containers /var/lib/containers/web/sbin /var/lib/containers/web/usr/bin
cp /opt/stage2 /var/lib/containers/web/sbin/init
cat >/etc/containers/web.conf <<'END'
HOST_ADDRESS=10.1.0.1
LOCAL_ADDRESS=10.1.0.2
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


def assert_running(host, address="10.1.0.1"):
    assert shown(host, "ActiveState", "NeedDaemonReload") == {"ActiveState": "active", "NeedDaemonReload": "no"}
    assert host.output_of("ip -brief -4 address show dev ve-web").split()[2:] == [f"{address}/32"]


def local_addresses(host):
    """Of the container's end."""
    return host.output_of(f"nsenter --net --target {leader(host)} ip -brief -4 address show dev eth0").split()[2:]


def journal(host):
    host.output_of("journalctl --sync")
    return host.output_of("journalctl --no-pager --output=cat --unit container@web")


def test_life_of_the_package(host, manager, current):
    host.output_of(f"{manager.install} /opt/older")
    assert re.fullmatch(LOWER + "0*", version(host))
    assert host.output_of("stat --format=%a /run/containers /var/lib/containers").split() == ["700", "700"]
    host.output_of(CONTAINER)
    first = leader(host)

    # The upgrade.
    host.output_of(f"{manager.upgrade} /opt/current")
    assert version(host) == current
    assert host.output_of(manager.verify) == ""
    assert leader(host) == first
    assert_running(host)
    host.output_of("sed -i s/10.1.0/10.2.0/ /etc/containers/web.conf && systemctl reload container@web")
    assert leader(host) == first
    assert_running(host, "10.2.0.1")
    assert local_addresses(host) == ["10.2.0.2/32"]
    host.output_of("systemctl restart container@web")
    assert leader(host) != first
    assert_running(host, "10.2.0.1")

    # The removal stops the container, and takes nothing of it away.
    host.output_of(manager.remove)
    assert shown(host, "ActiveState", "LoadState") == {"ActiveState": "inactive", "LoadState": "not-found"}
    assert "Container web exited successfully." in journal(host)
    assert host.run(f"test -e {PROGRAMS}").returncode == 1
    host.output_of(manager.purge)
    assert host.run(manager.is_known).returncode == 1
    host.output_of("test -e /etc/containers/web.conf && test -e /var/lib/containers/web/sbin/init")

    host.output_of(f"{manager.install} /opt/current")
    host.output_of("systemctl start container@web")
    assert_running(host, "10.2.0.1")
    assert host.output_of("systemctl is-enabled container@web") == "enabled\n"
