# SPDX-License-Identifier: MIT
"""NixOS's containers: the units and files of tests/nixos/scenarios.nix, as systemd runs them beside a
store that has the programs. What is asserted is what nixos/tests/containers-*.nix assert."""

import contextlib
import errno
import os
import pathlib
import shutil
import stat

import pytest

from container import wait_until
from host import (DROP_INS, NIXOS, Machine, assert_reachable, assert_unreachable, run, seconds_to,
                  succeed)

CONFIGURATIONS = pathlib.Path("/etc/nixos-containers")
STATE = pathlib.Path("/var/lib/nixos-containers")
EPHEMERAL = pathlib.Path("/run/nixos-containers")
SYSTEM = pathlib.Path("/nix/store/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee-nixos-system")
PROFILES = pathlib.Path("/nix/var/nix/profiles/per-container")
ADDED = pathlib.Path("/run/added")


@pytest.fixture(scope="module", autouse=True)
def nixos():
    """Makes this host NixOS's, as far as containers are concerned: its template has the name of ours."""
    with contextlib.ExitStack() as undo:
        pathlib.Path("/nix").mkdir()
        undo.callback(os.rmdir, "/nix")
        succeed("mount", "--bind", NIXOS / "nix", "/nix")
        undo.callback(succeed, "umount", "/nix")
        shutil.copytree(NIXOS / "etc/nixos-containers", CONFIGURATIONS)
        undo.callback(shutil.rmtree, CONFIGURATIONS)
        hosts = pathlib.Path("/etc/hosts")
        undo.callback(hosts.write_text, hosts.read_text())
        hosts.write_text(hosts.read_text() + (NIXOS / "hosts").read_text())
        succeed("systemd-tmpfiles", "--create", NIXOS / "tmpfiles.conf")
        undo.callback(shutil.rmtree, EPHEMERAL)
        undo.callback(succeed, "systemctl", "daemon-reload")
        for unit in (NIXOS / "units").iterdir():
            undo.callback(pathlib.Path(shutil.copy(unit, DROP_INS)).unlink)
        succeed("systemctl", "daemon-reload")
        yield


@pytest.fixture
def machine(host):
    """Containers by name, with the addresses that scenarios.nix gives them."""
    made = []

    def make(name, **variables):
        made.append(Machine(name, variables))
        return made[-1]

    yield make
    for one in made:
        one.close()
    shutil.rmtree(STATE, ignore_errors=True)
    ADDED.unlink(missing_ok=True)


def pair(number):
    return {"HOST_ADDRESS": f"10.231.{number}.1", "LOCAL_ADDRESS": f"10.231.{number}.2"}


def mounts(container):
    """The kinds of the file systems in it, by path."""
    lines = (line.split() for line in container.inside("/proc/1/mounts").read_text().splitlines())
    return {line[1]: line[2] for line in lines}


def user_map(container):
    return pathlib.Path(f"/proc/{container.leader()}/uid_map").read_text().split()


ALL_USERS = ["0", "0", "4294967295"]


def assert_reload_asks_its_manager(container):
    """The containers here have none; nspawn/test_unit.py reloads one that has systemd."""
    assert run("systemctl", "reload", container.service).returncode != 0
    wait_until(lambda: f"reload: the service manager of container {container.name} does not answer"
               in container.journal(), pause=0.1)


@pytest.mark.emulated
def test_pair(host, machine):
    web = machine("pair", **pair(1))
    web.start()
    assert_reachable(host, web)
    assert host.pings("pair.containers")
    assert os.readlink(f"/proc/{web.leader()}/exe") == f"{SYSTEM}/init"
    assert mounts(web)["/sys/fs/cgroup"] == "cgroup2"
    assert user_map(web) == ALL_USERS
    assert ADDED.read_text() == "before\nafter\n"
    assert_reload_asks_its_manager(web)
    web.stop()
    assert_unreachable(host, web)


@pytest.fixture
def network_files(host, networkd):
    """The configuration's files of systemd-networkd, which runs, in the place of the file of this host."""
    directory = pathlib.Path("/etc/systemd/network")
    directory.mkdir(exist_ok=True)
    with contextlib.ExitStack() as undo:
        for installed in pathlib.Path("/usr").glob("**/lib/systemd/network/*-container-init.network"):
            undo.callback(installed.with_suffix(".away").rename, installed)
            installed.rename(installed.with_suffix(".away"))
        for file in (NIXOS / "network").iterdir():
            undo.callback(pathlib.Path(shutil.copy(file, directory)).unlink)
        networkd()
        wait_until(lambda: "br0" in host.links(), pause=0.1)
        undo.callback(host.ip, "link delete br0")
        yield


