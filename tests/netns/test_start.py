# SPDX-License-Identifier: MIT
"""start with a stub in the place of systemd-nspawn: its command, the root, and the waiter."""

import contextlib
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

import pytest

import manual
from combinations import ADDRESSES
from container import CONTAINER_VARIABLES, LONG, sleeps, status_field, wait_until
from control_group import ControlGroup
from namespace import NO_LEAK_CHECK
from starter import STUB, tree

DUAL_STACK = ADDRESSES["single"]
EX_USAGE, EX_OSERR, EX_CONFIG, NOT_FOUND = 64, 71, 78, 127
MANUAL = pathlib.Path(__file__).parents[2] / "man/container-hooks.8"
PATH_OF_UNITS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
INSIDE = "/run/host/container-init"

# A shell changes the signal mask.
WAITING_STUB = f"""\
#!{sys.executable} -IS
import sys, time
open(sys.argv[0] + ".called", "w").close()
time.sleep(60)
"""

# The command


def test_arguments(starter):
    variables = {
        **DUAL_STACK, "PRIVATE_USERS": "pick", "HOST_PORT": "tcp:8080:80,53", "MACVLANS": "a b",
        "EXTRA_VETHS": "lan0:eth1,HOST_ADDRESS=10.2.0.1", "CAPABILITIES": "CAP_KILL,CAP_CHOWN",
        "TMPFS": "/tmp", "STAGE2": "/stage 2", "EXTRA_NSPAWN_FLAGS": "--bind='/a b' -q --chdir ''"}
    done = starter.run(variables)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    passed = [f"--setenv={name}={variables[name]}" for name in CONTAINER_VARIABLES
              if name in variables]
    path = starter.stub_environment["PATH"]
    assert starter.arguments == [
        "--keep-unit", "--settings=yes", "-M", "web", "-D", str(starter.root), "--private-users=pick",
        "--network-veth", "--port=tcp:8080:80", "--port=53", "--network-veth-extra=lan0:eth1",
        "--network-macvlan=a", "--network-macvlan=b", "--notify-ready=yes",
        "--kill-signal=SIGRTMIN+3", "--link-journal=try-guest", *passed,
        "--setenv=WAIT_CARRIER=10", f"--setenv=PATH={path}", "--capability=CAP_KILL,CAP_CHOWN",
        "--tmpfs=/tmp", f"--bind-ro={starter.build}/container-init:{INSIDE}", "--bind=/a b", "-q",
        "--chdir", "", INSIDE, "/stage 2"]


def test_program_in_place_of_an_init(starter):
    variables = {"COMMAND": "/sbin/init 'two words' ''"}
    assert starter.run(variables).returncode == 0
    assert starter.arguments[6:9] == ["--as-pid2", "--notify-ready=no", "--kill-signal=SIGRTMIN+3"]
    assert starter.arguments[-4:] == [INSIDE, "/sbin/init", "two words", ""]
    printed = starter.run(variables, "--dry-run").stdout
    assert f"  {INSIDE} \\\n  /sbin/init \\\n  'two words' \\\n  ''\n" in printed


def test_environment(starter):
    """That of the unit goes on to systemd-nspawn, which speaks to a socket of ours."""
    given = starter.environment({"FOO": "a\nb", "NOTIFY_SOCKET": "@socket", "EMPTY": ""})
    assert starter.run(given).returncode == 0
    found = starter.stub_environment
    assert found["NOTIFY_SOCKET"] == "/run/container-init/web/notify/socket"
    found["NOTIFY_SOCKET"] = given["NOTIFY_SOCKET"]
    for of_the_shell in ("PWD", "OLDPWD", "SHLVL", "_"):
        found.pop(of_the_shell, None)
    assert found == {**given, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}


@pytest.mark.parametrize("status", [0, 1, 133, 255])
def test_exit_status_is_that_of_nspawn(starter, status):
    starter.act(f"exit {status}")
    assert starter.run().returncode == status


# What is in the way


def assert_nothing_done(starter):
    assert not starter.called
    assert tree(starter.root).keys() == {".", "sbin", "sbin/init"}
    assert not any(starter.run_directory.iterdir())


def test_without_nspawn(starter):
    done = starter.run_command(["env", f"PATH={starter.etc}", starter.build / "start"])
    assert done.returncode == NOT_FOUND
    assert done.stderr == ("start: cannot find systemd-nspawn in PATH: Debian and Fedora have it "
                           "in the package systemd-container\n")
    assert_nothing_done(starter)


def test_without_container_init(starter):
    alone = shutil.copy(starter.build / "start", starter.bin)
    done = starter.run_command([alone])
    assert done.returncode == NOT_FOUND
    assert done.stderr == (f"start: cannot find {starter.bin}/container-init: No such file or "
                           "directory: it belongs beside start\n")
    assert_nothing_done(starter)


@pytest.mark.parametrize("arguments", [[], ["--dry-run"]])
def test_without_root(starter, arguments):
    done = starter.run({"root": ""}, *arguments)
    assert done.returncode == EX_CONFIG
    assert done.stderr == ("start: root is not set; wanted: the path of the container's root "
                           "directory\n")
    assert_nothing_done(starter)


@pytest.mark.parametrize("call,error,text", [
    ("socket", "EAFNOSUPPORT", "open a netlink socket: Address family not supported by protocol: "
     "AF_NETLINK must be allowed, see RestrictAddressFamilies= in systemd.exec(5)"),
    ("openat2", "ENOSYS", "open directory {root}/usr/bin: Function not implemented: openat2(2) is "
     "needed, Linux 5.6 or later"),
    ("pidfd_open", "ENOSYS", "watch process {pid}: Function not implemented: Linux 5.3 or later is "
     "needed"),
])
def test_call_that_the_kernel_refuses(starter, call, error, text):
    done = starter.run_command(
        ["strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
         f"inject={call}:error={error}", "sh", "-c", 'echo $$; exec "$0"', starter.build / "start"],
        {**DUAL_STACK, **NO_LEAK_CHECK})
    assert done.returncode == EX_OSERR
    text = text.format(root=starter.root, pid=done.stdout.strip())
    assert done.stderr == f"start: cannot {text}\n"
    assert not starter.called


def test_root_of_the_host(starter):
    done = starter.run({"root": "/"})
    assert done.returncode == EX_CONFIG
    assert done.stderr == 'start: root="/": this is the host\'s own root\n'
    assert not starter.called


def test_all_faults_before_anything_is_done(starter):
    faults = {"LOCAL_ADDRESS": "10.1.0.256", "EXTRA_VETHS": "a/b", "STAGE2": "init",
              "HOST_PORT": "0,tcp", "EXTRA_NSPAWN_FLAGS": "'", "RELOAD_COMMAND": "true"}
    done = starter.run(faults)
    assert done.returncode == EX_CONFIG
    lines = done.stderr.splitlines()
    assert len(lines) == len(faults) + 1  # two ports
    for variable in faults:
        assert any(line.startswith(f"start: {variable}=") for line in lines), variable
    assert_nothing_done(starter)


@pytest.mark.parametrize("ready", [False, True], ids=["empty", "prepared"])
def test_read_only_root(starter, ready):
    if ready:
        assert starter.run().returncode == 0
        starter.forget()
    before = tree(starter.root)
    read_only = 'mount --bind "$root" "$root" && mount -o remount,bind,ro "$root" && exec "$0"'
    done = starter.run_command(["sh", "-c", read_only, starter.build / "start"])
    assert done.returncode == EX_OSERR
    action = "write {}/etc/resolv.conf" if ready else "open directory {}/usr"
    assert done.stderr == f"start: cannot {action.format(starter.root)}: Read-only file system\n"
    assert not starter.called
    assert tree(starter.root) == before


# The root


def test_root(starter):
    """The second time nothing changes."""
    assert starter.run().returncode == 0
    first = tree(starter.root)
    modes = {path: int(mode, 8) & 0o7777 for path, (mode, _, _) in first.items()}
    assert modes == {
        ".": 0o755, "usr": 0o755, "usr/bin": 0o755, "etc": 0o755, "var": 0o755, "var/lib": 0o755,
        "var/lib/private": 0o700, "root": 0o700, "etc/os-release": 0o644, "etc/machine-id": 0o644,
        "etc/resolv.conf": 0o644, "sbin": 0o755, "sbin/init": 0o644}
    assert first["etc/os-release"][2] == first["etc/machine-id"][2] == ""
    assert first["etc/resolv.conf"][2] == COPIED + "nameserver 192.0.2.1\n"
    assert tree(starter.run_directory).keys() == {
        ".", "containers", "container-variables", "container-variables/web"}
    assert (starter.run_directory / "containers").stat().st_mode & 0o7777 == 0o700
    assert starter.run().returncode == 0
    assert tree(starter.root) == first


# No system, no root


DRY = pytest.mark.parametrize("arguments", [[], ["--dry-run"]], ids=["run", "dry"])


@DRY
@pytest.mark.parametrize("variables", [
    {}, {"STAGE2": "/opt/a b"}, {"SYSTEM_PATH": "/s"}, {"COMMAND": "/bin/httpd"}, {"EPHEMERAL": "1"},
    {"EXTRA_NSPAWN_FLAGS": "--bind=/srv/data"}, {"EXTRA_NSPAWN_FLAGS": "--bind=/sbin/ini --overlay=/a:/b"},
    {"TMPFS": "/sbin"}])
