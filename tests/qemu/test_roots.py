"""Roots whose owner wants the host to write somewhere else: the container owns its root."""

import contextlib
import hashlib
import pathlib
import shutil
import stat
import subprocess
import sys

import pytest

from host import PAIR

VICTIM = pathlib.Path("/srv/victim")

# What start makes, enforces modes of and writes below these three.
VICTIM_DIRECTORIES = ["lib", "lib/private", "private", "bin"]
VICTIM_FILES = ["resolv.conf", "os-release", "machine-id", "passwd"]


@pytest.fixture
def victim():
    """A directory of the host with all that start looks for, and modes that it would change."""
    VICTIM.mkdir(parents=True)
    VICTIM.chmod(0o777)
    for name in VICTIM_DIRECTORIES:
        (VICTIM / name).mkdir()
        (VICTIM / name).chmod(0o777)
    for name in VICTIM_FILES:
        (VICTIM / name).write_text(f"{name} of the host\n")
    yield VICTIM
    shutil.rmtree(VICTIM)


def listing(top):
    """Everything about a tree that can be seen; to compare."""
    found = {}
    for path in [top, *sorted(top.rglob("*"))]:
        status = path.lstat()
        is_file = stat.S_ISREG(status.st_mode)
        content = hashlib.sha256(path.read_bytes()).hexdigest() if is_file else None
        found[str(path)] = (stat.filemode(status.st_mode), status.st_uid, status.st_gid,
                            status.st_mtime_ns, status.st_ctime_ns, content)
    return found


@contextlib.contextmanager
def unchanged(top):
    before = listing(top).items()
    yield
    assert sorted(listing(top).items() - before) == []
    assert {path for path, _ in before} <= listing(top).keys()


def outcome(container):
    """How the start goes; one that fails must say why. Systemd's own words are no reason."""
    if container.try_start().returncode == 0:
        return "it starts"
    reasons = [line for line in container.journal().splitlines()
               if line.startswith(("start: ", "container-init: ", "Failed to "))
               and not line.startswith("Failed to start ")]
    assert reasons, f"it failed without a reason: {container.journal()}"
    return reasons[-1]


def end(container):
    container.forget()
    container.stop()


# Also where the same path leads to something in the root: then start may go on to systemd-nspawn.
TARGETS = {"absolute": (str(VICTIM), False), "relative": ("../" * 6 + str(VICTIM)[1:], False),
           "absolute, with a twin inside": (str(VICTIM), True)}


def plant(container, path, target, has_twin):
    """Makes the path of the root a symlink to the victim or its file of that name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(f"{target}/{path.name}" if path.name in VICTIM_FILES else target)
    if has_twin:
        shutil.copytree(VICTIM, container.root / str(VICTIM)[1:], dirs_exist_ok=True)


def remove(*paths):
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


@pytest.mark.parametrize("name", [
    "etc", "var", "root", "usr", "etc/resolv.conf", "etc/os-release", "etc/machine-id", "usr/bin",
    "var/lib", "var/lib/private", "var/log", "var/log/journal", "run", "tmp", "dev"])
def test_symlink(container, once, victim, record_property, name):
    web = container(once, **PAIR)
    link = web.root / name
    for kind, (target, has_twin) in TARGETS.items():
        plant(web, link, target, has_twin)
        with unchanged(victim):
            record_property(kind, outcome(web))
            end(web)
        remove(link)


SWAPPER = """
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
first, second = (path.encode() for path in sys.argv[1:])
print(flush=True)
while libc.renameat2(-100, first, -100, second, 2) == 0:
    pass
"""


@contextlib.contextmanager
def swapping(first, second):
    """Exchanges the two, without a pause."""
    swapper = subprocess.Popen([sys.executable, "-c", SWAPPER, first, second],
                               stdout=subprocess.PIPE)
    swapper.stdout.readline()
    try:
        yield
        assert swapper.poll() is None
    finally:
        swapper.kill()
        swapper.wait()
        swapper.stdout.close()


# systemd-nspawn makes the journal's directory and etc/localtime by paths, and could be raced itself.
OWN_WRITES_ONLY = "--link-journal=no --timezone=off"


@pytest.mark.parametrize("name", ["etc", "var", "root"])
def test_swapped_while_it_starts(container, once, victim, record_property, name):
    """A directory of the root and a symlink to the host's take turns."""
    web = container(once, **PAIR, EXTRA_NSPAWN_FLAGS=OWN_WRITES_ONLY)
    directory, link = web.root / name, web.root / "link"
    outcomes = []
    for target, has_twin in [*TARGETS.values()] * 3:
        directory.mkdir()
        plant(web, link, target, has_twin)
        with unchanged(victim):
            with swapping(directory, link):
                outcomes.append(outcome(web))
            end(web)
        remove(directory, link)
    for kind in sorted(set(outcomes)):
        record_property(f"{outcomes.count(kind)} of {len(outcomes)}", kind)
