# SPDX-License-Identifier: MIT
"""Control groups of a test's own."""

import os
import pathlib
import tempfile

from waiting import wait_until

ENTER = """\
while [ "$1" != -- ]; do
  echo $$ >"$1/cgroup.procs"
  shift
done
shift
exec "$@"
"""


def own_directories():
    """Where this process is in the hierarchies that systemd keeps its units in: the unified one, and
    name=systemd."""
    own = {}
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        own[controllers] = path
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        mount, _, filesystem = line.partition(" - ")
        root, mount_point = mount.split()[3:5]
        kind, _, options = filesystem.split(" ", 2)
        name = {"cgroup2": "", "cgroup": "name=systemd"}.get(kind)
        if name in own and (kind == "cgroup2" or name in options.split(",")):
            yield pathlib.Path(mount_point, os.path.relpath(own.pop(name), root))


class ControlGroup:
    """systemd-nspawn --keep-unit makes the groups of its container below the one that it is started
    in. Two systemd in one group end each other's processes: each has to have one of its own."""

    def __init__(self):
        first, *others = own_directories()
        self._directories = [pathlib.Path(tempfile.mkdtemp(prefix="container-init-", dir=first))]
        # Of the same name: where there are two hierarchies, systemd-nspawn makes the one like the other.
        for other in others:
            self._directories.append(other / self._directories[0].name)
            self._directories[-1].mkdir()
        self.enter = ["sh", "-ec", ENTER, "sh", *self._directories, "--"]

    def close(self):
        """Once nothing runs there any more."""
        for directory in self._directories:
            for path, _, _ in os.walk(directory, topdown=False):
                wait_until(lambda: removed(path), pause=0.01)


def removed(directory):
    try:
        os.rmdir(directory)
    except FileNotFoundError:
        pass
    except OSError:  # busy
        return False
    return True