def treated(host, link):
    """What systemd-networkd does with a link, and by which file: lines of its state."""
    state = pathlib.Path("/run/systemd/netif/links", str(host.link(link)["ifindex"]))
    return state.read_text().splitlines() if state.exists() else []


def test_a_file_of_the_configuration_serves_a_link(host, network_files, machine):
    """systemd.network.networks; without one, networkd leaves the link alone by a file of the module."""
    host.ip("link set br0 up", "address add 192.168.0.1/24 dev br0")
    host.add_bridge("br1", "192.168.1.1/24")
    web, bridged = machine("pair", **pair(1)), machine("bridged")
    web.start()
    bridged.start()
    wait_until(lambda: "NETWORK_FILE=/etc/systemd/network/50-vb-bridged.network" in treated(host, "vb-bridged"),
               pause=0.2)
    wait_until(lambda: "ADMIN_STATE=unmanaged" in treated(host, "ve-pair"), pause=0.2)
    wait_until(lambda: "isolated on" in run("bridge", "-d", "link", "show", "dev", "vb-bridged").stdout, pause=0.2)
    assert_reachable(host, web)
    assert host.pings("192.168.0.100")


def test_ipv6_in_the_options_of_ipv4(host, machine):
    web = machine("pair6", HOST_ADDRESS="fc00::2", LOCAL_ADDRESS="fc00::1")
    web.start()
    assert_reachable(host, web)
    assert (host.link("ve-pair6")["mtu"], web.network().link("eth0")["mtu"]) == (1400, 1400)


def test_bridge_and_extra_pairs(host, machine):
    host.add_bridge("br0", "192.168.0.1/24", "fc00::1/7")
    host.add_bridge("br1", "192.168.1.1/24")
    web = machine("bridged")
    web.start()
    everywhere = ["192.168.0.100", "fc00::2", "192.168.1.100", "192.168.2.100"]
    assert host.pings(*everywhere)
    inside = web.network()
    assert inside.pings("192.168.0.1", "fc00::1", "192.168.2.1")
    assert ("default", "192.168.0.1", "eth0") in inside.routes()
    for link in "veth1", "veth2":
        assert (host.link(link)["operstate"], inside.link(link)["operstate"]) == ("UP", "UP")
    assert host.link("veth1")["master"] == "br1"
    # The bridge gets another port, and loses it.
    neighbour = host.add_neighbour("lan0", "192.168.0.7/24")
    host.ip("link set lan0 master br0")
    assert neighbour.run(["ping", "-c1", "-W10", "192.168.0.100"]).returncode == 0
    host.ip("link set lan0 nomaster")
    assert host.pings("192.168.0.100") and inside.pings("192.168.0.1")
    web.stop()
    assert host.misses(*everywhere)


def test_ephemeral(host, machine):
    web = machine("scratch", **pair(2))
    web.start()
    assert_reachable(host, web)
    root = EPHEMERAL / "scratch"
    assert root.exists() and not (STATE / "scratch").exists()
    assert stat.S_IMODE(EPHEMERAL.stat().st_mode) == 0o700
    web.inside("/written").write_text("gone at the end")
    assert not (root / "written").exists()
    web.stop()
    assert list(EPHEMERAL.iterdir()) == []


CAP_SYS_CHROOT, CAP_NET_ADMIN, CAP_SYS_TIME = 18, 12, 25


def test_capabilities_and_tmpfs(machine):
    web = machine("capable")
    web.start()
    status = pathlib.Path(f"/proc/{web.leader()}/status").read_text()
    effective = int(status.partition("CapEff:\t")[2].partition("\n")[0], 16)
    assert [effective >> capability & 1 for capability in (CAP_NET_ADMIN, CAP_SYS_TIME, CAP_SYS_CHROOT)] == [1, 1, 0]
    assert "/dev/net/tun rwm" in web.property("DeviceAllow")
    found = mounts(web)
    root = STATE / "capable"
    for path in "/var", "/var/log", "/some/random/path":
        assert found[path] == "tmpfs"
        (web.inside(path) / "inside").touch()
        assert not (root / path[1:] / "inside").exists()
    (web.inside("/root") / "inside").touch()
    assert (root / "root/inside").exists()
    (root / "var/outside").touch()
    assert not web.inside("/var/outside").exists()