def test_root_that_is_not_there(starter, tmp_path, variables, arguments):
    """A mistyped path does not become a tree of directories."""
    typo = tmp_path / "srv/typo"
    before = tree(tmp_path)
    done = starter.run({**variables, "root": str(typo)}, *arguments)
    assert (done.returncode, done.stdout) == (EX_CONFIG, "")
    assert done.stderr == f"start: no such root: {typo}; there is none in {typo.parent}\n"
    assert not starter.called
    assert tree(tmp_path) == before


@pytest.mark.parametrize("flags", [
    "--bind=/a:/sbin", "--bind-ro=/a:/sbin/init:norbind", "--bind-ro /a:/sbin", "--bind=/sbin",
    "--bind=+/sbin", "--bind-ro='/a\\:b:/sbin'", "--overlay=/a:/b:/sbin", "--overlay-ro /a:/b:/sbin",
    "-q --bind=/a:/sbin/"])
def test_root_for_a_system_that_is_bound(starter, tmp_path, flags):
    root = tmp_path / "srv/root"
    done = starter.run({"root": str(root), "EXTRA_NSPAWN_FLAGS": flags})
    assert (done.returncode, done.stderr) == (0, "")
    assert starter.called
    assert root.stat().st_mode & 0o7777 == 0o755
    assert root.parent.stat().st_mode & 0o7777 == 0o700


@DRY
def test_root_without_a_system(starter, arguments):
    (starter.root / "sbin/init").unlink()
    done = starter.run({}, *arguments)
    assert (done.returncode, done.stdout) == (EX_CONFIG, "")
    assert done.stderr == (f'start: root="{starter.root}": there is no /sbin/init in it; wanted: a '
                           "directory with a system in it, or the path of its init in STAGE2\n")
    assert not starter.called
    assert tree(starter.root).keys() == {".", "sbin"}


@DRY
def test_root_without_the_program(starter, arguments):
    done = starter.run({"COMMAND": "/bin/httpd -f"}, *arguments)
    assert (done.returncode, done.stdout) == (EX_CONFIG, "")
    assert done.stderr == (f'start: root="{starter.root}": there is no /bin/httpd in it; wanted: a '
                           "directory with the program of COMMAND in it\n")
    assert not starter.called


@pytest.mark.parametrize("names,listed", [
    (["web"], "there is web"), (["web", "db"], "there are db, web"),
    ([f"c{i:02}" for i in range(12)], "there are c00, c01, c02, c03, c04, c05, c06, c07, c08, c09 and 2 more"),
    ([".web.lck", "a b", "\x1b[0m", "a\nb"], "there is none in {place}")])
def test_roots_beside_the_one_that_is_not_there(starter, tmp_path, names, listed):
    """The name was mistyped."""
    place = tmp_path / "place"
    for name in names:
        (place / name).mkdir(parents=True)
    (place / "file").touch()
    done = starter.run({"root": f"{place}/wbe"})
    assert (done.returncode, done.stderr) == (
        EX_CONFIG, f"start: no such root: {place}/wbe; {listed.format(place=place)}\n")


@pytest.mark.parametrize("way", ["/lib/init", "../lib/init", "../../../lib/init"])
def test_init_is_looked_for_in_the_root(starter, way):
    """Links are followed as in the container."""
    (starter.root / "sbin/init").unlink()
    (starter.root / "sbin/init").symlink_to(way)
    assert starter.run().returncode == EX_CONFIG
    (starter.root / "lib").mkdir()
    (starter.root / "lib/init").touch()
    assert starter.run().returncode == 0


def test_init_in_a_root_that_is_only_usr(starter):
    (starter.root / "usr").mkdir()
    (starter.root / "sbin").rename(starter.root / "usr/sbin")
    assert starter.run().returncode == 0


def test_what_is_bound_may_be_linked_to(starter):
    (starter.root / "sbin/init").unlink()
    (starter.root / "sbin/init").symlink_to("/opt/init")
    assert starter.run({"EXTRA_NSPAWN_FLAGS": "--bind=/srv/opt:/opt"}).returncode == 0


@DRY
@pytest.mark.parametrize("root,runtime_directory", [
    ("/run/container-init/web", None), ("/run/container-init/web//", None), ("/run/a/b", "/run/a/b"),
    ("/run/a/b/", "/run/c:/run/a/b")])
def test_runtime_directory(starter, root, runtime_directory, arguments):
    """systemd would give it, and all that the container has made in it, another owner."""
    directory = root.rstrip("/")
    (starter.run_directory / directory[5:]).mkdir(parents=True)
    before = tree(starter.run_directory)
    variables = {"RUNTIME_DIRECTORY": runtime_directory} if runtime_directory else {}
    done = starter.run({**variables, "root": root, "EXTRA_NSPAWN_FLAGS": "--bind=/a:/"}, *arguments)
    assert done.returncode == EX_CONFIG
    assert done.stderr == (f'start: root="{root}": systemd changes the owner of a runtime directory; '
                           f"wanted: a directory in it, such as {directory}/root\n")
    assert tree(starter.run_directory) == before
    assert not starter.called


VOLATILE = "EXTRA_NSPAWN_FLAGS=--volatile=overlay"


def test_root_in_run_with_a_limit(starter):
    (starter.run_directory / "container-init/web").mkdir(parents=True, mode=0o700)
    done = starter.run({"root": "/run/container-init/web/root",
                        "EXTRA_NSPAWN_FLAGS": "--bind=/a:/ --volatile=overlay"})
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("root", ["/run/container-init/web/root", "/run/nixos-containers/web"])
def test_root_in_the_runtime_directory(starter, root):
    """That of NixOS' own units is the directory itself."""
    directory = "/".join(root.split("/")[:4])
    (starter.run_directory / directory[5:]).mkdir(parents=True)
    (starter.run_directory / directory[5:]).chmod(0o700)  # RuntimeDirectoryMode=
    variables = {"EPHEMERAL": "1"} if "nixos" in root else {}
    done = starter.run({"root": root, "RUNTIME_DIRECTORY": directory, **variables,
                        "EXTRA_NSPAWN_FLAGS": "--bind=/a:/"})
    warning = f'start: root="{root}": the container can fill /run of the host; {VOLATILE} limits what it writes\n'
    assert (done.returncode, done.stderr) == (0, "" if variables else warning)
    assert (starter.run_directory / root[5:] / "etc/machine-id").exists()
    if root.startswith("/run/nixos-containers"):
        assert (starter.run_directory / "nixos-containers").stat().st_mode & 0o7777 == 0o700


def test_dry_run_finds_what_pre_start_does(starter):
    """A start by the unit begins with it. All is told at once."""
    starter.network.add_bridge()
    starter.network.host.ip("link set lo up", "address add 10.6.0.1/32 dev lo")
    (starter.root / "sbin/init").unlink()
    (starter.root / "etc").mkdir()
    os.mkfifo(starter.root / "etc/machine-id")
    done = starter.run({"EXTRA_VETHS": "br0", "LOCAL_ADDRESS": "10.6.0.1"}, "--dry-run")
    assert (done.returncode, done.stdout) == (EX_CONFIG, "")
    assert done.stderr.splitlines() == [
        "start: link br0 is of kind bridge, not a veth, and so not an end of a pair",
        "start: LOCAL_ADDRESS: 10.6.0.1 is an address of this host, by link lo; wanted: one that nobody else has",
        f'start: root="{starter.root}": etc/machine-id in it is a FIFO; wanted: a regular file',
        f'start: root="{starter.root}": there is no /sbin/init in it; wanted: a directory with a system in it, '
        "or the path of its init in STAGE2"]


@pytest.mark.parametrize("users,flags", [
    ("65536", ["--private-users=65536", "--private-users-ownership=auto"]),
    ("1", ["--private-users=1", "--private-users-ownership=auto"]),
    ("0", ["--private-users=0"]), ("pick", ["--private-users=pick"]),
    ("identity", ["--private-users=identity"]), ("no", ["--private-users=no"])])
def test_owners_of_the_files(starter, users, flags):
    """systemd-nspawn sets the second for pick alone. What the user says comes later, and wins."""
    assert starter.run({"PRIVATE_USERS": users}).returncode == 0
    assert [word for word in starter.arguments if word.startswith("--private-users")] == flags


def test_root_that_others_can_reach(starter, tmp_path):
    """One warning, which names the directory and the command."""
    open_place, closed_place = tmp_path / "open place", tmp_path / "closed"
    for place in (open_place, closed_place):
        shutil.copytree(starter.root, place / "web")
    text = (f"start: root=\"{{}}\": every user of the host can execute what is setuid in it; where "
            f"{open_place} holds only containers: chmod 700 '{open_place}'; else move the root\n")
    link = tmp_path / "link"
    link.symlink_to(open_place / "web")
    above = [parent for parent in [tmp_path, *tmp_path.parents] if parent.stat().st_mode & 0o1 == 0]
    closed_place.chmod(0o700)
    modes = {parent: parent.stat().st_mode for parent in above}
    try:
        for parent in above:
            parent.chmod(0o711)
        for root in (open_place / "web", link):
            assert starter.run({"root": str(root)}).stderr == text.format(root)
        assert starter.run({"root": str(closed_place / "web")}).stderr == ""
        open_place.chmod(0o700)
        assert starter.run({"root": str(open_place / "web")}).stderr == ""
        open_place.chmod(0o755)
    finally:
        for parent, mode in modes.items():
            parent.chmod(mode)
    assert starter.run({"root": str(open_place / "web")}).stderr == ""


