# SPDX-License-Identifier: MIT
"""The host that is tested, and the containers that its units run, both looked at from outside."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

from namespace import Namespace
from waiting import LONG

PROGRAMS = pathlib.Path("/usr/local/libexec/container-init")
CONFIGURATIONS = pathlib.Path("/etc/containers")
ROOTS = pathlib.Path("/var/lib/containers")
# What tests/nixos/write-host made, if there is a nixpkgs tree.
NIXOS = pathlib.Path("/opt/check/nixos")
DROP_INS = pathlib.Path("/run/systemd/system")
CGROUPS = pathlib.Path("/sys/fs/cgroup")

PAIR = {"HOST_ADDRESS": "10.1.0.1", "LOCAL_ADDRESS": "10.1.0.2",
        "HOST_ADDRESS6": "fd01::1", "LOCAL_ADDRESS6": "fd01::2"}

# Of stage2 and of systemd.
POWER_OFF = signal.SIGRTMIN + 4
REBOOT = signal.SIGRTMIN + 5


def pair(number):
    """The addresses of one of many containers."""
    return {"HOST_ADDRESS": "10.1.0.1", "LOCAL_ADDRESS": f"10.{1 + number // 256}.{number % 256}.2",
            "HOST_ADDRESS6": "fd01::1", "LOCAL_ADDRESS6": f"fd01:{number}::2"}


def run(*command, **options):
    options = {"capture_output": True, "text": True, "timeout": LONG, "stdin": subprocess.DEVNULL,
               **options}
    return subprocess.run([str(word) for word in command], **options)


def succeed(*command, **options):
    done = run(*command, **options)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


class View(Namespace):
    """A network namespace of somebody else's."""

    def __init__(self, *enter):
        self.enter = list(enter)

    def close(self):
        pass

    def pings(self, *addresses):
        """Whether each of them answers, and to the first packet."""
        return all(self.run(["ping", "-c1", "-W10", address]).returncode == 0
                   for address in addresses)

    def misses(self, *addresses):
        """Whether none of them answers."""
        return not any(self.run(["ping", "-c1", "-W1", address]).returncode == 0
                       for address in addresses)


class Host(View):
    """Undoes at its end what a test adds to it."""

    def __init__(self):
        super().__init__()
        self._undo = contextlib.ExitStack()

    def close(self):
        self._undo.close()

    def add_bridge(self, name, *addresses):
        self.ip(f"link add {name} type bridge", f"link set {name} up",
                *(f"address add {address} dev {name}{' nodad' if ':' in address else ''}"
                  for address in addresses))
        self._undo.callback(run, "ip", "link", "delete", name)

    def add_neighbour(self, link, *addresses):
        """Another machine, behind a veth link of that name; the host's end has no addresses yet."""
        neighbour = Namespace(View())
        self._undo.callback(neighbour.close)
        self.ip(f"link add {link} type veth peer name eth0 netns {neighbour.pid}",
                f"link set {link} up")
        self._undo.callback(run, "ip", "link", "delete", link)
        neighbour.ip("link set lo up", "link set eth0 up",
                     *(f"address add {address} dev eth0{' nodad' if ':' in address else ''}"
                       for address in addresses))
        return neighbour

    def traces(self):
        """All that a container must not leave behind, as text to compare."""
        mounts = sorted(line.split()[4] for line in pathlib.Path("/proc/self/mountinfo").open())
        return {"network": self.state(), "mounts": mounts, "processes": sorted(processes()),
                "machines": sorted(path.name for path in directory("/run/systemd/machines")),
                "cgroups": sorted(str(path) for path in directory(CGROUPS / "machine.slice")
                                  if path.is_dir()),
                # systemd-nspawn leaves its lock file when it is killed, and takes it again.
                "roots": sorted(path.name for path in directory(ROOTS) if path.suffix != ".lck")}

    def settled(self, wanted):
        """The traces, once they are as wanted or stay otherwise: links outlive processes."""
        deadline = time.monotonic() + 10
        while (found := self.traces()) != wanted and time.monotonic() < deadline:
            time.sleep(0.1)
        return found


def directory(path):
    path = pathlib.Path(path)
    return list(path.iterdir()) if path.exists() else []


def processes():
    """What runs of the project and of systemd-nspawn."""
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            program = os.readlink(process / "exe")
            if program.startswith(str(PROGRAMS)) or "nspawn" in program or "machine.slice" in (
                    process / "cgroup").read_text():
                yield f"{process.name} {program}"


def journal(since):
    """The end of what the units printed, and systemd, machined and the kernel beside them."""
    run("journalctl", "--sync")
    printed = run("journalctl", "--no-pager", "--output=short-monotonic", "--no-hostname",
                  "--since", f"@{since:.6f}").stdout
    return "".join(printed.splitlines(keepends=True)[-150:])


