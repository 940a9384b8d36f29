# SPDX-License-Identifier: MIT
"""Every system call of every program fails once, in every way that it plausibly can, or is the last one.

strace puts the fault in. Whatever it is, the program reaches the wanted state, or says in lines of its own
why not and ends with a documented status; it neither crashes nor hangs; and run again it reaches the wanted
state, whatever was left half done.
"""

import concurrent.futures
import contextlib
import os
import re
import shutil
import signal
import subprocess

import pytest

from combinations import ADDRESSES
from container import PRIVATE_RUN, wait_until
from namespace import Namespace

STATUSES = {0, 64, 71, 75, 78, 126, 127}
SECONDS = 60  # after which a program hangs, on a machine that others keep busy too
DUAL_STACK = ADDRESSES["single"]

# The C library's, before main(): it ends the program in its own way where they fail.
START_UP = {"execve", "brk", "arch_prctl", "set_tid_address", "set_robust_list", "rseq", "prlimit64",
            "readlink", "getrandom", "mprotect"}

# What a call can come back with, beside those that any can.
ANY = ["EPERM", "ENOMEM", "ENOSYS"]
ERRORS = {
    "access": ["EACCES", "ENOENT"],
    "bind": ["EADDRINUSE"],
    "clone": ["EAGAIN"],
    "epoll_wait": ["EINTR"],
    "execve": ["EACCES", "ENOENT", "EAGAIN"],
    "execveat": ["EACCES"],
    "fchmod": ["EROFS"],
    "fchown": ["EROFS"],
    "mkdir": ["EACCES", "EROFS", "ENOSPC"],
    "mkdirat": ["EACCES", "EROFS", "ENOSPC"],
    "openat": ["EACCES", "EMFILE", "ENOENT", "EINTR"],
    "openat2": ["EACCES", "EMFILE", "ENOENT", "EAGAIN", "ELOOP"],  # EXDEV is an answer: a mount
    "pipe2": ["EMFILE"],
    "poll": ["EINTR"],
    "read": ["EINTR", "EIO", "EAGAIN"],
    "recvfrom": ["EINTR", "ENOBUFS", "EAGAIN"],
    "recvmsg": ["EINTR", "ENOBUFS", "EAGAIN"],
    "renameat": ["EROFS", "EISDIR"],
    "sendfile": ["EINTR", "EIO"],
    "sendto": ["EINTR", "ENOBUFS", "ECONNREFUSED"],
    "setns": ["EINVAL"],
    "socket": ["EMFILE", "EAFNOSUPPORT", "EACCES"],
    "vfork": ["EAGAIN"],
    "wait4": ["EINTR", "ECHILD"],
    "write": ["EINTR", "EIO", "ENOSPC", "EPIPE"],
}
# Results that a call can have instead of its own: nothing, or a part, was done.
SHORT = {"read": [0], "write": [1], "sendto": [1], "recvmsg": [0, 3], "recvfrom": [0], "poll": [0],
         "sendfile": [0]}


class Scenario:
    """What a program finds, and what it is to make of it."""

    name = ""
    variables = {}
    arguments = []
    lies = set()  # results of which strace makes something else than they say

    def __init__(self, build, directory):
        self.build = build
        self.namespace = Namespace()
        self.directory = directory
        directory.mkdir()

    def close(self):
        self.namespace.close()
        shutil.rmtree(self.directory)

    def prepare(self):
        """Makes what the program finds."""

    def is_reached(self):
        """Whether the wanted state is there."""
        return True

    def run(self, *before):
        """The program, after the words of a command that runs it."""
        return self.namespace.run([*before, self.build / self.name, *self.arguments], self.variables,
                                  timeout=SECONDS)