@pytest.mark.parametrize("owner,users,warned", [
    (1000, "no", False), (0x10000, "no", True), (0x10000, "identity", True), (0x10000, None, True),
    (0x10000, "pick", False)])
def test_root_of_a_user_namespace_that_is_no_more(starter, skip_without, owner, users, warned):
    """As a file system without idmapped mounts keeps it. What start makes has the root's owner."""
    skip_without("root")
    os.chown(starter.root, owner, owner)
    done = starter.run({"PRIVATE_USERS": users} if users else {})
    assert done.returncode == 0
    assert done.stderr == (
        f"start: root=\"{starter.root}\": it belongs to user {owner} of a user namespace, and the "
        "container has none now; to give it to root: systemd-nspawn -q --private-users=0 "
        f"--private-users-chown -D {starter.root} /bin/true\n" if warned else "")
    made = [starter.root / path for path in ("usr/bin", "var/lib/private", "root", "etc/resolv.conf",
                                             "etc/machine-id", "etc/os-release")]
    assert {(path.stat().st_uid, path.stat().st_gid) for path in made} == {(owner, owner)}


@pytest.mark.parametrize("link", ["usr", "var", "var/lib", "root", "etc/resolv.conf"])
@pytest.mark.parametrize("way", ["absolute", "relative", "dangling"])
def test_no_link_leads_out_of_the_root(starter, link, way, tmp_path):
    outside = tmp_path / "outside"
    (outside / "sub").mkdir(parents=True)
    (outside / "resolv.conf").write_text("mine")
    path = starter.root / link
    path.parent.mkdir(parents=True, exist_ok=True)
    target = {"absolute": outside, "relative": pathlib.Path("../" * 20 + str(outside)),
              "dangling": pathlib.Path("/no/such/directory")}[way]
    path.symlink_to(target / "resolv.conf" if link == "etc/resolv.conf" else target)
    before = tree(outside)
    done = starter.run()
    assert tree(outside) == before
    if link == "etc/resolv.conf":
        assert done.returncode == 0
        assert not path.is_symlink()
        return
    assert done.returncode == EX_OSERR
    assert done.stderr.startswith(f"start: cannot open directory {starter.root}/{link}")
    assert done.stderr.endswith(": a symbolic link leads nowhere\n")
    assert not starter.called


MOUNTED = """\
mount --bind "$OUTSIDE" "$root/$AT"
exec "$0" "$@"
"""


def run_with_mount(starter, at, outside):
    """start, where the administrator has bound a directory of the host into the root."""
    return starter.run_command(["sh", "-ec", MOUNTED, starter.build / "start"],
                               {"OUTSIDE": str(outside), "AT": at})


@pytest.fixture
def outside(tmp_path):
    """A directory of the host with all that start looks for, and modes that it would change."""
    path = tmp_path / "outside"
    for name in ("lib/private", "private", "bin"):
        (path / name).mkdir(parents=True)
        (path / name).chmod(0o777)
    path.chmod(0o777)
    return path


@pytest.mark.parametrize("link", ["usr", "usr/bin", "var", "var/lib", "var/lib/private", "root"])
def test_no_link_leads_across_a_mount(starter, link, outside):
    """The mount is the administrator's, the link to it the container's."""
    (starter.root / "srv").mkdir(parents=True)
    (starter.root / link).parent.mkdir(parents=True, exist_ok=True)
    (starter.root / link).symlink_to("/srv")
    before = tree(outside)
    done = run_with_mount(starter, "srv", outside)
    assert tree(outside) == before
    assert done.returncode == 0


@pytest.mark.parametrize("at", ["usr", "usr/bin", "var", "var/lib", "var/lib/private", "root"])
def test_nothing_is_done_across_a_mount(starter, at, outside):
    """The container can move a mount point with the directory that it is in."""
    (starter.root / at).mkdir(parents=True)
    before = tree(outside)
    done = run_with_mount(starter, at, outside)
    assert tree(outside) == before
    assert (done.returncode, done.stderr) == (0, "")


def test_no_file_is_written_across_a_mount(starter, outside):
    (starter.root / "etc").mkdir(parents=True)
    before = tree(outside)
    done = run_with_mount(starter, "etc", outside)
    assert tree(outside) == before
    assert done.returncode == 0
    assert done.stderr == "start: no resolv.conf is copied: etc of the root is behind a mount\n"