class Machine:
    """container@NAME.service, which is there, and what runs in it."""

    def __init__(self, name, variables):
        self.name = name
        self.service = f"container@{name}.service"
        self.variables = variables
        self.since = time.time()
        self._undo = contextlib.ExitStack()

    def close(self):
        if self.state() not in ("inactive", "failed"):
            run("systemctl", "stop", self.service)
        self.forget()
        self._undo.close()

    def undo_with(self, callback, *arguments):
        """What must be done before the root is removed."""
        self._undo.callback(callback, *arguments)

    def drop_in(self, *lines):
        """Settings of the service for this container."""
        path = DROP_INS / f"{self.service}.d" / "test.conf"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("[Service]\n" + "".join(f"{line}\n" for line in lines))
        succeed("systemctl", "daemon-reload")

        def remove():
            path.unlink()
            succeed("systemctl", "daemon-reload")

        self._undo.callback(remove)

    # The service

    def forget(self):
        """Lets systemd start it any number of times in a short time."""
        run("systemctl", "reset-failed", self.service)

    def try_start(self, verb="start"):
        return run("systemctl", verb, self.service)

    def start(self, verb="start"):
        self.forget()
        done = self.try_start(verb)
        assert done.returncode == 0, done.stderr
        assert self.state() == "active"

    def start_soon(self):
        self.forget()
        succeed("systemctl", "start", "--no-block", self.service)

    def stop(self):
        succeed("systemctl", "stop", self.service)
        assert (self.state(), self.property("Result")) == ("inactive", "success")

    def property(self, key):
        return succeed("systemctl", "show", "--value", "--property", key, self.service).strip()

    def state(self):
        return self.property("ActiveState")

    def journal(self):
        """What the service printed since it was configured here."""
        succeed("journalctl", "--sync")
        return run("journalctl", "--no-pager", "--output=cat", "--unit", self.service,
                   "--since", f"@{self.since:.6f}").stdout

    def status(self):
        """What a person sees in a terminal of 80 columns."""
        return run("script", "--quiet", "--return", "--command",
                   "stty columns 80; export COLUMNS=80 SYSTEMD_URLIFY=0 SYSTEMD_COLORS=0 LC_ALL=C; "
                   f"systemctl --no-pager status {self.service}",
                   "/dev/null").stdout.replace("\r\n", "\n")

    def cgroup(self):
        return CGROUPS / self.property("ControlGroup")[1:]

    # The container

    def leader(self):
        """PID 1 of the container."""
        return int(succeed("machinectl", "show", "--value", "--property=Leader", self.name))

    def first_user(self):
        """Who root of the container is on the host."""
        return int(pathlib.Path(f"/proc/{self.leader()}/uid_map").read_text().split()[1])

    def registered(self):
        return pathlib.Path("/run/systemd/machines", self.name).exists()

    def signal(self, number):
        os.kill(self.leader(), number)

    def network(self):
        return View("nsenter", "--net", "--target", str(self.leader()), "--")

    def inside(self, path):
        """A file of the running container."""
        return pathlib.Path(f"/proc/{self.leader()}/root") / str(path).lstrip("/")

    def locals(self):
        return addresses(self.variables, "LOCAL_ADDRESS", "LOCAL_ADDRESS6")

    def hosts(self):
        return addresses(self.variables, "HOST_ADDRESS", "HOST_ADDRESS6")


class Container(Machine):
    """A container with its configuration, and a root that holds one static init."""

    def __init__(self, name, stage2, variables):
        super().__init__(name, variables)
        self.root = ROOTS / name
        self.configure(variables)
        (self.root / "sbin").mkdir(parents=True)
        if stage2:
            shutil.copy(stage2, self.root / "sbin/init")

    def configure(self, variables):
        CONFIGURATIONS.mkdir(exist_ok=True)
        self.variables = variables
        lines = [f"{key}={value}\n" for key, value in variables.items()]
        (CONFIGURATIONS / f"{self.name}.conf").write_text("".join(lines))

    def close(self):
        super().close()
        shutil.rmtree(self.root, ignore_errors=True)
        (CONFIGURATIONS / f"{self.name}.conf").unlink(missing_ok=True)


def addresses(variables, *keys):
    return [variables[key].partition("/")[0] for key in keys if key in variables]


def assert_reachable(host, container):
    """Both ways, over both families."""
    assert host.pings(*container.locals()), "the container does not answer"
    assert container.network().pings(*container.hosts()), "the host does not answer"


def assert_unreachable(host, container):
    assert host.misses(*container.locals())


class Debian:
    """Lays systemd under a container: this host's root, with what is not needed switched off."""

    NOT_WANTED = ["dbus.service", "dbus.socket", "systemd-logind.service", "systemd-udevd.service",
                  "systemd-udev-trigger.service", "systemd-user-sessions.service",
                  "systemd-update-utmp.service", "systemd-update-utmp-runlevel.service",
                  "systemd-sysusers.service", "systemd-journal-flush.service", "getty.target",
                  "remote-fs.target", "systemd-tmpfiles-setup.service", "timers.target"]

    def __init__(self, container):
        self._directory = pathlib.Path(tempfile.mkdtemp(dir="/run"))
        for layer in ("upper", "work"):
            (self._directory / layer).mkdir()
        self.root = container.root
        succeed("mount", "-t", "overlay", "overlay", "-o",
                f"lowerdir=/,upperdir={self._directory}/upper,workdir={self._directory}/work",
                self.root)
        container.undo_with(self._remove)
        for unit in self.NOT_WANTED:
            (self.root / "etc/systemd/system" / unit).symlink_to("/dev/null")

    def _remove(self):
        succeed("umount", self.root)
        shutil.rmtree(self._directory)

    def unmask_bus(self):
        """The system bus of D-Bus, which leads to systemd inside."""
        for unit in "dbus.service", "dbus.socket":
            (self.root / "etc/systemd/system" / unit).unlink()

    def add_unit(self, name, text, *required_by):
        (self.root / "etc/systemd/system" / name).write_text(text)
        for target in required_by:
            self.require(f"../{name}", name, target)

    def require(self, path, name, target):
        """Lets the target require a unit of this name, whose file is at the path."""
        required = self.root / f"etc/systemd/system/{target}.requires"
        required.mkdir(exist_ok=True)
        (required / name).symlink_to(path)


def seconds_to(action):
    begin = time.monotonic()
    action()
    return time.monotonic() - begin