class ContainerInit(Scenario):
    """The container's end, with an extra pair."""

    name = "container-init"
    variables = {**DUAL_STACK, "MTU": "1400", "WAIT_CARRIER": "1",
                 "EXTRA_VETHS": "lan0:eth1,LOCAL_ADDRESS=10.9.0.2,HOST_ADDRESS=10.9.0.1"}
    arguments = ["/bin/true"]

    def prepare(self):
        self.namespace.ip("link add ve-web type veth peer name host0",
                          "link add lan0 type veth peer name eth1", "link set ve-web up", "link set lan0 up")

    def is_reached(self):
        return (self.namespace.addresses("eth0") == {"10.1.0.2/32", "fd01::2/128"}
                and self.namespace.addresses("eth1") == {"10.9.0.2/32"}
                and self.namespace.link("eth0")["mtu"] == 1400
                and ("default", "10.1.0.1", "eth0") in self.namespace.routes())


class PostStart(Scenario):
    """The host's end, with an extra pair in a bridge."""

    name = "post-start"
    variables = {**DUAL_STACK, "MTU": "1400", "INSTANCE": "web",
                 "EXTRA_VETHS": "lan0,HOST_BRIDGE=br0,MTU=1300"}

    def __init__(self, build, directory):
        super().__init__(build, directory)
        self.container = Namespace(self.namespace)

    def close(self):
        self.container.close()
        super().close()

    def prepare(self):
        peer = f"netns {self.container.pid} name"
        self.namespace.ip(f"link add ve-web type veth peer {peer} host0",
                          f"link add lan0 type veth peer {peer} eth1", "link add br0 type bridge")

    def is_reached(self):
        return (self.namespace.addresses("ve-web") == {"10.1.0.1/32", "fd01::1/128"}
                and ("10.1.0.2", None, "ve-web") in self.namespace.routes()
                and self.namespace.link("ve-web")["mtu"] == 1400
                and self.namespace.link("lan0").get("master") == "br0"
                and self.namespace.link("lan0")["mtu"] == 1300)


class PreStart(PostStart):
    """A stale pair and a stale extra pair go; then a command is executed."""

    name = "pre-start"
    arguments = ["/bin/true"]

    def is_reached(self):
        return self.namespace.links() == {"br0"}


class Start(Scenario):
    """A root with an init alone, and a systemd-nspawn that ends at once; what it leaves behind ends with it."""

    name = "start"

    def prepare(self):
        self.root = self.directory / "root"
        (self.root / "sbin").mkdir(parents=True)
        (self.root / "sbin/init").touch()
        (self.directory / "systemd-nspawn").symlink_to(self.build / "tests/nspawn")
        self.variables = {**DUAL_STACK, "INSTANCE": "web", "root": str(self.root), "NSPAWN_ENDS": "1"}

    def is_reached(self):
        return ((self.root / "etc/machine-id").exists() and (self.root / "usr/bin").is_dir()
                and (self.root / "root").is_dir()
                and (self.root / "root").stat().st_mode & 0o777 == 0o700
                and not list((self.root / "etc").glob(".*")))

    def run(self, *before):
        """No other systemd-nspawn can be found."""
        path = f"PATH={self.directory}"
        set_path = ["strace", "-E", path, *before[1:]] if before else ["env", path]
        return super().run(*PRIVATE_RUN, *set_path)


class StartOfProgram(Start):
    """A root with nothing but the program that is the container."""

    title = "start of a program"

    def prepare(self):
        super().prepare()
        self.variables["COMMAND"] = "/sbin/init 'one word'"


class StartInUnit(Start):
    """With sockets for what systemd-nspawn says to a service manager, which is deaf."""

    title = "start in a unit"

    def prepare(self):
        super().prepare()
        self.variables["NOTIFY_SOCKET"] = "@nobody"


