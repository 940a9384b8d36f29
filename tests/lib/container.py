# SPDX-License-Identifier: MIT
"""Containers that systemd-nspawn runs for a test."""

import contextlib
import os
import pathlib
import shlex
import shutil
import signal
import subprocess

import combinations
from control_group import ControlGroup
from waiting import LONG, wait_until

STOP_SIGNAL = signal.SIGRTMIN + 3
INSIDE = "/run/container-init"  # where the programs are, inside

# Read by container-init: what a start script hands over with --setenv.
CONTAINER_VARIABLES = ["HOST_ADDRESS", "HOST_ADDRESS6", "LOCAL_ADDRESS", "LOCAL_ADDRESS6",
                       "LOCAL_GATEWAY", "LOCAL_GATEWAY6", "LOCAL_MAC_ADDRESS", "HOST_BRIDGE", "MTU",
                       "EXTRA_VETHS", "WAIT_CARRIER"]

# systemd-nspawn leaves directories in /run.
PRIVATE_RUN = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs /run && exec "$@"', "sh"]

# What runs as PID 1, by the names of its processes; systemd-nspawn and its helpers block signals too.
PID_1 = ["container-init", "stage2", "init", "systemd"]


def status_field(process, name):
    """The value of a line of /proc/PID/status."""
    for line in pathlib.Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return line.partition(":")[2].strip()
    raise KeyError(name)


def sleeps(process, program):
    """Whether the process executes the program, and waits for something to happen."""
    try:
        return (os.path.samefile(f"/proc/{process}/exe", program)
                and status_field(process, "State").startswith("S"))
    except (FileNotFoundError, ProcessLookupError):  # it has ended
        return False


def libraries_of(program):
    """The files that a dynamic program loads; none for a static one."""
    shown = subprocess.run(["ldd", program], capture_output=True, text=True)
    if shown.returncode != 0:
        return []
    return [word for line in shown.stdout.splitlines() for word in line.split() if word.startswith("/")]


def library_binds(program, root):
    """Flags for systemd-nspawn that show a dynamic program its libraries, where the root lacks them."""
    return [f"--bind-ro={library}" for library in libraries_of(program)
            if not (root / library[1:]).exists()]


def make_minimal_root(path, build):
    """No shell, no libc, no ip: container-init and a stage 2, and what sanitizers need."""
    for directory in ("usr", "etc", "dev", "proc", "sys", "run", "tmp", "var"):
        (path / directory).mkdir(parents=True)
    (path / "etc/os-release").touch()
    for program in (build / "container-init", build / "tests/stage2"):
        shutil.copy(program, path / program.name)
        for library in libraries_of(program):
            target = path / library[1:]
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, target)
    return path


def children_of(pid):
    return [int(child) for child in
            pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def kill_nspawn(nspawn):
    """With what it runs: a container outlives a systemd-nspawn that is killed."""
    if nspawn.poll() is None:
        nspawn.send_signal(signal.SIGSTOP)
        for child in children_of(nspawn.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
    nspawn.kill()
    nspawn.wait()


class Container:
    """systemd-nspawn with container-init as PID 1, in the network namespace of a host."""

    def __init__(self, host, root, variables, command, flags=(), name="web", environment=None):
        passed = [f"--setenv={key}={value}" for key, value in variables.items()
                  if key in CONTAINER_VARIABLES]
        self._run([*host.enter, *PRIVATE_RUN, "systemd-nspawn", "--quiet", "--register=no", "--keep-unit",
                   "-M", name, "-D", root, "--kill-signal=SIGRTMIN+3", *flags, *passed, *command],
                  environment or {})

    def _run(self, command, environment):
        self._group = ControlGroup()
        self._nspawn = subprocess.Popen(
            [*self._group.enter, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**os.environ, **environment}, text=True, errors="replace")
        self._leader = None
        self.output = None

    def leader(self):
        """PID 1 of the container, as soon as container-init blocks the stop signal."""
        self._leader = self._leader or wait_until(self._find_leader, pause=0)
        return self._leader

    def _find_leader(self):
        for child in children_of(self._nspawn.pid):
            try:
                status = pathlib.Path(f"/proc/{child}/status").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            name = status.partition("Name:")[2].split()[0]
            blocked = int(status.partition("SigBlk:")[2].split()[0], 16)
            if name in PID_1 and blocked >> (STOP_SIGNAL - 1) & 1:
                return child
        return None

    def wait_for_stage2(self):
        """Until it runs: container-init has done its work then."""
        wait_until(lambda: status_field(self.leader(), "Name") == "stage2")

    def run(self, *command):
        """A command of the host's, in the container's network."""
        return subprocess.run(["nsenter", "--net", "--target", str(self.leader()), *command],
                              capture_output=True, text=True, timeout=LONG)

    def stop(self):
        os.kill(self.leader(), STOP_SIGNAL)

    def wait(self):
        """The exit status of systemd-nspawn; its output is kept."""
        try:
            self.output, _ = self._nspawn.communicate(timeout=LONG)
        except subprocess.TimeoutExpired:
            self.close()
            raise
        return self._nspawn.returncode

    def close(self):
        kill_nspawn(self._nspawn)
        self._nspawn.stdout.close()
        self._group.close()


class StartedContainer(Container):
    """The same by start, with /stage2; as systemd runs it for a unit, or by hand."""

    def __init__(self, host, build, root, variables, as_unit=False):
        environment = {
            "INSTANCE": "web", "root": str(root), "STAGE2": "/stage2",
            "EXTRA_NSPAWN_FLAGS": shlex.join(["--quiet", "--register=no"]), **variables}
        if as_unit:
            environment["NOTIFY_SOCKET"] = "@nobody"
        self._program = build / "start"
        self._run([*host.enter, *PRIVATE_RUN, self._program], environment)

    @property
    def process(self):
        """start, and then systemd-nspawn."""
        return self._nspawn.pid

    def wait_for_start(self):
        """Until the program start runs, or has."""
        programs = (str(self._program), shutil.which("systemd-nspawn"))
        wait_until(lambda: os.readlink(f"/proc/{self.process}/exe") in programs, pause=0)

    def stop_as_unit(self):
        """As systemd does, with KillMode=mixed."""
        self._nspawn.send_signal(signal.SIGTERM)
        self._nspawn.send_signal(signal.SIGCONT)


def pings(run, address, seconds=10):
    """Whether it answers in so many seconds, and to the first packet."""
    return run(["ping", "-c1", f"-W{seconds}", address]).returncode == 0


def assert_reachable(network, container, variables):
    for local, host in (("LOCAL_ADDRESS", "HOST_ADDRESS"), ("LOCAL_ADDRESS6", "HOST_ADDRESS6")):
        assert pings(network.host.run, str(combinations.interface(variables[local]).ip))
        assert pings(lambda command: container.run(*command),
                     str(combinations.interface(variables[host]).ip))
