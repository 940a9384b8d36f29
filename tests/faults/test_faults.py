"""Every system call of every program fails once, in every way that it plausibly can, or is the last one.

strace puts the fault in. Whatever it is, the program reaches the wanted state, or says in lines of its own
why not and ends with a documented status; it neither crashes nor hangs; and run again it reaches the wanted
state, whatever was left half done.
"""

import concurrent.futures
import os
import re
import subprocess

import pytest

from combinations import ADDRESSES
from namespace import Namespace

STATUSES = {0, 64, 71, 75, 78, 126, 127}
SECONDS = 20  # after which a program hangs
DUAL_STACK = ADDRESSES["single"]

# The C library's, before main(): it ends the program in its own way where they fail.
START_UP = {"execve", "brk", "arch_prctl", "set_tid_address", "set_robust_list", "rseq", "prlimit64",
            "readlink", "getrandom", "mprotect"}

# What a call can come back with, beside those that any can.
ANY = ["EPERM", "ENOMEM", "EINVAL", "ENOSYS"]
ERRORS = {
    "openat": ["EACCES", "EMFILE", "ENOENT", "EINTR"],
    "openat2": ["EACCES", "EMFILE", "ENOENT", "EAGAIN", "EXDEV", "ELOOP"],
    "read": ["EINTR", "EIO", "EAGAIN"],
    "write": ["EINTR", "EIO", "ENOSPC", "EPIPE"],
    "socket": ["EMFILE", "EAFNOSUPPORT", "EACCES"],
    "bind": ["EADDRINUSE"],
    "sendto": ["EINTR", "ENOBUFS", "ECONNREFUSED"],
    "recvmsg": ["EINTR", "ENOBUFS", "EAGAIN"],
    "recvfrom": ["EINTR", "ENOBUFS", "EAGAIN"],
    "poll": ["EINTR"],
    "wait4": ["EINTR", "ECHILD"],
    "clone": ["EAGAIN"],
    "vfork": ["EAGAIN"],
    "execve": ["EACCES", "ENOENT", "EAGAIN"],
    "mkdir": ["EACCES", "EROFS", "ENOSPC"],
    "mkdirat": ["EACCES", "EROFS", "ENOSPC"],
    "renameat": ["EROFS", "EISDIR"],
    "fchmod": ["EROFS"],
    "fchown": ["EROFS"],
}
# Results that a call can have instead of its own: nothing, or a part, was done.
SHORT = {"read": [0], "write": [1], "sendto": [1], "recvmsg": [0, 3], "recvfrom": [0], "poll": [0]}


class ContainerInit:
    """The container's end, with an extra pair."""

    name = "container-init"
    variables = {**DUAL_STACK, "EXTRA_VETHS": "lan0:eth1,LOCAL_ADDRESS=10.9.0.2,HOST_ADDRESS=10.9.0.1",
                 "WAIT_CARRIER": "1"}
    arguments = ["/bin/true"]

    def prepare(self, namespace):
        namespace.ip("link add ve-web type veth peer name host0", "link add lan0 type veth peer name eth1",
                     "link set ve-web up", "link set lan0 up")

    def is_reached(self, namespace):
        return (namespace.addresses("eth0") == {"10.1.0.2/32", "fd01::2/128"}
                and namespace.addresses("eth1") == {"10.9.0.2/32"}
                and ("default", "10.1.0.1", "eth0") in namespace.routes())


class PostStart:
    """The host's end, with an extra pair in a bridge."""

    name = "post-start"
    variables = {**DUAL_STACK, "INSTANCE": "web", "EXTRA_VETHS": "lan0,HOST_BRIDGE=br0"}
    arguments = []

    def prepare(self, namespace):
        namespace.ip("link add ve-web type veth peer name host0", "link add lan0 type veth peer name eth1",
                     "link add br0 type bridge")

    def is_reached(self, namespace):
        return (namespace.addresses("ve-web") == {"10.1.0.1/32", "fd01::1/128"}
                and ("10.1.0.2", None, "ve-web") in namespace.routes()
                and namespace.link("lan0").get("master") == "br0")


class PreStart:
    """A stale pair and a stale extra pair go; then a command is executed."""

    name = "pre-start"
    variables = {**DUAL_STACK, "INSTANCE": "web", "EXTRA_VETHS": "lan0,HOST_BRIDGE=br0"}
    arguments = ["/bin/true"]
    prepare = PostStart.prepare

    def is_reached(self, namespace):
        return namespace.links() == {"br0"}


SCENARIOS = [ContainerInit(), PostStart(), PreStart()]


def strace(namespace, scenario, program, *options):
    return namespace.run(["strace", "-qq", "-o", "/dev/null", *options, program, *scenario.arguments],
                         scenario.variables, timeout=SECONDS)


def calls_of(scenario, program, log):
    """The system calls of a run, up to the execution of another program."""
    namespace = Namespace()
    scenario.prepare(namespace)
    done = namespace.run(["strace", "-qq", "-o", log, program, *scenario.arguments], scenario.variables)
    assert done.returncode == 0, done.stderr
    assert scenario.is_reached(namespace)
    namespace.close()
    names = [re.match(r"(\w+)\(", line)[1] for line in log.read_text().splitlines() if re.match(r"\w+\(", line)]
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


def judge(scenario, program, fault):
    """What is wrong with the outcome; None where nothing is."""
    name, number, injected = fault
    namespace = Namespace()
    try:
        scenario.prepare(namespace)
        done = strace(namespace, scenario, program, f"--inject={name}:{injected}:when={number}")
        killed = injected == "signal=KILL"
        lines = done.stderr.splitlines()
        if not killed and done.returncode not in STATUSES:
            return f"status {done.returncode}: {done.stderr}"
        if not killed and done.returncode != 0 and not lines and name != "write":
            return f"status {done.returncode} without a word"
        if not all(line.startswith(f"{scenario.name}: ") for line in lines):
            return f"lines of somebody else: {done.stderr}"
        if done.returncode == 0 and not scenario.is_reached(namespace):
            return f"status 0, but the state is not reached: {done.stderr}"
        again = namespace.run([program, *scenario.arguments], scenario.variables, timeout=SECONDS)
        if again.returncode != 0 or not scenario.is_reached(namespace):
            return f"not healed: status {again.returncode}: {again.stderr}"
    except subprocess.TimeoutExpired:
        return "hangs"
    finally:
        namespace.close()
    return None


@pytest.mark.release
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_faults(build, scenario, tmp_path, record_property):
    program = build / scenario.name
    faults = list(faults_of(calls_of(scenario, program, tmp_path / "log")))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        outcomes = list(pool.map(lambda fault: judge(scenario, program, fault), faults))
    wrong = [f"{name} no. {number}, {injected}: {outcome}"
             for (name, number, injected), outcome in zip(faults, outcomes) if outcome]
    record_property("faults", len(faults))
    print(f"{scenario.name}: {len(faults)} faults")
    assert not wrong, "\n".join(wrong)
