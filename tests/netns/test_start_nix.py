# SPDX-License-Identifier: MIT
"""start on a host with Nix: what the container gets of it."""

import os
import platform
import shutil
import subprocess

import pytest

from starter import tree

OWN = ["--bind=/nix/var/nix/profiles/per-container/web:/nix/var/nix/profiles",
       "--bind=/nix/var/nix/gcroots/per-container/web:/nix/var/nix/gcroots"]
SHARED = ["store", "var/nix/db", "var/nix/daemon-socket"]
PROFILE = "var/nix/profiles/per-container/web"
NIXOS_INIT = "/nix/var/nix/profiles/system/init"


def nix_binds(starter):
    return [word for word in starter.arguments if word.startswith("--bind") and "/nix/" in word]


def add_system(starter):
    (starter.nix / PROFILE).mkdir(parents=True)
    (starter.nix / PROFILE / "system").symlink_to("system-1-link")


@pytest.mark.parametrize("entries", [SHARED[:1], SHARED[:2], SHARED[::2], SHARED])
@pytest.mark.parametrize("users,option", [("no", ""), ("pick", ":idmap")])
def test_what_is_there_is_shared(starter, entries, users, option):
    starter.add_nix(*entries)
    done = starter.run({"PRIVATE_USERS": users})
    assert (done.returncode, done.stderr) == (0, "")
    shared = [f"--bind-ro=/nix/{entry}:/nix/{entry}" for entry in entries]
    assert nix_binds(starter) == [bind + option for bind in shared + OWN]
    assert starter.arguments[-1] == "/sbin/init"
    for kind in ("profiles", "gcroots"):
        path = starter.nix / f"var/nix/{kind}/per-container/web"
        assert path.stat().st_mode & 0o7777 == 0o755
        assert path.parent.stat().st_mode & 0o7777 == 0o700


def test_what_is_setuid_in_a_profile_is_out_of_reach(starter):
    """The mode of NAME is the container's to change, and NAME itself writable to it."""
    starter.add_nix(*SHARED, PROFILE)
    parent = (starter.nix / PROFILE).parent
    parent.chmod(0o755)
    (starter.nix / PROFILE).chmod(0o777)
    assert starter.run().returncode == 0
    assert parent.stat().st_mode & 0o7777 == 0o700


def test_without_a_store_there_is_nothing(starter):
    starter.add_nix(*SHARED[1:], PROFILE)
    before = tree(starter.nix)
    assert starter.run().returncode == 0
    assert nix_binds(starter) == []
    assert tree(starter.nix) == before


def test_system_in_the_profile_is_booted(starter):
    """A link to what is in the container's own store counts."""
    starter.add_nix(*SHARED)
    add_system(starter)
    assert starter.run().returncode == 0
    assert starter.arguments[-1] == NIXOS_INIT
    assert starter.run({"STAGE2": "/init"}).returncode == 0
    assert starter.arguments[-1] == "/init"


def test_flake_is_built_once(starter):
    starter.add_nix(*SHARED)
    starter.add_program("nixos-container", 'echo "$*" >>"$0.calls"\n'
                        f"ln -s system-1-link /nix/{PROFILE}/system")
    for _ in range(2):
        done = starter.run({"FLAKE": "github:a/b"})
        assert (done.returncode, done.stderr) == (0, "")
        assert starter.arguments[-1] == NIXOS_INIT
    assert (starter.bin / "nixos-container.calls").read_text() == "update web\n"


@pytest.mark.parametrize("script,cause", [("exit 3", "exit status 3"), (None, "not found in PATH")])
def test_flake_that_cannot_be_built(starter, script, cause):
    starter.add_nix(*SHARED)
    if script:
        starter.add_program("nixos-container", script)
    done = starter.run({"FLAKE": "github:a/b c"})
    assert done.returncode == 71
    assert done.stderr == ('start: cannot build FLAKE="github:a/b c": nixos-container update web: '
                           f"{cause}\n")
    assert not starter.called
    assert not (starter.root / "etc").exists()


@pytest.mark.parametrize("system,is_i686", [("i686-linux", True), ("i686-linux\n", True),
                                            ("x86_64-linux", False), ("", False), (None, False)])
