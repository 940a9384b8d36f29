# SPDX-License-Identifier: MIT
"""A host with networkd: its containers come with it, and stay while its systemd is upgraded."""

import shutil
import signal
import subprocess

import pytest

import debian
import roots
from roots import run, write
from waiting import LONG, wait_until

# A bridge of networkd's, and a file for every link, as many hosts have one, with the line of
# container-hooks(8) that leaves the containers' out.
NETWORKD = {
    "10-br0.netdev": "[NetDev]\nName=br0\nKind=bridge\n",
    "20-br0.network": "[Match]\nName=br0\n[Network]\nAddress=10.2.0.1/24\nAddress=fd02::1/64\n"
                      "ConfigureWithoutCarrier=yes\n",
    "30-all.network": "[Match]\nType=ether\nProperty=!CONTAINER_INIT=1\n[Network]\nDHCP=yes\n",
}
CONTAINERS = {
    "web": {"HOST_ADDRESS": "10.1.0.1", "LOCAL_ADDRESS": "10.1.0.2",
            "HOST_ADDRESS6": "fd01::1", "LOCAL_ADDRESS6": "fd01::2"},
    "db": {"HOST_BRIDGE": "br0", "LOCAL_ADDRESS": "10.2.0.2/24", "LOCAL_ADDRESS6": "fd02::2/64"},
}
PACKAGES_OF_SYSTEMD = """\
dpkg-query --show --showformat='${source:Package} ${Package}\\n' | sed -n 's/^systemd //p'
"""


@pytest.fixture
def root(build, tmp_path):
    """Its containers are enabled."""
    made = tmp_path / "root"
    roots.make(made, "host", build)
    for name, text in NETWORKD.items():
        write(made / "etc/systemd/network" / name, text)
    for name, variables in CONTAINERS.items():
        roots.add_container(made, name, build)
        write(made / f"etc/containers/{name}.conf", "".join(f"{key}={value}\n" for key, value in variables.items()))
        run("systemctl", f"--root={made}", "enable", f"container@{name}")
    run("systemctl", f"--root={made}", "enable", "systemd-networkd")
    yield made
    shutil.rmtree(made)


@pytest.fixture
def packages(root):
    """Those that Debian makes of systemd, as they are installed: dpkg(1) does the same with newer ones."""
    directory = root / "opt/packages"
    directory.mkdir()
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    run("chroot", root, "apt-get", "-o", "Acquire::Check-Valid-Until=false", "update")
    run("chroot", root, "sh", "-ec", f"cd /opt/packages; apt-get download $({PACKAGES_OF_SYSTEMD})")
    assert len(list(directory.glob("systemd*.deb"))) >= 2
    return "/opt/packages"


def leaders(host):
    return {name: host.output_of(f"machinectl show --value --property=Leader {name}").strip() for name in CONTAINERS}


def main_process(host, unit):
    return host.output_of(f"systemctl show --value --property=MainPID {unit}").strip()


def addresses():
    return [variables[key].partition("/")[0] for variables in CONTAINERS.values()
            for key in ("LOCAL_ADDRESS", "LOCAL_ADDRESS6")]


def assert_up(host):
    """Without anybody's doing."""
    for name in CONTAINERS:
        wait_until(lambda: host.run(f"systemctl is-active container@{name}").stdout.strip() != "activating", pause=0.1)
        assert host.output_of(f"systemctl is-active container@{name}") == "active\n"
    # The bridge's own IPv6 address is usable once the kernel has looked for duplicates.
    for address in addresses():
        wait_until(lambda: host.succeeds(f"ping -c1 -W5 {address}"), pause=0.1)
    assert_unmanaged(host)


def assert_unmanaged(host):
    for link in ("ve-web", "vb-db"):
        assert "unmanaged" in host.output_of(f"networkctl --no-pager --no-legend list {link}")


def asking(host, address):
    """A process on the host that sends ten packets a second, and counts the answers."""
    return subprocess.Popen(["nsenter", "--net", "--target", str(host.leader), "--", "ping", "-i0.1", "-q", address],
                            stdout=subprocess.PIPE, text=True)


def are_answered(process):
    """All but one at most, which may be on its way at the end. A link that is taken down loses ten a second."""
    process.send_signal(signal.SIGINT)
    counts = process.communicate(timeout=LONG)[0].partition("statistics")[2]
    sent, received = (int(count.split()[0]) for count in counts.splitlines()[1].split(", ")[:2])
    return sent - received <= 1 and received > 10


def test_boot_upgrade_and_boot(root, packages):
    with debian.running_as_a_machine(root) as (host, system):
        assert_up(host)
        before = leaders(host)
        networkd = main_process(host, "systemd-networkd")
        ping = [asking(host, address) for address in addresses()]
        host.output_of(f"DEBIAN_FRONTEND=noninteractive dpkg --install {packages}/*.deb")
        assert main_process(host, "systemd-networkd") != networkd
        assert leaders(host) == before
        assert_up(host)
        assert all([are_answered(process) for process in ping])
        host.run("systemctl poweroff")
        system.wait(LONG)

    with debian.running_as_a_machine(root) as (host, _):
        assert_up(host)

    # The power failed.
    with debian.running_as_a_machine(root) as (host, _):
        assert_up(host)
