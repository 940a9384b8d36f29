# SPDX-License-Identifier: MIT
"""make in a tree without tests/, as a packager has it: build, install with any prefix, uninstall."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

from covering import CASES

pytestmark = pytest.mark.release

TREE = pathlib.Path(__file__).parents[2]
NEEDED_TO_BUILD = ["Makefile", "common", "hooks", "init", "man"]
PROGRAMS = {"container-init", "pre-start", "start", "post-start", "reload"}


def make(tree, *arguments, **variables):
    """Without what the make that runs the tests was given."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    for key in ("BUILD", "DESTDIR", "PREFIX"):
        environment.pop(key, None)
    return subprocess.run(["make", "-C", tree, *arguments, *(f"{k}={v}" for k, v in variables.items())],
                          env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def files_below(directory):
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if not path.is_dir()}


@pytest.fixture(scope="module")
def tree(tmp_path_factory, build):
    """With what is built already, of the same flags, unless all is to be built here."""
    made = tmp_path_factory.mktemp("tree")
    for name in NEEDED_TO_BUILD:
        source = TREE / name
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, made / name)
    planned = make(made, "-n", "-j2", LIBMNL_A="")
    assert (planned.returncode, planned.stderr) == (0, "")
    assert not (made / "build").exists()
    copied = ["libmnl"] if CASES == "all" else ["libmnl", "flags", "prerequisites", "common", "hooks", "init",
                                              *PROGRAMS, *(f"{name}.a" for name in ("hooks", "init"))]
    (made / "build").mkdir()
    for path in (build / name for name in copied):
        if path.exists():
            (shutil.copytree if path.is_dir() else shutil.copy2)(path, made / "build" / path.name)
    built = make(made, "-j2")
    assert built.returncode == 0, built.stderr
    return made


def test_nothing_is_left_to_do(tree):
    assert make(tree, "-q").returncode == 0
    assert make(tree, "-q", CXXFLAGS="-O1").returncode == 1


@pytest.mark.parametrize("paths", [
    {"PREFIX": "/usr"},
    {"PREFIX": "/opt/a-b", "LIBEXECDIR": "/opt/a-b/lib/container-init", "UNITDIR": "/etc/systemd/system"},
], ids=["usr", "opt"])
def test_installed_paths(tree, tmp_path, paths):
    """Where the files are is where the unit and the pages say they are."""
    variables = {"DESTDIR": str(tmp_path), **paths}
    done = make(tree, "install", **variables)
    assert done.returncode == 0, done.stderr
    installed = files_below(tmp_path)
    programs = paths.get("LIBEXECDIR", paths["PREFIX"] + "/libexec/container-init")
    assert PROGRAMS == {path.name for path in (tmp_path / programs[1:]).iterdir()}
    units = paths.get("UNITDIR", paths["PREFIX"] + "/lib/systemd/system")
    executed = re.findall(r"^Exec(?:Start|StartPost|Reload)=(.*)$", (tmp_path / units[1:] / "container@.service").read_text(), re.M)
    assert executed
    for program in " ".join(executed).split():
        assert program.lstrip("/") in installed
    pages = ""
    for path in installed - {f"{programs[1:]}/{program}" for program in PROGRAMS}:
        text = (tmp_path / path).read_text()
        assert not re.findall(r".*(?:/usr/local/(?:lib|share)|@[A-Z]+@).*", text), path
        if "/man/" in path:
            pages += text.replace("\\-", "-")
    assert f"{programs}/start" in pages
    assert f"{units}/container@.service" in pages
    assert make(tree, "uninstall", **variables).returncode == 0
    assert files_below(tmp_path) == set()


def test_default_paths_are_those_of_the_source(tree, tmp_path):
    assert make(tree, "install", DESTDIR=str(tmp_path)).returncode == 0
    for page in (TREE / "man").glob("*.[58]"):
        installed = tmp_path / f"usr/local/share/man/man{page.suffix[1:]}" / page.name
        assert installed.read_text() == page.read_text()


def test_planning_installs_nothing(tree, tmp_path):
    assert make(tree, "-n", "install", DESTDIR=str(tmp_path)).returncode == 0
    assert files_below(tmp_path) == set()


@pytest.mark.parametrize("prefix", ["usr", "~/usr", "/opt/a b", "/opt /usr"])
def test_a_prefix_that_systemd_would_not_take(tree, tmp_path, prefix):
    done = make(tree, "install", DESTDIR=str(tmp_path), PREFIX=prefix)
    assert done.returncode == 2
    assert f"PREFIX={prefix}: must be an absolute path without spaces" in done.stderr
    assert files_below(tmp_path) == set()


def test_a_library_that_is_not_there(tree):
    done = make(tree, LIBMNL_A="/nonexistent")
    assert done.returncode == 2
    assert "LIBMNL_A=/nonexistent: there is no such file" in done.stderr