@pytest.mark.parametrize("in_profile", ["", "/nix/store/s", "system-1-link"])
def test_personality(starter, system, is_i686, in_profile):
    starter.add_nix("store/s", PROFILE)
    if system is not None:
        (starter.nix / "store/s/system").write_text(system)
    if in_profile:
        (starter.nix / PROFILE / "system").symlink_to(in_profile)
        (starter.nix / PROFILE / "system-1-link").symlink_to("/nix/store/s")
    assert starter.run({} if in_profile else {"SYSTEM_PATH": "/nix/store/s"}).returncode == 0
    wanted = is_i686 and platform.machine() == "x86_64"
    assert ("--personality=x86" in starter.arguments) == wanted


@pytest.fixture
def frozen(tmp_path):
    """A directory of a FUSE file system that answers nobody: who looks into it waits, also beyond SIGKILL."""
    try:
        server = os.open("/dev/fuse", os.O_RDWR)
    except OSError as error:
        pytest.skip(f"/dev/fuse is needed: {error.strerror}")
    directory = tmp_path / "frozen"
    directory.mkdir()
    options = f"fd={server},rootmode=40000,user_id=0,group_id=0"
    subprocess.run(["mount", "-i", "-n", "-t", "fuse", "-o", options, "user", directory],
                   pass_fds=[server], check=True)
    yield directory
    subprocess.run(["umount", "-l", directory], check=True)
    os.close(server)  # ends what waits


def test_profile_that_leads_into_a_frozen_file_system(starter, frozen):
    starter.add_nix("store", PROFILE)
    (starter.nix / PROFILE / "system").symlink_to(frozen / "system")
    done = starter.run()
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("target", [
    "{outside}", "/nix/store/../..{outside}", "/proc/self/root{outside}", "/nix/store", "/nix/store/", "..",
    "system", "/nix/store/link"])
def test_profile_of_a_hostile_container(starter, tmp_path, target):
    """It may write to its profile: nothing is read that is not of the store."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "system").write_text("i686-linux")
    starter.add_nix("store", PROFILE)
    (starter.nix / "store/link").symlink_to(outside)
    (starter.nix / PROFILE / "system").symlink_to(target.format(outside=outside))
    done = starter.run()
    assert (done.returncode, done.stderr) == (0, "")
    assert "--personality=x86" not in starter.arguments


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_system_of_another_kind(starter, make):
    starter.add_nix("store/s")
    make(starter.nix / "store/s/system")
    done = starter.run({"SYSTEM_PATH": "/nix/store/s"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "--personality=x86" not in starter.arguments


def test_profile_that_is_a_link(starter, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o700)
    starter.add_nix("store", "var/nix/profiles/per-container")
    (starter.nix / PROFILE).symlink_to(outside)
    done = starter.run()
    assert done.returncode == 71
    assert done.stderr == f"start: cannot open directory /nix/{PROFILE}: Not a directory\n"
    assert outside.stat().st_mode & 0o7777 == 0o700
    assert not starter.called


def test_program_in_the_store_is_there_already(starter):
    starter.add_nix("store/x")
    for program in ("start", "container-init"):
        shutil.copy(starter.build / program, starter.nix / "store/x")
    done = starter.run_command(["/nix/store/x/start"])
    assert (done.returncode, done.stderr) == (0, "")
    assert starter.arguments[-2:] == ["/nix/store/x/container-init", "/sbin/init"]
    assert not any("/run/container-init" in word for word in starter.arguments)


def test_dry_run(starter):
    starter.add_nix(*SHARED)
    before = tree(starter.nix)
    done = starter.run({"FLAKE": "github:a/b"}, "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[:6] == [
        "install -d -m 700 /run/containers",
        "install -d -m 700 /nix/var/nix/profiles/per-container",
        "install -d -m 755 /nix/var/nix/profiles/per-container/web",
        "install -d -m 700 /nix/var/nix/gcroots/per-container",
        "install -d -m 755 /nix/var/nix/gcroots/per-container/web",
        "nixos-container update web"]
    assert tree(starter.nix) == before
    assert not starter.called
