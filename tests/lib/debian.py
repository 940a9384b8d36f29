# SPDX-License-Identifier: MIT
"""A Debian with systemd as PID 1, machined and D-Bus: it boots in a container of its own."""

import contextlib
import os
import subprocess

from container import PRIVATE_RUN, kill_nspawn, library_binds
from control_group import ControlGroup
from namespace import Namespace
from waiting import LONG, wait_until


# Control groups v2, as systemd 256 and later ask for, and a sysfs and sysctls that can be written to.
AS_A_MACHINE = {"SYSTEMD_NSPAWN_API_VFS_WRITABLE": "1", "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}

# Linux mounts proc and sysfs in a user namespace only where others are visible in full, as on a machine.
# systemd-nspawn covers parts of those that it mounts, and from 253 on it detaches the machine's.
MOUNT_VISIBLE = """\
for type in proc sysfs; do
  mkdir /run/visible-$type
  mount -t $type $type /run/visible-$type
done
"""


def child_of(process, name):
    """The child of a process that runs the program of this name."""
    shown = subprocess.run(["pgrep", "--parent", str(process), "--exact", name],
                           capture_output=True, text=True)
    return shown.stdout.strip()


class Host:
    """Runs commands on the booted system."""

    def __init__(self, leader):
        self.leader = leader
        self._enter = ["nsenter", "--all", "--target", str(leader), "--"]

    def run(self, script):
        return subprocess.run([*self._enter, "sh", "-c", script], capture_output=True, text=True,
                              timeout=LONG)

    def succeeds(self, script):
        return self.run(script).returncode == 0

    def output_of(self, script):
        done = self.run(script)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def running(self, path):
        """The programs that run, of this path or below it. A process that has ended has none, though
        its parent may still have to wait for it."""
        programs = self.run("readlink /proc/[0-9]*/exe").stdout.splitlines()
        return [program for program in programs if program.startswith(path)]


@contextlib.contextmanager
def running(root, options, environment=None):
    """A Host over a root, with these options of systemd-nspawn, and systemd-nspawn itself.

    Nothing filters its system calls, as nothing does those of a machine: below such a filter nobody
    can read another one.
    """
    namespace = Namespace()
    group = ControlGroup()
    system = subprocess.Popen(
        [*group.enter, *namespace.enter, *PRIVATE_RUN, "systemd-nspawn", "--quiet", "--register=no",
         "--keep-unit", "--boot", "--private-network", "--capability=all", "-M", "host", "-D", root, *options],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "SYSTEMD_SECCOMP": "0", **(environment or {})})
    try:
        host = Host(int(wait_until(lambda: child_of(system.pid, "systemd"))))
        wait_until(lambda: host.run("systemctl is-system-running").stdout.strip() in
                   ("running", "degraded"), pause=0.1)
        host.output_of(MOUNT_VISIBLE)
        yield host, system
    finally:
        kill_nspawn(system)
        group.close()
        namespace.close()


# The devices are those of this machine, and not to be triggered.
KERNEL_COMMAND_LINE = ["systemd.mask=systemd-udev-trigger.service"]


@contextlib.contextmanager
def running_as_a_machine(root, options=()):
    """The same as if it were a machine, with devices."""
    with running(root, [*options, *KERNEL_COMMAND_LINE], AS_A_MACHINE) as (host, system):
        # A systemd that starts in a container has no devices; one that is there when udevd runs has.
        host.output_of("systemctl daemon-reexec")
        yield host, system


@contextlib.contextmanager
def booted(root, program, binds, environment=None):
    """A Host over a root that stays as it is; it has what the program needs, and these binds."""
    options = ["--volatile=overlay", *library_binds(program, root), *binds]
    with running(root, options, environment) as (host, _):
        yield host