class Reload(Start):
    """Another address and another MTU on both ends of a container, which a process in namespaces of its own
    stands for; what made them is in the place of systemd-nspawn."""

    name = "reload"
    lies = {("write", "retval=1")}  # nothing is written, and the record is wrong without an error

    def prepare(self):
        super().prepare()
        self.container = Namespace(self.namespace)
        self.nspawn = subprocess.Popen([*self.container.enter, "unshare", "--pid", "--fork", "--kill-child",
                                        "sh", "-c", "echo; exec sleep infinity"], stdout=subprocess.PIPE)
        self.nspawn.stdout.readline()
        self.namespace.ip(f"link add ve-web type veth peer name host0 netns {self.container.pid}")
        before = {"INSTANCE": "web", **DUAL_STACK}
        assert self.container.run([self.build / "container-init", "/bin/true"], before).returncode == 0
        assert self.namespace.run([self.build / "post-start"], before).returncode == 0
        started = open(f"/proc/{self.nspawn.pid}/stat").read().rpartition(")")[2].split()[19]
        variables = [f"{name}={value}" for name, value in before.items()]
        record = self.directory / "run/container-variables/web"
        record.parent.mkdir(parents=True)
        record.write_text("".join(f"{text}\0" for text in (
            f"{self.nspawn.pid} {started}", *variables, f"root={self.root}", "", *variables)))
        self.variables = {**before, "LOCAL_ADDRESS": "10.1.0.3", "MTU": "1400", "root": str(self.root),
                          "PATH": f"{self.directory}:{os.environ['PATH']}"}

    def is_reached(self):
        return (self.container.addresses("eth0") == {"10.1.0.3/32", "fd01::2/128"}
                and self.container.link("eth0")["mtu"] == self.namespace.link("ve-web")["mtu"] == 1400
                and ("10.1.0.3", None, "ve-web") in self.namespace.routes()
                and ("10.1.0.2", None, "ve-web") not in self.namespace.routes())

    def run(self, *before):
        private = ["unshare", "--mount", "sh", "-c", 'mount -n --bind "$0" /run && exec "$@"', self.directory / "run"]
        return Scenario.run(self, *private, *before)

    def close(self):
        self.nspawn.kill()
        self.nspawn.wait()
        self.nspawn.stdout.close()
        self.container.close()
        super().close()


SCENARIOS = [ContainerInit, PostStart, PreStart, Start, StartOfProgram, StartInUnit, Reload]


def title(kind):
    return getattr(kind, "title", kind.name)


@contextlib.contextmanager
def prepared(kind, build, directory):
    scenario = kind(build, directory)
    try:
        scenario.prepare()
        yield scenario
    finally:
        scenario.close()


def calls_of(kind, build, directory):
    """The system calls of a run, up to the execution of another program."""
    log = directory / "log"
    with prepared(kind, build, directory / "scenario") as scenario:
        done = scenario.run("strace", "-qq", "-o", log)
        assert done.returncode == 0, done.stderr
        assert scenario.is_reached()
    names = re.findall(r"^(\w+)\(", log.read_text(), re.MULTILINE)
    last = next((i for i, name in enumerate(names) if name == "execve" and i > 0), len(names) - 1)
    return names[:last + 1]


def faults_of(calls):
    """(call, its number among those of the name, what strace injects) for all of them."""
    seen = {}
    for name in calls:
        seen[name] = seen.get(name, 0) + 1
        if name == "exit_group" or (name == "execve" and seen[name] == 1):
            continue
        yield name, seen[name], "signal=KILL"
        if name in START_UP and name != "execve":
            continue
        yield from ((name, seen[name], f"error={error}") for error in [*ANY, *ERRORS.get(name, [])])
        yield from ((name, seen[name], f"retval={value}") for value in SHORT.get(name, []))


def faults_of_outcome(scenario, done, killed):
    """What is wrong with a run into which a fault was put; None where nothing is."""
    lines = done.stderr.splitlines()
    if not killed and done.returncode not in STATUSES:
        return f"status {done.returncode}: {done.stderr}"
    if not killed and done.returncode != 0 and not lines:
        return f"status {done.returncode} without a word"
    if not all(line.startswith((f"{scenario.name}: ", "start: ")) for line in lines):
        return f"lines of somebody else: {done.stderr}"
    if done.returncode == 0 and not scenario.is_reached():
        return f"status 0, but the state is not reached: {done.stderr}"
    return None


