# SPDX-License-Identifier: MIT
"""The packages of make deb and make rpm: what they hold, and what lintian and rpmlint say of them."""

import os
import pathlib
import shutil
import stat
import subprocess

import pytest

TREE = pathlib.Path(__file__).parents[2]
# What make install does not install, and packages have.
ADDED = {"deb": {"usr/share/doc/container-init/changelog.gz", "usr/share/doc/container-init/copyright",
                 "usr/share/lintian/overrides/container-init"},
         "rpm": {"usr/share/licenses/container-init/LICENSE"}}


def run(*command, **options):
    return subprocess.run([str(word) for word in command], text=True, capture_output=True, check=True,
                          stdin=subprocess.DEVNULL, **options).stdout


def make(*arguments):
    return run("make", "--no-print-directory", "-C", TREE, *arguments)


@pytest.fixture(scope="module", params=["deb", "rpm"])
def package(request):
    package, = (TREE / "build" / request.param).glob(f"container-init[_-]*.{request.param}")
    return package


def unpack(package, directory):
    directory.mkdir()
    if package.suffix == ".deb":
        run("dpkg-deb", "--extract", package, directory)
    else:
        subprocess.run(f'rpm2cpio "{package}" | cpio --extract --make-directories --quiet', shell=True,
                       check=True, cwd=directory)
    return directory


def files_below(directory):
    """Mode and content of each, with manual pages as they were before they were compressed."""
    found = {}
    for path in directory.rglob("*"):
        if path.is_dir():
            continue
        name = str(path.relative_to(directory))
        content = path.read_bytes()
        if "/man/" in name and path.suffix == ".gz":
            name, content = name.removesuffix(".gz"), subprocess.check_output(["zcat", path])
        found[name] = (oct(stat.S_IMODE(path.lstat().st_mode)), content)
    return found


def test_holds_what_make_install_installs(package, tmp_path):
    make("install", f"DESTDIR={tmp_path}/installed", "PREFIX=/usr")
    found = files_below(unpack(package, tmp_path / "unpacked"))
    added = ADDED[package.suffix[1:]]
    assert added <= set(found)
    assert {name: file for name, file in found.items() if name not in added} == files_below(tmp_path / "installed")
    assert not list((tmp_path / "unpacked").glob("usr/share/man/man*/*.[0-9]")), "a page is not compressed"


def test_two_builds_are_the_same(package):
    """In whatever directory's age, time and order of files."""
    first = package.read_bytes()
    for path in (TREE / "hooks").rglob("*"):
        os.utime(path)
    make(package.suffix[1:])
    assert package.read_bytes() == first


def test_lintian(tmp_path):
    package, = (TREE / "build/deb").glob("*.deb")
    shutil.copy(package, tmp_path)
    said = run("lintian", "--allow-root", "--tag-display-limit=0", tmp_path / package.name)
    assert said == "", said


# Of a package that nobody distributes: who does adds a name, a signature and changes. The programs are
# static on purpose.
EXPECTED_OF_RPMLINT = {"no-signature", "no-packager-tag", "no-changelogname-tag", "statically-linked-binary"}


def test_rpmlint():
    package, = (TREE / "build/rpm").glob("*.rpm")
    said = subprocess.run(["rpmlint", package], text=True, capture_output=True).stdout
    errors = {line.split()[2] for line in said.splitlines() if ": E: " in line}
    assert " 1 packages and 0 specfiles checked" in said, said
    assert errors == EXPECTED_OF_RPMLINT, said


def test_nothing_restarts_a_container(package, tmp_path):
    """An upgrade is no reason to: only the removal of the package stops them."""
    if package.suffix == ".deb":
        run("dpkg-deb", "--control", package, tmp_path / "control")
        scripts = {path.name: path.read_text() for path in (tmp_path / "control").glob("*") if path.name[:2] in ("po", "pr")}
        removal = scripts["prerm"]
        assert '"$1" = remove' in removal
        rest = "".join(text for name, text in scripts.items() if name != "prerm")
    else:
        before, _, removal = run("rpm", "-qp", "--scripts", package).partition("preuninstall")
        removal, _, after = removal.partition("postuninstall")
        assert "[ $1 = 0 ]" in removal
        rest = before + after
    assert "stop 'container@*.service'" in removal
    assert "daemon-reload" in rest and "systemd-tmpfiles" in rest
    code = [line for line in rest.splitlines() if not line.startswith("#")]
    assert not {"stop", "restart", "try-restart", "start"} & set(" ".join(code).split()), rest