@pytest.mark.parametrize("link", ["dev", "etc", "proc", "run", "sys"])
def test_no_link_where_nspawn_mounts(starter, link, tmp_path):
    """systemd-nspawn makes these itself, by their path from the host."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (starter.root / link).symlink_to(outside)
    before = tree(starter.root)
    done = starter.run()
    assert done.returncode == EX_CONFIG
    assert done.stderr == (f'start: root="{starter.root}": {link} in it is a symbolic link, which '
                           "systemd-nspawn would follow out of the root\n")
    assert not starter.called
    assert tree(starter.root) == before


@pytest.mark.parametrize("link", ["var/log", "var/log/journal"])
def test_journal_behind_a_link_is_left_alone(starter, link, tmp_path):
    path = starter.root / link
    path.parent.mkdir(parents=True)
    path.symlink_to(tmp_path)
    done = starter.run()
    assert done.returncode == 0
    assert done.stderr == ("start: the journal is not linked to the host's: a symbolic link is in "
                           "var/log/journal\n")
    assert "--link-journal=no" in starter.arguments
    assert "--link-journal=try-guest" not in starter.arguments


FILES = ["etc/machine-id", "etc/os-release", "etc/resolv.conf"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kind,make", [("a FIFO", os.mkfifo), ("a directory", os.mkdir),
                                       ("a socket", lambda path: os.mknod(path, 0o140600))])
def test_file_that_would_keep_nspawn_waiting(starter, name, kind, make):
    path = starter.root / name
    path.parent.mkdir()
    make(path)
    before = tree(starter.root)
    done = starter.run()
    assert done.returncode == EX_CONFIG
    assert done.stderr == (f'start: root="{starter.root}": {name} in it is {kind}; wanted: a regular '
                           "file\n")
    assert not starter.called
    assert tree(starter.root) == before


LEASE = f"""\
#!{sys.executable} -IS
import fcntl, os, signal, sys
signal.signal(signal.SIGIO, signal.SIG_IGN)
fcntl.fcntl(os.open(sys.argv[1], os.O_RDWR), fcntl.F_SETLEASE, fcntl.F_WRLCK)
print("leased", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("name", ["etc/machine-id", "etc/resolv.conf"])
def test_file_with_a_lease(starter, tmp_path, name):
    """The kernel keeps who opens it waiting for 45 s, unless that one does not want to."""
    path = starter.root / name
    path.parent.mkdir()
    path.write_text("# Copied from the host by container-init.\n")
    (tmp_path / "lease").write_text(LEASE)
    with subprocess.Popen([sys.executable, tmp_path / "lease", path], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"leased\n"
        begin = time.monotonic()
        done = starter.run({"COPY_RESOLV_CONF": "0"})
        assert time.monotonic() - begin < 10
        holder.stdin.close()
    assert (done.returncode, done.stderr) == (EX_OSERR, (
        f"start: cannot read {path}: Resource temporarily unavailable: a process has a lease on it, "
        "fcntl(2)\n"))
    assert not starter.called


def test_fifo_behind_a_link(starter):
    (starter.root / "etc").mkdir()
    os.mkfifo(starter.root / "fifo")
    (starter.root / "etc/os-release").symlink_to("/fifo")
    done = starter.run()
    assert done.returncode == EX_CONFIG
    assert "etc/os-release in it is a FIFO; wanted: a regular file" in done.stderr
    assert not starter.called


@pytest.mark.parametrize("target,text", [
    ("/persistent/id", "of the container\n"), ("../persistent/id", "of the container\n"),
    ("/etc/machine-id", ""), ("/proc/self/root/etc/machine-id", ""), ("/fifo", "")])
def test_machine_id_behind_a_link(starter, target, text):
    """systemd-nspawn follows it from the host, where it may lead to the host's own."""
    (starter.root / "etc").mkdir()
    (starter.root / "persistent").mkdir()
    (starter.root / "persistent/id").write_text("of the container\n")
    (starter.etc / "machine-id").write_text("of the host\n")
    os.mkfifo(starter.root / "fifo")
    path = starter.root / "etc/machine-id"
    path.symlink_to(target)
    done = starter.run()
    assert done.returncode == 0
    assert done.stderr == ("start: etc/machine-id of the root was a symbolic link, and is now a copy "
                           "of what it led to\n")
    assert path.is_file() and not path.is_symlink()
    assert path.read_text() == text


MACHINE_ID = "0123456789abcdef0123456789abcdef"
WITH_JOURNALS = 'mount --bind "$JOURNALS" /var/log && exec "$0"'


@pytest.mark.parametrize("there,linked", [
    (None, True), ("own", True), ("another", False), ("gone", False), ("directory", False)])
@pytest.mark.parametrize("written", [MACHINE_ID, MACHINE_ID.upper() + "\n"])
def test_journal_of_another_container(starter, tmp_path, there, linked, written):
    """The container chooses its ID, and systemd-nspawn replaces the link of that name."""
    journals = tmp_path / "log/journal"
    journals.mkdir(parents=True)
    (starter.root / "etc").mkdir()
    (starter.root / "etc/machine-id").write_text(written)
    link = f"/var/log/journal/{MACHINE_ID}"
    if there == "directory":
        (journals / MACHINE_ID).mkdir()
    elif there:
        root = starter.root if there == "own" else tmp_path / there
        (journals / MACHINE_ID).symlink_to(f"{root}{link}")
        (tmp_path / "another").mkdir()
    done = starter.run_command(["sh", "-c", WITH_JOURNALS, starter.build / "start"],
                               {"JOURNALS": str(journals.parent)})
    assert done.returncode == 0
    assert done.stderr == ("" if linked else "start: the journal is not linked to the host's: "
                           f"{link} is there and not of this root\n")
    assert ("--link-journal=try-guest" in starter.arguments) == linked
    assert ("--link-journal=no" in starter.arguments) != linked


def test_journal_of_the_host(starter):
    (starter.root / "etc").mkdir()
    for etc in (starter.etc, starter.root / "etc"):
        (etc / "machine-id").write_text(f"{MACHINE_ID}\n")
    done = starter.run()
    assert done.returncode == 0
    assert done.stderr == ("start: the journal is not linked to the host's: etc/machine-id is that "
                           "of the host\n")
    assert "--link-journal=no" in starter.arguments


def test_os_release_of_an_image_is_kept(starter):
    etc = starter.root / "etc"
    etc.mkdir(parents=True)
    (etc / "os-release").symlink_to("../usr/lib/os-release")
    (etc / "machine-id").write_text("uninitialized\n")
    assert starter.run().returncode == 0
    assert os.readlink(etc / "os-release") == "../usr/lib/os-release"
    assert (etc / "machine-id").read_text() == "uninitialized\n"


@pytest.mark.parametrize("own,host,flags,named", [
    ("db1\n", "db1\n", "", "web\n"), ("db1", "db1", "", "web\n"), ("db1\n", "db1\n", "-q", "web\n"),
    ("mail\n", "db1\n", "", "mail\n"), (None, "db1\n", "", None), ("", "", "", ""),
    ("web\n", "web\n", "", "web\n"), ("db1\n", None, "", "db1\n"),
    ("db1\n", "db1\n", "--hostname=a", "db1\n"), ("db1\n", "db1\n", "--hostname a", "db1\n")])
def test_root_with_the_name_of_the_host(starter, own, host, flags, named):
    """As debootstrap leaves it. An init calls the container by that name."""
    path = starter.root / "etc/hostname"
    path.parent.mkdir()
    for hostname, text in ((path, own), (starter.etc / "hostname", host)):
        if text is not None:
            hostname.write_text(text)
    printed = starter.run({"EXTRA_NSPAWN_FLAGS": flags}, "--dry-run").stdout
    done = starter.run({"EXTRA_NSPAWN_FLAGS": flags})
    assert done.returncode == 0
    assert (path.read_text() if path.exists() else None) == named
    assert done.stderr == ("start: etc/hostname of the root named the host, and now names web\n"
                           if own != named else "")
    assert (f"echo web >{path}\n" in printed) == (own != named)
    assert starter.run({"EXTRA_NSPAWN_FLAGS": flags}).stderr == ""


def test_hostname_behind_a_link(starter):
    (starter.root / "etc").mkdir()
    (starter.etc / "hostname").write_text("db1\n")
    (starter.root / "name").write_text("db1\n")
    (starter.root / "etc/hostname").symlink_to("../name")
    assert starter.run().stderr == ""
    assert (starter.root / "name").read_text() == "db1\n"


FAMILIES = "--restrict-address-families"


@pytest.mark.parametrize("known,flags,file,wanted", [
    (True, "", None, [FAMILIES + "="]),
    (False, "", None, []),
    (True, f"{FAMILIES}=AF_NETLINK", None, [f"{FAMILIES}=AF_NETLINK"]),
    (True, f"{FAMILIES} AF_NETLINK", None, [FAMILIES]),
    (True, "", "etc/systemd/nspawn/web.nspawn", []),
    (True, "", "run/systemd/nspawn/web.nspawn", []),
    (True, "", "web.nspawn", []),
    (True, "", "db.nspawn", [FAMILIES + "="])])
def test_address_families(starter, tmp_path, known, flags, file, wanted):
    """From systemd 261 on an option says which sockets may be opened inside. It is for the user to use."""
    starter.be_stub(STUB + (f"# {FAMILIES[2:]}\n" if known else ""))
    if file:
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("[Exec]\nRestrictAddressFamilies=AF_NETLINK\n")
    variables = {"EXTRA_NSPAWN_FLAGS": flags}
    printed = starter.run(variables, "--dry-run").stdout
    assert starter.run(variables).returncode == 0
    assert [word for word in starter.arguments if word.startswith(FAMILIES)] == wanted
    assert ("restrict-address-families= " in printed) == (wanted == [FAMILIES + "="])


PUBLIC, STUB_RESOLVER = "nameserver 192.0.2.1\n", "nameserver 127.0.0.53\nsearch a\n"
OF_RESOLVED = "nameserver 192.0.2.2\n"
COPIED = "# Copied from the host by container-init.\n"
NO_SERVER = "/etc/resolv.conf names no server that the container could reach"
PRIVATE = {"PRIVATE_NETWORK": "1"}


@pytest.mark.parametrize("host,resolved,variables,copied,reason", [
    (PUBLIC, OF_RESOLVED, PRIVATE, PUBLIC, None),
    (STUB_RESOLVER, OF_RESOLVED, PRIVATE, OF_RESOLVED, None),
    (STUB_RESOLVER, OF_RESOLVED, {"LOCAL_ADDRESS": "10.1.0.2"}, OF_RESOLVED, None),
    (STUB_RESOLVER, OF_RESOLVED, {"MACVLANS": "a"}, OF_RESOLVED, None),
    (STUB_RESOLVER, OF_RESOLVED, {}, STUB_RESOLVER, None),
    (STUB_RESOLVER, STUB_RESOLVER, PRIVATE, None, NO_SERVER),
    (STUB_RESOLVER, None, PRIVATE, None, NO_SERVER),
    ("", None, PRIVATE, None, NO_SERVER),
    (None, OF_RESOLVED, PRIVATE, OF_RESOLVED, None),
    (None, None, PRIVATE, None, "there is no /etc/resolv.conf"),
    (None, None, {}, None, "there is no /etc/resolv.conf"),
    ("dangling", None, {}, None, "there is no /etc/resolv.conf"),
    (None, None, {"COPY_RESOLV_CONF": "0"}, None, None),
    (PUBLIC, None, {"COPY_RESOLV_CONF": "0"}, None, None),
])
def test_resolv_conf(starter, host, resolved, variables, copied, reason):
    starter.resolv_conf.unlink()
    if host == "dangling":
        starter.resolv_conf.symlink_to("/run/no/such/file")
    elif host is not None:
        starter.resolv_conf.write_text(host)
    if resolved is not None:
        directory = starter.run_directory / "systemd/resolve"
        directory.mkdir(parents=True)
        (directory / "resolv.conf").write_text(resolved)
    own = starter.root / "etc/resolv.conf"
    own.parent.mkdir(parents=True)
    own.write_text("the container's own")
    done = starter.run(variables)
    assert done.returncode == 0
    assert done.stderr == (f"start: no resolv.conf is copied: {reason}\n" if reason else "")
    assert own.read_text() == (COPIED + copied if copied else "the container's own")


@pytest.mark.parametrize("variables,kept,reason", [
    (PRIVATE, COPIED + "nameserver 192.0.2.9\n", NO_SERVER),
    ({"COPY_RESOLV_CONF": "0"}, COPIED, ""),
    (PRIVATE, "nameserver 192.0.2.9\n" + COPIED, NO_SERVER),
    (PRIVATE, "link", NO_SERVER),
], ids=["copied", "unwanted", "own", "link"])
def test_an_earlier_copy_of_resolv_conf_is_removed(starter, variables, kept, reason):
    """It may lead nowhere. What the container itself has put there stays."""
    starter.resolv_conf.write_text("nameserver 127.0.0.53\n")
    own = starter.root / "etc/resolv.conf"
    own.parent.mkdir(parents=True)
    if kept == "link":
        (own.parent / "copy").write_text(COPIED)
        own.symlink_to("copy")
    else:
        own.write_text(kept)
    printed = starter.run(variables, "--dry-run").stdout
    done = starter.run(variables)
    assert done.returncode == 0
    ours = kept.startswith(COPIED)
    removed = "start: removed etc/resolv.conf of the root, copied from the host by an earlier start\n"
    assert done.stderr == ((f"start: no resolv.conf is copied: {reason}\n" if reason else "")
                           + (removed if ours else ""))
    assert own.exists() != ours
    assert (f"rm -f {own}\n" in printed) == ours


# Claims of links


CLAIMED = {**DUAL_STACK, "EXTRA_VETHS": "lan0:eth1 lan1"}


@pytest.mark.parametrize("variables,links", [
    ({}, None),
    (CLAIMED, ["lan0", "lan1", "ve-web"]),
    ({"HOST_BRIDGE": "br0"}, ["vb-web"]),
    ({**DUAL_STACK, "INSTANCE": "really-long-long-name-2"}, ["ve-really-lFYWO"]),
], ids=["none", "pairs", "bridge", "long"])
def test_links_are_claimed_for_systemd_nspawn(starter, variables, links):
    """Before it makes them, by the names that the kernel will know, and only while it runs."""
    starter.network.add_bridge()
    starter.act('for claim in /run/container-links/*; do test ! -e "$claim" || '
                'echo "${claim##*/} $(readlink "$claim") /proc/$$/../../run/container-variables/$INSTANCE"; '
                'done >"$0.claims"')
    directory = starter.run_directory / "container-links"
    if links:
        directory.mkdir()
        (directory / links[0]).symlink_to("/proc/1")  # left by an earlier run
    assert starter.run(variables).returncode == 0
    claims = [line.split() for line in starter.kept("claims").splitlines()]
    if not links:
        assert not directory.exists()
        return
    assert [name for name, *_ in claims] == links
    assert {end for _, *ends in claims for end in ends} == {claims[0][2]}
    assert directory.stat().st_mode & 0o7777 == 0o755
    assert not any(claim.exists() for claim in directory.iterdir())


def test_post_start_connects_all_that_run(starter):
    """As each was started, and only what start has recorded."""
    host = starter.network.host
    starter.network.add_bridge()
    starter.act("ip link add vb-web type veth peer name in-web && sleep 60; :")
    started = starter.start({"HOST_BRIDGE": "br0", "EXTRA_VETHS": "lan0,HOST_BRIDGE=br1"})
    enter = ["nsenter", "--mount", "--root", "--target", started.pid]
    records = pathlib.Path(f"/proc/{started.pid}/root/run/container-variables")
    (records / "ended").write_text("99999999 1\0\0INSTANCE=ended\0HOST_ADDRESS=10.6.6.6\0")
    (records / "other").write_text("1 1\0\0INSTANCE=other\0HOST_ADDRESS=10.6.6.6\0")
    (records / "nothing").write_text("")
    (records / ".unfinished").write_text(f"{started.pid}")
    wait_until(lambda: "vb-web" in host.links())
    with host.unchanged():
        printed = host.run([*enter, starter.build / "post-start", "--all", "--dry-run"])
    assert (printed.stdout, printed.stderr) == ("ip link set dev vb-web master br0 up\n", "")
    done = host.run([*enter, starter.build / "post-start", "--all"])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert host.link("vb-web")["master"] == "br0"


# Hears of all changes of links, addresses and routes; loses some, and executes a program that has to find out.
LOSE = """
import os, socket, subprocess, sys
heard = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)
heard.bind((0, 0x551))
subprocess.run(["ip", "-batch", "-"], input=sys.argv[1], text=True, check=True)
os.dup2(heard.fileno(), 0)
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.mark.parametrize("lost", ["address flush dev ve-web", "route flush dev ve-web",
                                  f"address delete {DUAL_STACK['HOST_ADDRESS6']} dev ve-web",
                                  "link set ve-web down\nlink set ve-web up"])
def test_post_start_gives_back_what_a_link_loses(starter, lost):
    host = starter.network.host
    starter.act("ip link add ve-web type veth peer name in-web && ip link add lan0 type veth peer name in-lan "
                "&& sleep 60; :")
    started = starter.start({**DUAL_STACK, "EXTRA_VETHS": "lan0,HOST_ADDRESS=10.9.0.1,LOCAL_ADDRESS=10.9.0.2"})
    wait_until(lambda: "lan0" in host.links() and host.addresses("lan0"))
    before = host.state()
    enter = ["nsenter", "--mount", "--root", "--target", started.pid]
    post_start = [starter.build / "post-start", "--changes"]
    done = host.run([*enter, sys.executable, "-c", LOSE, lost, *post_start])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert host.state() == before
    down = f"{lost}\nlink set ve-web down\naddress flush dev lan0"
    printed = host.run([*enter, sys.executable, "-c", LOSE, down, *post_start, "--dry-run"])
    assert (printed.returncode, printed.stderr) == (0, "")
    assert "ip address add 10.9.0.1/32 dev lan0\n" in printed.stdout
    assert "ve-web" not in printed.stdout


NOISE = ["link set br0 up\naddress add fd77::1/64 dev br0 valid_lft 100 preferred_lft 100\n"
         "address delete fd77::1/64 dev br0",
         "address add 10.77.0.1/24 dev br0\naddress delete 10.77.0.1/24 dev br0"]


@pytest.mark.parametrize("noise", NOISE, ids=["router", "administrator"])
def test_addresses_of_a_bridge_concern_no_container(starter, noise):
    """They come and go with Router Advertisements that a container sends, as often as it likes."""
    host = starter.network.host
    host.ip("link add br0 type bridge", "link set br0 up")
    starter.act("ip link add vb-web type veth peer name in-web && sleep 60; :")
    started = starter.start({"HOST_BRIDGE": "br0"})
    wait_until(lambda: host.link("vb-web") and host.link("vb-web").get("master") == "br0")
    enter = ["nsenter", "--mount", "--root", "--target", started.pid]
    done = host.run([*enter, sys.executable, "-c", LOSE, noise, starter.build / "post-start", "--changes", "--dry-run"])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    host.ip("link set br0 down")
    done = host.run([*enter, sys.executable, "-c", LOSE, "link set br0 up", starter.build / "post-start",
                     "--changes", "--dry-run"])
    assert done.stdout == "ip link set dev vb-web master br0 up\n"


def test_post_start_needs_a_socket_to_hear_of_changes(starter):
    done = starter.network.host.run([starter.build / "post-start", "--changes"])
    assert (done.returncode, done.stderr) == (EX_USAGE, (
        "post-start: standard input is no socket of rtnetlink, which container-links.socket passes\n"))


def test_post_start_believes_no_other_process(starter, tmp_path):
    """Not even with the number of a systemd-nspawn that has ended, its name, its program and its users."""
    host = starter.network.host
    host.ip("link add ve-db type veth peer name in-db")
    starter.act("sleep 60; :")
    started = starter.start({"HOST_ADDRESS": "10.0.0.1"})
    hostile = tmp_path / "hostile/systemd-nspawn"
    hostile.parent.mkdir()
    shutil.copy(shutil.which("sleep"), hostile)
    other = subprocess.Popen([*host.enter, hostile, "60"], env={"INSTANCE": "db", "HOST_ADDRESS": "10.6.6.6"})
    records = pathlib.Path(f"/proc/{started.pid}/root/run/container-variables")
    (record,) = records.iterdir()
    process, time, *_ = record.read_text().partition("\0")[0].split()
    (records / "db").write_text(f"{other.pid} {time}\0\0INSTANCE=db\0HOST_ADDRESS=10.6.6.6\0")
    (records.parent / "container-links/ve-db").symlink_to(f"/proc/{other.pid}/../../run/container-variables/db")
    enter = ["nsenter", "--mount", "--root", "--target", started.pid]
    host.ip("link set ve-db up")
    printed = host.run([*enter, starter.build / "post-start", "--all", "--dry-run"])
    lost = host.run([*enter, sys.executable, "-c", LOSE, "link set ve-db down\nlink set ve-db up",
                     starter.build / "post-start", "--changes", "--dry-run"])
    other.kill()
    other.wait()
    assert process == str(started.pid)
    for done in (printed, lost):
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_record_is_for_root_alone(starter):
    """Variables may hold a secret."""
    starter.act("stat -c '%a %u' /run/container-variables /run/container-variables/* >\"$0.modes\"")
    assert starter.run({"EXTRA_NSPAWN_FLAGS": "--setenv=KEY=secret"}).returncode == 0
    assert starter.kept("modes") == "700 0\n600 0\n"


def test_claims_that_cannot_be_made(starter):
    (starter.run_directory / "container-links").touch()
    done = starter.run(CLAIMED)
    assert done.returncode == EX_OSERR
    assert done.stderr == "start: cannot remove /run/container-links/lan0: Not a directory\n"
    assert not starter.called


# --dry-run


def without_processes(found):
    """Neither the process of a container in claims and records, nor the mode that a shell gives a file."""
    return {path: (mode, owner, re.sub(r"/proc/\d+|^\d+ \d+", "PID", content) if content else content)
            if "/container-" not in path else (owner, re.sub(r"/proc/\d+|^\d+ \d+", "PID", content or ""))
            for path, (mode, owner, content) in found.items()}


HOSTILE = r"""a b'c"d$HOME`id`\e*;&|<>(){}#~!""" + "\t\x7f\u00e9"


@pytest.mark.parametrize("variables", [
    {},
    {**DUAL_STACK, "EXTRA_VETHS": "lan0:eth1 lan1", "HOST_PORT": "53"},
    {"HOST_BRIDGE": "br0"},
    {"STAGE2": "/" + HOSTILE, "SYSTEM_PATH": "/\n", "TMPFS": "/a'b:$c /*",
     "EXTRA_NSPAWN_FLAGS": "--setenv " + shlex.quote(HOSTILE) + " --chdir '' --chdir '\n' -q", "NETWORK_NAMESPACE_PATH": "/'"},
], ids=["none", "pairs", "bridge", "hostile"])
def test_dry_run_prints_what_a_shell_does(starter, variables, tmp_path):
    """Nothing is done; and the same is, where it is pasted."""
    links = ["ve-web", "vb-web", "lan0", "lan1"]
    starter.act("".join(f"ip link add {link} type veth peer name in-{link}\n" for link in links))
    starter.network.add_bridge()
    flags = variables.get("EXTRA_NSPAWN_FLAGS", "") + " --bind=/a:/"
    variables = {**variables, "root": str(tmp_path / HOSTILE / "root"), "EXTRA_NSPAWN_FLAGS": flags}
    before = tree(tmp_path)
    with starter.network.host.unchanged():
        printed = starter.run(variables, "--dry-run")
    assert (printed.returncode, printed.stderr) == (0, "")
    assert tree(tmp_path) == before

    pasted = starter.run_command(["sh", "-e", "-c", printed.stdout], variables)
    assert (pasted.returncode, pasted.stderr) == (0, "")
    by_shell = starter.arguments, starter.stub_environment, without_processes(tree(tmp_path))
    starter.network.host.ip(*(f"link delete {link}" for link in links))
    shutil.rmtree(tmp_path / HOSTILE)
    shutil.rmtree(starter.run_directory / "containers")
    shutil.rmtree(starter.run_directory / "container-variables")
    shutil.rmtree(starter.run_directory / "container-links", ignore_errors=True)
    starter.forget()
    assert starter.run(variables).returncode == 0
    wait_until(lambda: not starter.waiters(), pause=0.05)
    assert (starter.arguments, starter.stub_environment, without_processes(tree(tmp_path))) == by_shell


def test_dry_run_shows_the_host_s_end(starter):
    printed = starter.run(DUAL_STACK, "--dry-run").stdout
    later = printed.partition("# when systemd-nspawn has made the links:\n")[2]
    assert later == starter.network.post_start(DUAL_STACK, "--dry-run").stdout


def test_dry_run_is_that_of_the_manual(starter, build):
    """In container-hooks(8), where long lines go on in another one."""
    printed = starter.run({"HOST_ADDRESS": "10.0.0.1", "LOCAL_ADDRESS": "10.0.0.2"}, "--dry-run").stdout
    for here, there in [(starter.environment({})["PATH"], PATH_OF_UNITS),
                        (str(starter.root), "/var/lib/containers/web"),
                        (str(starter.root.parent), "/var/lib/containers"),
                        (str(build), "/usr/local/libexec/container-init")]:
        printed = printed.replace(here, there)
    (shown,) = [text for text in manual.displays(MANUAL) if text.startswith("# ./start --dry-run\n")]
    assert printed.splitlines() == shown.replace(" \\\n    ", " ").splitlines()[1:]


# The waiter


EXTRA = "lan0:eth1,HOST_ADDRESS=10.2.0.1,LOCAL_ADDRESS=10.2.0.2 dmz0,HOST_BRIDGE=br0"


@pytest.mark.parametrize("variables,links", [
    (DUAL_STACK, ["ve-web"]),
    ({**ADDRESSES["network"], "HOST_BRIDGE": "br0"}, ["vb-web"]),
    ({"EXTRA_VETHS": EXTRA}, ["lan0", "dmz0"]),
    ({**DUAL_STACK, "EXTRA_VETHS": EXTRA}, ["ve-web", "lan0", "dmz0"]),
], ids=["pair", "bridge", "extra", "all"])
def test_links_are_configured_when_they_appear(starter, variables, links):
    """As post-start does: it finds nothing left to do."""
    starter.network.add_bridge()
    made = [f"sleep 0.02; ip link add {link} type veth peer name in{i}"
            for i, link in enumerate(links)]
    starter.act("\n".join([*made, "exec sleep 60"]))
    started = starter.start(variables, stderr=subprocess.PIPE)
    host = starter.network.host
    wait_until(lambda: starter.network.host.links().issuperset(links) and not starter.waiters(),
               pause=0.05)
    with host.unchanged():
        assert starter.network.post_start(variables).returncode == 0
    assert all("UP" in host.link(link)["flags"] for link in links)
    assert started.poll() is None
    started.kill()
    assert started.communicate()[1] == ""


def test_link_of_a_long_name(starter):
    starter.act("ip link add ve-really-lFYWO type veth peer name host0\nexec sleep 60")
    starter.start({**DUAL_STACK, "INSTANCE": LONG_NAME})
    wait_until(lambda: not starter.waiters(), pause=0.05)
    assert starter.network.host.addresses("ve-really-lFYWO") == {"10.1.0.1/32", "fd01::1/128"}


OTHERS = range(500)  # pairs
LONG_NAME = "really-long-long-name-2"


def let_others_come_and_go(host):
    """A thousand links, half of them with a long name as that of a container."""
    host.ip(*[command for i in OTHERS for command in (
        f"link add other{i} group 7 type veth peer name peer{i}",
        f"link property add dev other{i} altname ve-{LONG_NAME}{i}")])
    host.ip("link delete group 7")


def wake_ups(process):
    return int(status_field(process.name, "voluntary_ctxt_switches"))


@pytest.mark.parametrize("instance,link", [("web", "ve-web"), (LONG_NAME, "ve-really-lFYWO")],
                         ids=["short", "long"])
def test_waiter_is_not_woken_by_other_links(starter, instance, link):
    starter.act("exec sleep 60")
    starter.start({**DUAL_STACK, "INSTANCE": instance})
    (waiter,) = starter.waiters()
    wait_until(lambda: sleeps(waiter.name, starter.build / "start"))
    before = wake_ups(waiter)
    let_others_come_and_go(starter.network.host)
    assert wake_ups(waiter) == before
    starter.network.add_pair(link, "host0")
    wait_until(lambda: not starter.waiters(), pause=0.05)
    assert starter.network.host.addresses(link) == {"10.1.0.1/32", "fd01::1/128"}


def test_kernel_that_takes_no_filter(starter):
    """The waiter is woken by every link, and finds its own all the same."""
    starter.act("ip link add other0 type veth peer name other1\nsleep 0.1\n"
                "ip link add ve-web type veth peer name host0\n"
                "until ip -6 route show dev ve-web | grep --quiet fd01::2; do sleep 0.01; done")
    done = starter.run_command(
        ["strace", "-qq", "-o", "/dev/null", "-e", "inject=setsockopt:error=ENOMEM",
         starter.build / "start"], {**DUAL_STACK, **NO_LEAK_CHECK})
    assert (done.returncode, done.stderr) == (0, "")
    assert starter.network.host.addresses("ve-web") == {"10.1.0.1/32", "fd01::1/128"}


def test_waiter_ends_with_nspawn(starter):
    """Though the links never were there, or not all."""
    starter.act("ip link add ve-web type veth peer name host0\nexec sleep 60")
    started = starter.start({**DUAL_STACK, "EXTRA_VETHS": "lan0"}, stderr=subprocess.PIPE)
    wait_until(lambda: "ve-web" in starter.network.host.links(), pause=0.05)
    assert len(starter.waiters()) == 1
    assert starter.network.host.addresses("ve-web") == set()
    started.kill()
    assert started.communicate(timeout=LONG)[1] == ""
    wait_until(lambda: not starter.waiters(), pause=0.05)


def test_waiter_stands_by_itself(starter):
    """No child of systemd-nspawn, and nothing open that another one waits to be closed."""
    starter.act("exec sleep 60")
    given = os.open("/dev/zero", os.O_RDONLY)
    started = starter.start({**DUAL_STACK, "NOTIFY_SOCKET": "@nobody"}, pass_fds=[given],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    os.close(given)
    (waiter,) = starter.waiters()
    assert int(status_field(waiter.name, "PPid")) != started.pid
    assert all(os.path.samefile(waiter / "fd" / fd, "/dev/null") for fd in "01")
    opened = {fd.name: os.readlink(fd) for fd in (waiter / "fd").iterdir()}
    assert opened["2"] == os.readlink(f"/proc/{started.pid}/fd/2")
    others = sorted(target.partition("[")[0] for fd, target in opened.items() if fd not in "012")
    kinds = [kind for kind in others if kind != "pidfd:"]  # as later kernels call that
    assert kinds[-3:] == 3 * ["socket:"] and set(kinds[:-3]) == {"anon_inode:"}


UNIFIED = ["sh", "-ec", '[ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ] || '
           'mount -n -t cgroup2 cgroup2 /sys/fs/cgroup; exec "$@"', "sh"]
OWN_GROUP = "own=/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)\n"


@pytest.fixture
def group(skip_without):
    """A control group as that of a unit."""
    skip_without("root")
    made = ControlGroup()
    yield made
    made.close()


@pytest.mark.parametrize("made,left", [("supervisor", ["supervisor"]), ("other", ["other", "waiter"])],
                         ids=["nspawn", "other"])
def test_control_group_of_the_waiter(group, starter, made, left):
    """It goes with the waiter, which leaves it for that of systemd-nspawn."""
    starter.act(OWN_GROUP + f'mkdir "$own/{made}"; echo $$ >"$own/{made}/cgroup.procs"\n'
                'echo "$own" >"$0.group"\n'
                'cat "$own/waiter/cgroup.procs" >"$0.waiter"\n'
                "ip link add ve-web type veth peer name host0\nexec sleep 60")
    started = starter.start(DUAL_STACK, before=[*group.enter, *UNIFIED])
    wait_until(lambda: "ve-web" in starter.network.host.links() and not starter.waiters(), pause=0.05)
    assert len((starter.bin / "systemd-nspawn.waiter").read_text().split()) == 1
    own = (starter.bin / "systemd-nspawn.group").read_text().strip()
    seen = pathlib.Path(f"/proc/{started.pid}/root{own}")
    assert sorted(entry.name for entry in seen.iterdir() if entry.is_dir()) == left


def test_nothing_of_the_waiter_s_in_nspawn(starter):
    starter.act("ls -l /proc/self/fd")
    opened = starter.run(DUAL_STACK).stdout
    assert "pipe:" in opened and "socket:" not in opened


CONFLICT = ("start: cannot add route 10.1.0.2 dev ve-web: File exists: 10.1.0.2 already leads to "
            "ve-db\n")


def make_conflict(starter):
    starter.network.add_pair("ve-db", "other")
    starter.network.host.ip("link set ve-db up", "route add 10.1.0.2 dev ve-db")


def test_a_fault_of_the_host_s_end_ends_nspawn(starter):
    make_conflict(starter)
    starter.act("sleep 60 &\ntrap 'kill $!; exit 7' TERM\n"
                "ip link add ve-web type veth peer name host0\nwait $!")
    started = starter.start(DUAL_STACK, stderr=subprocess.PIPE)
    assert started.wait(timeout=LONG) == 7
    assert started.stderr.read() == CONFLICT
    wait_until(lambda: not starter.waiters(), pause=0.05)


def test_also_one_that_does_not_want_to(starter):
    make_conflict(starter)
    starter.act("trap '' TERM\nip link add ve-web type veth peer name host0\nexec sleep 60")
    started = starter.start(DUAL_STACK, stderr=subprocess.PIPE)
    assert started.wait(timeout=LONG) == -signal.SIGKILL
    assert started.stderr.read() == CONFLICT


def test_link_that_is_no_veth(starter):
    starter.act("sleep 60 &\ntrap 'kill $!; exit 7' TERM\nip link add ve-web type bridge\nwait $!")
    started = starter.start(DUAL_STACK, stderr=subprocess.PIPE)
    assert started.wait(timeout=LONG) == 7
    assert started.stderr.read() == ("start: link ve-web is of kind bridge, not a veth, and so not "
                                     "an end of a pair\n")


def test_waiter_outlives_a_stop_of_its_own(starter):
    starter.act("exec sleep 60")
    starter.start(DUAL_STACK)
    (waiter,) = starter.waiters()
    wait_until(lambda: sleeps(waiter.name, starter.build / "start"))
    os.kill(int(waiter.name), signal.SIGSTOP)
    wait_until(lambda: status_field(waiter.name, "State").startswith("T"))
    os.kill(int(waiter.name), signal.SIGCONT)
    starter.network.add_pair("ve-web", "host0")
    wait_until(lambda: not starter.waiters(), pause=0.05)
    assert starter.network.host.addresses("ve-web") == {"10.1.0.1/32", "fd01::1/128"}


@pytest.mark.parametrize("injected", [["-f", "-e", "inject=poll:error=EINTR:when=1"],
                                      ["-e", "inject=wait4:error=EINTR:when=1"]],
                         ids=["poll", "wait"])
def test_interrupted_calls(starter, injected):
    starter.act("ip link add ve-web type veth peer name host0\n"
                "until ip -6 route show dev ve-web | grep --quiet fd01::2; do sleep 0.01; done")
    done = starter.run_command(
        ["strace", "-qq", "-o", "/dev/null", "-e", "trace=poll,wait4", *injected,
         starter.build / "start"], {**DUAL_STACK, **NO_LEAK_CHECK})
    assert (done.returncode, done.stderr) == (0, "")
    assert starter.network.host.addresses("ve-web") == {"10.1.0.1/32", "fd01::1/128"}


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&-", "0<&- 2>&-",
                                    "0<&- 1>&- 2>&-"])
def test_closed_standard_streams(starter, closed):
    starter.act("sleep 0.1; ip link add ve-web type veth peer name host0; exec sleep 60")
    starter.start({**DUAL_STACK, **NO_LEAK_CHECK}, before=["sh", "-c", f'exec "$0" {closed}'])
    wait_until(lambda: "ve-web" in starter.network.host.links() and not starter.waiters(),
               pause=0.05)
    assert starter.network.host.addresses("ve-web") == {"10.1.0.1/32", "fd01::1/128"}


# What the service manager hears

# Says what a test wants in systemd-nspawn's place; `leader` is its child, PID 1 of the container.
SPEAKING_STUB = f"""\
#!{sys.executable} -IS
import os, socket, subprocess, sys, time

def say(text, sender=socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)):
    sender.sendto(text.encode(), os.environ["NOTIFY_SOCKET"])

def make_links():
    subprocess.run("ip link add ve-web type veth peer name host0 && ip link set host0 up", shell=True, check=True)

def run(*command):
    leader = os.spawnvp(os.P_NOWAIT, command[0], command)
    say(f"STATUS=Container running.\\nX_NSPAWN_LEADER_PID={{leader}}")
    return leader

def wait_for_waiter():
    # Until it traces this process: a real systemd-nspawn takes longer to start a container.
    while "TracerPid:\\t0\\n" in open("/proc/self/status").read():
        time.sleep(0.001)

open(sys.argv[0] + ".called", "w").close()
exec(open(sys.argv[0] + ".action").read())
"""
STATUS = "ve-web 10.1.0.1 - eth0 10.1.0.2, fd01::1 - fd01::2"


class Manager:
    """The service manager's socket, as a path of the private /run."""

    def __init__(self, starter):
        self.starter = starter
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.settimeout(LONG)
        bind_in(self._socket, starter.run_directory, "manager")

    def start(self, action, variables=DUAL_STACK, **options):
        """With a systemd-nspawn that does so."""
        self.starter.be_stub(SPEAKING_STUB)
        self.starter.act(action)
        return self.starter.start({**variables, "NOTIFY_SOCKET": "/run/manager"}, **options)

    def receive(self):
        """A message and the process that is said to have sent it."""
        text, ancillary, _, _ = self._socket.recvmsg(4096, 1024)
        (credentials,) = [data for _, kind, data in ancillary if kind == socket.SCM_CREDENTIALS]
        return text.decode(), struct.unpack("3i", credentials)[0]

    def receive_until(self, wanted):
        """All messages up to the first that has this."""
        texts = []
        while not texts or wanted not in texts[-1]:
            texts.append(self.receive()[0])
        return texts

    def rest(self):
        """What has come by now."""
        self._socket.setblocking(False)
        texts = []
        with contextlib.suppress(BlockingIOError):
            while True:
                texts.append(self.receive()[0])
        return texts

    def close(self):
        self._socket.close()


def bind_in(opened, directory, name):
    """By a path that is short enough for a socket."""
    descriptor = os.open(directory, os.O_RDONLY)
    opened.bind(f"/proc/self/fd/{descriptor}/{name}")
    os.close(descriptor)


@pytest.fixture
def manager(starter, skip_without):
    skip_without("root")  # to speak in another process' name
    made = Manager(starter)
    yield made
    made.close()


def test_the_unit_is_ready_when_the_host_s_end_is(starter, manager):
    started = manager.start("make_links(); run('sleep', '60'); say('READY=1'); time.sleep(60)")
    texts = []
    while not texts or "READY=1\n" not in texts[-1]:
        text, sender = manager.receive()
        assert sender == started.pid
        texts.append(text)
    assert starter.network.host.addresses("ve-web") == {"10.1.0.1/32", "fd01::1/128"}
    assert texts == ["STATUS=waiting for systemd-nspawn",
                     "STATUS=network is up, waiting for READY=1 of /sbin/init", f"READY=1\nSTATUS={STATUS}"]
    wait_until(lambda: not starter.waiters(), pause=0.05)


def test_systemd_nspawn_that_does_not_name_the_first_process(starter, manager):
    """As a later one may do; it has said that the container is ready."""
    manager.start("make_links(); say('READY=1'); time.sleep(60)")
    assert f"READY=1\nSTATUS={STATUS}" in manager.receive_until("READY=1\n")


def test_the_unit_is_not_ready_before_the_container(starter, manager):
    manager.start("make_links(); run('sleep', '60'); time.sleep(60)")
    manager.receive_until("waiting for READY=1")
    (waiter,) = starter.waiters()
    wait_until(lambda: sleeps(waiter.name, starter.build / "start"))
    assert manager.rest() == []


def test_nothing_else_of_the_container_s_is_passed_on(starter, manager):
    """As a systemd-nspawn may do that is not the one of today."""
    lines = ["MAINPID=1", "FDSTORE=1", "FDNAME=x", "EXTEND_TIMEOUT_USEC=1", "BARRIER=1", "ERRNO=2", "WATCHDOG=1",
             "RELOADING=1", "BUSERROR=x", "STATUS=Container running: \x1b[2J\\x20\u00e9"]
    manager.start(f"make_links(); run('sleep', '60')\nfor line in {lines!r}: say(line)\n"
                  f"say('\\n'.join({lines!r})); time.sleep(0.1); say('READY=1'); time.sleep(60)")
    heard = "\n".join(manager.receive_until("READY=1\n")).splitlines()
    assert {line.partition("=")[0] for line in heard} <= {"STATUS", "READY", "X_STATUS", "X_END"}
    assert r"STATUS=/sbin/init: ?[2J\x20??" in heard


def test_a_flood_before_the_container_is_ready(starter, manager):
    """One status a second is passed on."""
    manager.start("make_links(); run('sleep', '60')\nend = time.monotonic() + 1.5\n"
                  "while time.monotonic() < end: say('STATUS=Container running: flood')\n"
                  "say('READY=1'); time.sleep(60)")
    flood = [text for text in manager.receive_until("READY=1\n") if "flood" in text]
    assert 1 <= len(flood) <= 4


def test_what_comes_after_ready_is_dropped(starter, manager):
    """And the sender does not notice."""
    manager.start("make_links(); run('sleep', '60'); say('READY=1')\n"
                  f"while os.path.exists('{starter.run_directory}/container-init/web/notify/sink'): time.sleep(0.01)\n"
                  "for i in range(10000): say('READY=1')\n"
                  "open(sys.argv[0] + '.sent', 'w').close(); time.sleep(60)")
    manager.receive_until("READY=1\n")
    wait_until((starter.bin / "systemd-nspawn.sent").exists, pause=0.05)
    assert manager.rest() == []


def test_only_systemd_nspawn_is_believed(starter, manager):
    manager.start("make_links()\nif os.fork() == 0: say('READY=1'); say('STOPPING=1'); os._exit(0)\n"
                  "os.wait(); run('sleep', '60'); time.sleep(60)")
    manager.receive_until("waiting for READY=1")
    (waiter,) = starter.waiters()
    wait_until(lambda: sleeps(waiter.name, starter.build / "start"))
    assert manager.rest() == []


def test_socket_that_only_root_reaches(starter, manager):
    """Whatever was left there, and whatever the mode of the directory above."""
    left = starter.run_directory / "container-init/web/notify"
    left.mkdir(parents=True)
    left.chmod(0o777)
    (left / "socket").write_text("left")
    (left / "sink").symlink_to("/etc/passwd")
    manager.start("time.sleep(60)")
    assert left.stat().st_mode & 0o7777 == 0o700
    assert (left / "socket").is_socket() and (left / "sink").is_socket()


def test_without_a_service_manager_there_is_no_socket(starter):
    starter.act("env >\"$0.given\"")
    assert starter.run(DUAL_STACK).returncode == 0
    assert not (starter.run_directory / "container-init").exists()


def test_program_that_ends_at_once(starter, manager):
    """Its end comes after the message, whatever the waiter does meanwhile."""
    started = manager.start("wait_for_waiter(); make_links(); run('true')\n"
                            "say('READY=1'); say('STOPPING=1'); os._exit(0)")
    assert f"READY=1\nSTATUS={STATUS}" in manager.receive_until("READY=1\n")
    assert started.wait(timeout=LONG) == 0


def test_program_that_cannot_be_executed(starter, manager):
    """systemd-nspawn has called itself ready before."""
    manager.start("make_links(); run('true'); say('READY=1')\n"
                  "say('STATUS=Container running: container-init: cannot execute /x'); say('STOPPING=1')")
    assert manager.receive_until("/x")[-1] == "STATUS=container-init: cannot execute /x"
    wait_until(lambda: not starter.waiters(), pause=0.05)
    assert manager.rest() == []


@pytest.mark.parametrize("before,status", [
    ("", "systemd-nspawn did not start the container: see the journal"),
    ("make_links(); run('true'); ", "the container has ended before READY=1 of /sbin/init"),
])
def test_status_of_an_early_end(starter, manager, before, status):
    manager.start(f"{before}say('STOPPING=1\\nSTATUS=Terminating...')")
    assert manager.receive_until("STATUS=the " if before else "not start")[-1] == f"STATUS={status}"
    wait_until(lambda: not starter.waiters(), pause=0.05)


def test_link_that_systemd_nspawn_does_not_make(starter, manager):
    """As where a rule of udev gives it another name."""
    started = manager.start("run('true'); time.sleep(60)", stderr=subprocess.PIPE)
    fault = "cannot find link ve-web: No such device: systemd-nspawn has made all that it makes"
    assert manager.receive_until("MAINPID=")[-1].endswith(f"\nSTATUS={fault}")
    started.wait(timeout=LONG)
    assert started.stderr.read() == f"start: {fault}\n"


def test_a_fault_of_the_host_s_end_is_the_unit_s(starter, manager):
    """Which then ends with the waiter."""
    make_conflict(starter)
    started = manager.start("make_links(); run('sleep', '60'); time.sleep(60)")
    takes_over, sender = manager.receive()
    while "MAINPID=" not in takes_over:
        takes_over, sender = manager.receive()
    assert sender == started.pid
    assert takes_over.split("\n")[1] == CONFLICT.replace("start: ", "STATUS=").strip()
    started.wait(timeout=LONG)


# The journal


@pytest.fixture
def journal(starter):
    """Where systemd-journald takes messages."""
    directory = starter.run_directory / "systemd/journal"
    directory.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as opened:
        bind_in(opened, directory, "socket")
        opened.settimeout(LONG)
        yield opened


def fields_of(message):
    """Of the journal's native protocol, each value with its size before it."""
    found = {}
    while message:
        name, _, rest = message.partition(b"\n")
        size = int.from_bytes(rest[:8], "little")
        found[name.decode()] = rest[8:8 + size].decode()
        message = rest[8 + size + 1:]
    return found


def journal_stream(opened):
    status = os.fstat(opened.fileno())
    return f"{status.st_dev}:{status.st_ino}"


NO_RESOLV_CONF = "start: no resolv.conf is copied: there is no /etc/resolv.conf"


def test_a_line_of_ours_has_its_level_in_the_journal(starter, journal, tmp_path):
    """What the container prints goes through the stream as it is."""
    starter.act("echo '<0>out'")
    starter.resolv_conf.unlink()
    with open(tmp_path / "stream", "w+") as own:
        started = starter.start({"JOURNAL_STREAM": journal_stream(own)}, stdout=own, stderr=own)
        assert started.wait() == 0
        own.seek(0)
        assert own.read() == "<0>out\n"
    message = fields_of(journal.recv(4096))
    unit = message.pop("OBJECT_SYSTEMD_UNIT", "")
    assert message == {"MESSAGE": NO_RESOLV_CONF, "PRIORITY": "4", "SYSLOG_IDENTIFIER": "container web"}
    assert unit in pathlib.Path("/proc/self/cgroup").read_text()  # none outside of a unit


@pytest.mark.parametrize("names_stream", [False, True])
def test_without_a_journal_lines_go_to_standard_error(starter, tmp_path, names_stream):
    starter.resolv_conf.unlink()
    with open(tmp_path / "stream", "w+") as own:
        environment = {"JOURNAL_STREAM": journal_stream(own)} if names_stream else {}
        assert starter.start(environment, stderr=own).wait() == 0
        own.seek(0)
        assert own.read() == f"{NO_RESOLV_CONF}\n"


def test_nspawn_that_cannot_be_executed(starter, manager):
    """What is said of it goes to the service manager itself."""
    starter.be_stub("#!/no/such/interpreter\n")
    started = starter.start({**DUAL_STACK, "NOTIFY_SOCKET": "/run/manager", **NO_LEAK_CHECK}, stderr=subprocess.PIPE)
    assert started.wait() == NOT_FOUND
    assert started.stderr.read().startswith("start: cannot execute ")
    assert manager.receive_until("cannot execute")
    wait_until(lambda: not starter.waiters(), pause=0.05)


# The guard of early stops


def has_signal(process, field, number):
    return int(status_field(process, field), 16) >> (number - 1) & 1 == 1


def test_trace_of_a_stop_is_kept_in_a_unit(starter, manager):
    started = manager.start("time.sleep(60)")
    assert has_signal(started.pid, "SigBlk", signal.SIGCONT)
    assert not has_signal(started.pid, "SigBlk", signal.SIGTERM)
    os.kill(started.pid, signal.SIGCONT)
    assert has_signal(started.pid, "ShdPnd", signal.SIGCONT)
    assert len(starter.waiters()) == 1
    started.kill()
    wait_until(lambda: not starter.waiters(), pause=0.05)


@pytest.mark.parametrize("variables", [{}, DUAL_STACK])
def test_no_guard_without_a_service_manager(starter, variables):
    starter.be_stub(WAITING_STUB)
    started = starter.start(variables)
    assert not has_signal(started.pid, "SigBlk", signal.SIGCONT)
    started.kill()
    wait_until(lambda: not starter.waiters(), pause=0.05)