def judge(kind, build, directory, fault):
    """What is wrong with the outcome of a fault; None where nothing is."""
    name, number, injected = fault
    with prepared(kind, build, directory) as scenario:
        try:
            done = scenario.run("strace", "-qq", "-o", "/dev/null",
                                f"--inject={name}:{injected}:when={number}")
            wrong = faults_of_outcome(scenario, done, killed=injected == "signal=KILL")
            if wrong:
                return wrong
            again = scenario.run()
            if again.returncode != 0 or not scenario.is_reached():
                return f"not healed: status {again.returncode}: {again.stderr}"
        except subprocess.TimeoutExpired:
            return "hangs"
    return None


@pytest.mark.parametrize("kind", SCENARIOS, ids=title)
def test_faults(build, kind, tmp_path):
    faults = [fault for fault in faults_of(calls_of(kind, build, tmp_path)) if (fault[0], fault[2]) not in kind.lies]
    with concurrent.futures.ThreadPoolExecutor(2 * os.cpu_count()) as pool:
        outcomes = list(pool.map(lambda each: judge(kind, build, tmp_path / str(each[0]), each[1]),
                                 enumerate(faults)))
    wrong = [f"{name} no. {number}, {injected}: {outcome}"
             for (name, number, injected), outcome in zip(faults, outcomes) if outcome]
    print(f"{title(kind)}: {len(faults)} faults")
    assert not wrong, "\n".join(wrong)


WAITER_CALLS = ["sendto", "sendmsg", "recvmsg", "recvfrom", "poll", "epoll_wait", "epoll_ctl", "dup2", "close_range"]


class Waiter(StartInUnit):
    """The links appear when systemd-nspawn runs. What start leaves behind configures them, or ends it."""

    def prepare(self):
        super().prepare()
        del self.variables["NSPAWN_ENDS"]

    def is_reached(self):
        return (self.namespace.link("ve-web") is not None
                and self.namespace.addresses("ve-web") == {"10.1.0.1/32", "fd01::1/128"}
                and ("10.1.0.2", None, "ve-web") in self.namespace.routes())

    def outcome(self, injection):
        """What is wrong; None where nothing is."""
        program = [*PRIVATE_RUN, "strace", "-f", "-qq", "-o", "/dev/null", "-E", f"PATH={self.directory}",
                   f"--inject={injection}", self.build / "start"]
        started = subprocess.Popen([*self.namespace.enter, *program], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True,
                                   env={"PATH": os.environ["PATH"], **self.variables})
        try:
            wait_until(lambda: started.poll() is not None or nspawn_below(started.pid), SECONDS)
            self.namespace.ip("link add ve-web type veth peer name host0")
            wait_until(lambda: started.poll() is not None or self.is_reached(), SECONDS)
        except AssertionError:
            return "neither configured nor ended"
        finally:
            errors = end(started)
        if not self.is_reached() and not errors.startswith("start: "):
            return f"not configured, without a word: {errors}"
        return None


def processes_below(pid):
    """All descendants, the nearest first."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for child in open(f"/proc/{pid}/task/{pid}/children").read().split():
            yield int(child)
            yield from processes_below(child)


def nspawn_below(pid):
    for process in processes_below(pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if open(f"/proc/{process}/comm").read() == "systemd-nspawn\n":
                return process
    return None


def end(started):
    """Ends what runs below, and gives what it said."""
    for process in processes_below(started.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    return started.communicate(timeout=SECONDS)[1]


@pytest.mark.parametrize("call", WAITER_CALLS)
def test_faults_of_the_waiter(build, tmp_path, call):
    wrong = []
    injections = [f"{call}:error={error}:when={number}" for number in (1, 2, 3)
                  for error in ["ENOMEM", *ERRORS.get(call, [])]]
    for number, injection in enumerate(injections):
        with prepared(Waiter, build, tmp_path / str(number)) as scenario:
            if outcome := scenario.outcome(injection):
                wrong.append(f"{injection}: {outcome}")
    print(f"waiter: {len(injections)} faults")
    assert not wrong, "\n".join(wrong)
