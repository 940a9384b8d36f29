"""The unit as it is installed, on a systemd host: from the first start to a reload."""

import contextlib
import pathlib
import random
import shlex
import signal
import subprocess

import pytest

import debian
import namespace
from container import library_binds, wait_until

REGISTERED = "/run/systemd/machines"
ADDRESSES = "HOST_ADDRESS=10.1.0.1\nLOCAL_ADDRESS=10.1.0.2\n"
# A root that holds nothing but these links and stage 2 is Debian's, as far as programs go.
USR = "--bind-ro=/usr"
POWER_OFF = signal.SIGRTMIN + 4
# A process in two PID namespaces, as reload is, is waited for in vain by what looks for its leaks.
NO_LEAK_CHECK = " ".join(f"{name}={value}" for name, value in namespace.NO_LEAK_CHECK.items())
LOCALE = "export LC_ALL=C; "


@pytest.fixture(scope="module")
def host(tmp_path_factory, debian_root, build):
    destination = tmp_path_factory.mktemp("installed")
    repository = pathlib.Path(__file__).parents[2]
    sanitize = ["SANITIZE=1"] if build.name == "sanitize" else []
    subprocess.run(["make", "-C", repository, "install", f"DESTDIR={destination}",
                    "PREFIX=/usr/local", *sanitize], check=True, capture_output=True)
    with debian.booted(debian_root, build / "start", [
            f"--bind-ro={destination}/usr/local:/usr/local",
            f"--bind-ro={build}/tests:/opt/tests"]) as booted:
        yield booted


class Containers:
    """Containers by their configuration, on the host."""

    def __init__(self, host, libraries):
        self.host = host
        self._libraries = libraries
        self._names = []

    def configure(self, name, text, flags=()):
        self._names.append(name)
        extra = " ".join([*flags, *self._libraries])
        root = f"/var/lib/containers/{name}"
        self.host.output_of(
            f"mkdir -p /etc/containers {root}/usr\n"
            f"for link in bin sbin lib lib64; do ln -sfn usr/$link {root}/$link; done\n"
            f"cp /opt/tests/stage2 {root}/stage2\n"
            f"cat >/etc/containers/{name}.conf <<'END'\n{NO_LEAK_CHECK}\nSTAGE2=/stage2\n"
            f"EXTRA_NSPAWN_FLAGS={extra}\n{text}\nEND\n")

    def systemctl(self, verb, name="web"):
        return self.host.run(f"{LOCALE}systemctl {verb} container@{name}")

    def start(self, name="web", verb="start"):
        done = self.systemctl(verb, name)
        assert done.returncode == 0, self.journal(name)

    def property(self, name, container="web"):
        return self.host.output_of(
            f"systemctl show --property={name} --value container@{container}").strip()

    def journal(self, name="web"):
        self.host.output_of("journalctl --sync")  # the last lines may be on their way
        return self.host.output_of(f"journalctl --no-pager --output=cat --unit container@{name}")

    def leader(self, name="web"):
        return self.host.output_of(f"machinectl show --property=Leader --value {name}").strip()

    def remove(self):
        for name in self._names:
            self.systemctl("stop", name)
            wait_until(lambda: not self.host.succeeds(f"test -e {REGISTERED}/{name}"))
            self.host.run(f"rm -rf /etc/containers/{name}.conf /var/lib/containers/{name}")
        self.host.run("systemctl reset-failed; journalctl --rotate --vacuum-time=1us")


@pytest.fixture
def containers(host, build, debian_root):
    made = Containers(host, library_binds(build / "container-init", pathlib.Path("/nonexistent"))
                      if library_binds(build / "container-init", debian_root) else [])
    yield made
    made.remove()


def test_unit_is_sound(host):
    found = host.run("systemd-analyze verify container@web.service").stderr.splitlines()
    assert [line for line in found if "'man " not in line] == []  # no manual is installed there


def test_start_restart_and_stop(containers):
    containers.configure("web", ADDRESSES)
    host = containers.host
    containers.start()
    for _ in range(2):
        assert host.succeeds(f"test -e {REGISTERED}/web")
        assert host.running("/usr/bin/systemd-nspawn") != []
        assert host.output_of("ip route show 10.1.0.2").startswith("10.1.0.2 dev ve-web")
        wait_until(lambda: "LOWER_UP" in host.output_of("ip link show dev ve-web"))
        containers.start(verb="restart")
    assert containers.systemctl("stop").returncode == 0
    assert containers.property("Result") == "success"
    assert not host.succeeds("ip link show dev ve-web")
    assert host.running("/usr/local/libexec/container-init") == []


def test_address_of_another_container(containers):
    containers.configure("db", ADDRESSES)
    containers.configure("web", ADDRESSES)
    containers.start("db")
    assert containers.systemctl("start").returncode != 0
    assert ("start: cannot add route 10.1.0.2 dev ve-web: File exists: 10.1.0.2 already leads to "
            "ve-db\n") in containers.journal()
    assert containers.property("ActiveState", "db") == "active"


