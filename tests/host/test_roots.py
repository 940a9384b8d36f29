# SPDX-License-Identifier: MIT
"""Roots whose owner wants the host to write somewhere else: the container owns its root."""

import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import stat
import subprocess
import sys

import pytest

from container import wait_until
from host import LONG, PAIR, ROOTS, succeed

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
    """What followed a link here would do it as root of the host."""
    web = container(once, PRIVATE_USERS="no", **PAIR)
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
    web = container(once, **PAIR, PRIVATE_USERS="no", EXTRA_NSPAWN_FLAGS=OWN_WRITES_ONLY)
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


def mode(path):
    return stat.S_IMODE(pathlib.Path(path).stat().st_mode)


@pytest.mark.emulated
def test_directories_of_containers_are_closed(host):
    """By tmpfiles.d(5), since boot."""
    assert mode("/run/containers") == 0o700
    assert mode("/var/lib/containers") == 0o700


# What is bound is the system, so that start may make the root.
BOUND_SYSTEM = "--bind-ro=/var/lib/containers/once/sbin:/sbin"


def test_runtime_directory_is_no_root(container, once):
    web = container(once, root="/run/container-init/once", EXTRA_NSPAWN_FLAGS=BOUND_SYSTEM, **PAIR)
    assert web.try_start().returncode != 0
    assert web.property("ExecMainStatus") == "78"
    assert ('start: root="/run/container-init/once": systemd changes the owner of a runtime directory; '
            "wanted: a directory in it, such as /run/container-init/once/root\n") in web.journal()


def test_root_in_the_runtime_directory(host, container, once):
    """It is the container's alone while that runs, and gone with it."""
    root = pathlib.Path("/run/container-init/once/root")
    web = container(once, root=str(root), EXTRA_NSPAWN_FLAGS=BOUND_SYSTEM, PRIVATE_USERS="pick",
                    **PAIR)
    web.start()
    planted = web.inside("/root/planted")
    planted.touch()
    user = web.first_user() + 1000
    shutil.chown(planted, user, user)
    planted.chmod(0o4755)
    web.drop_in("ExecReload=", "ExecReload=/bin/true")
    before = listing(root)
    succeed("systemctl", "reload", web.service)
    assert listing(root) == before
    assert mode(root.parent) & 0o022 == 0
    assert root.parent.stat().st_uid == 0
    web.stop()
    assert not root.parent.exists()


def assert_limited(container):
    """What it writes, to a quarter of the memory by the kernel's own count."""
    space = os.statvfs(container.inside("/"))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert space.f_blocks * space.f_frsize < memory / 3


def test_root_in_run_with_a_limit(container, once):
    web = container(once, root="/run/container-init/once/root",
                    EXTRA_NSPAWN_FLAGS=f"{BOUND_SYSTEM} --volatile=overlay", **PAIR)
    web.start()
    assert_limited(web)
    assert web.inside("/").stat().st_dev != os.stat("/run").st_dev
    assert "can fill /run" not in web.journal()


def test_empty_root_at_each_start(container):
    """As the manual has it: what the container writes is limited, in none of the host's directories,
    and gone with it."""
    web = container(EXTRA_NSPAWN_FLAGS="--volatile=overlay", **PAIR)
    web.start()
    before = listing(web.root)
    for _ in range(2):
        (web.inside("/etc") / "planted").touch()
        assert_limited(web)
        web.start("restart")
        assert not (web.inside("/etc") / "planted").exists()
    web.stop()
    assert listing(web.root).keys() == before.keys()


@pytest.mark.emulated
def test_journal_of_another_container(container):
    """The ID is the container's to choose."""
    machine_id = "0123456789abcdef0123456789abcdef"
    journals = pathlib.Path("/var/log/journal")
    link = journals / machine_id
    is_new = not journals.exists()
    journals.mkdir(exist_ok=True)
    try:
        for name in ("mail", "web"):
            one = container(name)
            (one.root / "etc").mkdir()
            (one.root / "etc/machine-id").write_text(f"{machine_id}\n")
            one.start()
            assert link.readlink() == pathlib.Path(f"/var/lib/containers/mail{link}")
        assert (f"start: the journal is not linked to the host's: {link} is there and not of this "
                "root\n") in one.journal()
    finally:
        link.unlink(missing_ok=True)
        if is_new:
            journals.rmdir()


SHOUTING = """
[Unit]
DefaultDependencies=no
Before=multi-user.target

[Service]
Type=oneshot
StandardOutput=tty
TTYPath=/dev/console
ExecStart=/bin/echo '<0>to all of you'
"""


def priority_of(container, text):
    succeed("journalctl", "--sync")
    shown = succeed("journalctl", "--output=json", "--unit", container.service,
                    "--since", f"@{container.since:.6f}")
    (entry,) = [entry for entry in map(json.loads, shown.splitlines()) if entry["MESSAGE"] == text]
    return entry["PRIORITY"]


def test_container_that_shouts(debian):
    """Its lines have one level, shown as those of the unit; ours have their own."""
    web, root = debian(**PAIR)
    root.add_unit("shout.service", SHOUTING, "multi-user.target")
    web.start()
    assert priority_of(web, "<0>to all of you") == "6"
    warning = "start: the journal is not linked to the host's: etc/machine-id is that of the host"
    assert priority_of(web, warning) == "4"
    assert "<0>to all of you" in succeed("systemctl", "status", "--lines=1000", web.service)
    web.stop()


def test_container_does_not_call_itself_by_the_host_s_name(debian):
    """Its root has the host's etc/hostname, as debootstrap leaves it."""
    web, root = debian(**PAIR)
    assert (root.root / "etc/hostname").read_text() == pathlib.Path("/etc/hostname").read_text()
    web.start()
    assert succeed("nsenter", "--uts", "--target", str(web.leader()), "hostname") == "web\n"
    web.stop()


def test_ephemeral_that_is_killed(host, container):
    """Its copy of the root is removed by the next start, and not that of another one that runs."""
    web = container(EPHEMERAL="1", PRIVATE_NETWORK="1")
    web.drop_in("Restart=no")
    other = container("other", EPHEMERAL="1", PRIVATE_NETWORK="1", root=web.root)
    other.start()

    def copies():
        return {path.name for path in ROOTS.glob(".#machine.web*")}

    (running,) = copies()
    for _ in range(2):
        web.start()
        succeed("systemctl", "kill", "--signal=SIGKILL", web.service)
        wait_until(lambda: web.state() == "failed", pause=0.1, seconds=LONG)
    (left,) = copies() - {running}
    web.start()
    assert f"removed {ROOTS}/{left}, left by an earlier run" in web.journal()
    assert len(copies()) == 2 and running in copies()
    web.stop()
    other.stop()
    assert copies() == set()