MOUNT = """
[Mount]
What=tmpfs
Type=tmpfs
Where=/srv/data
"""


@pytest.fixture
def data():
    """A mount that is there once somebody needs it, and files beside it."""
    files = pathlib.Path("/srv/my files")
    files.mkdir()
    unit = DROP_INS / "srv-data.mount"
    unit.write_text(MOUNT)
    succeed("systemctl", "daemon-reload")
    yield files
    run("systemctl", "stop", unit.name)
    unit.unlink()
    succeed("systemctl", "daemon-reload")
    shutil.rmtree(files)
    pathlib.Path("/srv/data").rmdir()


def test_bind_mounts(data, machine):
    """What they need is mounted first, and the container ends with it."""
    web = machine("mounts")
    web.start()
    assert pathlib.Path("/srv/data").is_mount()
    with pytest.raises(OSError) as refused:
        (web.inside("/srv/data") / "file").touch()
    assert refused.value.errno == errno.EROFS
    (web.inside("/it's here") / "file").touch()
    assert (data / "file").exists()
    succeed("systemctl", "stop", "srv-data.mount")
    assert web.state() == "inactive"


def test_interface_and_macvlan(host, machine):
    """Its unit waits for the device's."""
    nic = host.add_neighbour("nic0", "10.10.0.1/24")
    host.add_neighbour("lan0", "10.11.0.1/24")
    web = machine("links")
    assert seconds_to(web.start) < 45
    assert "sys-subsystem-net-devices-nic0.device" in web.property("Wants")
    inside = web.network()
    assert inside.links() == {"nic0", "mv-lan0"}
    inside.ip("link add br0 type bridge", "link set nic0 master br0 up", "link set br0 up",
              "address add 10.10.0.2/24 dev br0",
              "link set mv-lan0 up", "address add 10.11.0.2/24 dev mv-lan0")
    assert inside.pings("10.10.0.1", "10.11.0.1")
    assert nic.run(["ping", "-c1", "-W10", "10.10.0.2"]).returncode == 0


def test_long_names(host, machine):
    first = machine("really-long-name", **pair(4))
    second = machine("really-long-long-name-2", **pair(5))
    for one in first, second:
        one.start()
    assert {"ve-really-l3QgY", "ve-really-lFYWO"} <= host.links()
    for one in first, second:
        assert_reachable(host, one)


def test_private_users(host, machine):
    web = machine("users", **pair(3))
    web.start()
    assert_reachable(host, web)
    assert user_map(web) != ALL_USERS


def create(name, **variables):
    """What nixos-container create leaves: a file of variables, a profile and a root."""
    lines = [f"{key}={value}\n" for key, value in {"PRIVATE_NETWORK": "1", **variables}.items()]
    (CONFIGURATIONS / f"{name}.conf").write_text("".join(lines))
    (PROFILES / name).mkdir(parents=True)
    (PROFILES / name / "system").symlink_to(SYSTEM)
    (STATE / name / "etc").mkdir(parents=True)


@pytest.fixture
def imperative(machine):
    """Makes containers as nixos-container create does."""
    names = []

    def make(name, **variables):
        names.append(name)
        create(name, **variables)
        return machine(name, **variables)

    yield make
    for name in names:
        (CONFIGURATIONS / f"{name}.conf").unlink()
        shutil.rmtree(PROFILES / name)


def test_imperative(host, imperative, machine):
    """Of the template; beside each other, and again."""
    foo = imperative("foo-0", **pair(6))
    bar = imperative("foo-1", **pair(7), EXTRA_NSPAWN_FLAGS="--setenv=A='b'")
    foo.start()
    bar.start()
    for one in foo, bar:
        assert_reachable(host, one)
        assert user_map(one) == ALL_USERS
    environment = pathlib.Path(f"/proc/{bar.leader()}/environ").read_text().split("\0")
    assert "A='b'" in environment, "quotes are literal there, as for the scripts"
    foo.stop()
    assert_unreachable(host, foo)
    foo.start()
    assert_reachable(host, foo)
    assert_reload_asks_its_manager(foo)