def test_faulty_configuration_is_tried_once(containers):
    containers.configure("web", "LOCAL_ADDRESS=10.1.0.256\nHOST_PORT=http\nRELOAD_COMMAND=true")
    assert containers.systemctl("start").returncode != 0
    assert containers.property("ExecMainStatus") == "78"
    assert containers.property("NRestarts") == "0"
    assert containers.property("ActiveState") == "failed"
    journal = containers.journal()
    for variable in ("LOCAL_ADDRESS", "HOST_PORT", "RELOAD_COMMAND"):
        assert journal.count(f"pre-start: {variable}=") == 1


def test_container_without_a_configuration(containers):
    assert containers.systemctl("start", "none").returncode != 0
    assert not containers.host.succeeds("test -e /var/lib/containers/none")


def test_configuration_of_nixos(containers):
    containers.configure("web", ADDRESSES)
    with contextlib.ExitStack() as undone:
        containers.host.output_of("mkdir /etc/nixos-containers && "
                                  "mv /etc/containers/web.conf /etc/nixos-containers")
        undone.callback(containers.host.run, "rm -r /etc/nixos-containers")
        containers.start()
        assert containers.host.succeeds("ip link show dev ve-web")


def fields(text):
    return dict(line.split(":\t") for line in text.splitlines())


def capabilities(host, process):
    return fields(host.output_of(f"grep Cap /proc/{process}/status"))


USERS = pytest.mark.parametrize("users", ["no", "pick"])
PRINT_ALL = ("grep Cap /proc/self/status; for name in cgroup ipc mnt net pid user uts; do "
             "readlink /proc/self/ns/$name; done; ls /proc/self/fd")


@USERS
def test_reload(containers, users):
    command = f"/bin/sh -c '{PRINT_ALL}'"
    containers.configure(
        "web", f"{ADDRESSES}PRIVATE_USERS={users}\nRELOAD_COMMAND={command}", [USR])
    host = containers.host
    containers.start()
    assert containers.systemctl("reload").returncode == 0, containers.journal()
    found = host.output_of(
        f"export {NO_LEAK_CHECK} INSTANCE=web RELOAD_COMMAND={shlex.quote(command)}\n"
        "/usr/local/libexec/container-init/reload").splitlines()
    own = fields("\n".join(line for line in found if line.startswith("Cap")))
    allowed = capabilities(host, containers.leader())["CapBnd"]
    assert own["CapBnd"] == own["CapPrm"] == own["CapEff"] == allowed
    assert allowed != capabilities(host, 1)["CapBnd"]
    namespaces = {line.partition(":")[0]: line for line in found if ":[" in line}
    assert len(namespaces) == 7
    for kind, line in namespaces.items():
        assert line == host.output_of(f"readlink /proc/{containers.leader()}/ns/{kind}").strip()
    assert [line for line in found if line.isdigit()] == ["0", "1", "2", "3"]


@pytest.mark.parametrize("status", [1, 75])
def test_reload_that_fails(containers, status):
    containers.configure("web", f"RELOAD_COMMAND=/stage2 exit {status}")
    containers.start()
    assert containers.systemctl("reload").returncode != 0
    assert f"status={status}" in containers.journal()
    assert containers.property("ActiveState") == "active"


def test_reload_of_a_container_with_nothing_in_it(containers):
    """The program that it runs is all that is needed."""
    containers.configure("web", "RELOAD_COMMAND=/stage2 report 'a b' c")
    containers.start()
    assert containers.systemctl("reload").returncode == 0
    journal = containers.journal()
    for line in ("arg a b", "arg c", "env HOME=/root", "cwd /"):
        assert f"{line}\n" in journal
    assert "env INSTANCE" not in journal


def test_stop_at_any_moment(containers):
    """Of a start that may not be done yet. A stop that is lost lasts until TimeoutStopSec= is over."""
    containers.configure("web", ADDRESSES)
    order = random.Random(1)
    for _ in range(15):
        moment = order.uniform(0, 0.2)
        containers.host.output_of(f"systemctl start --no-block container@web; sleep {moment:.3f}")
        assert containers.systemctl("stop").returncode == 0
        assert containers.property("Result") != "timeout", f"at {moment:.3f} s: {containers.journal()}"
        assert containers.property("ActiveState") in ("inactive", "failed")


def test_reboot_and_power_off(containers):
    containers.configure("web", ADDRESSES)
    containers.start()
    first = containers.leader()
    containers.host.output_of(f"kill -{POWER_OFF + 1} {first}")
    wait_until(lambda: containers.property("NRestarts") == "1"
               and containers.property("ActiveState") == "active", pause=0.05)
    second = containers.leader()
    assert second != first
    assert containers.host.succeeds("ip link show dev ve-web")
    containers.host.output_of(f"kill -{POWER_OFF} {second}")
    wait_until(lambda: containers.property("ActiveState") == "inactive", pause=0.05)
    assert containers.property("Result") == "success"
