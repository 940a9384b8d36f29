# SPDX-License-Identifier: MIT
"""The package, built by Nix from the files that it takes, with this machine's compiler; and the flake."""

import os
import pathlib
import shutil
import subprocess

import pytest

from conftest import LIB
from evaluation import HERE, MODULE

TOP = MODULE.parent.parent
PROGRAMS = ["container-init", "post-start", "pre-start", "reload", "start"]

LIBMNL = """
libdir=${pcfiledir}/..
Name: libmnl
Description: for tests
Version: 1.0
Libs: -L${libdir} -lmnl
"""


@pytest.fixture(scope="module")
def libmnl(tmp_path_factory):
    """With the static library, which Debian 12 does not have."""
    directory = tmp_path_factory.mktemp("libmnl")
    libraries = [*pathlib.Path("/usr/lib").glob("*/libmnl.a"),
                 *TOP.glob(f"build/libmnl/{os.uname().machine}-*/libmnl.a")]
    (directory / "lib/pkgconfig").mkdir(parents=True)
    shutil.copy(libraries[0], directory / "lib")
    (directory / "lib/pkgconfig/libmnl.pc").write_text(LIBMNL)
    return directory


@pytest.fixture(scope="module")
def package(libmnl):
    """The package as an expression."""
    return lambda is_static: f"""
        let pkgs = import {HERE}/machine-pkgs.nix {{ lib = import {LIB}; isStatic = {is_static}; libmnl = {libmnl}; }};
        in (pkgs.callPackage {MODULE}/package.nix {{ }})"""


# Files that `make install` installs for a host, and what does the same on NixOS.
FOR_OTHER_HOSTS = {
    "share/container-init/container@.service":
        "the units of nixos-containers.nix; below lib/systemd it would be merged into them",
    "share/container-init/modules-load.d/container-init.conf": "boot.kernelModules of nixos-containers.nix",
    "share/container-init/sysctl.d/50-container-init.conf": "boot.kernel.sysctl of the module",
    **dict.fromkeys(["share/container-init/container-nat.service", "share/container-init/container-nat",
                     "share/container-init/container-nat.nft"], "networking.nat"),
    "share/container-init/tmpfiles.d/container-init.conf": "systemd.tmpfiles of the module",
    "lib/systemd/network/79-container-init.network": "systemd.network.units of the module",
}
# Files that NixOS takes from services.udev.packages and systemd.packages, to which the module adds the package.
FOR_NIXOS = {"lib/udev/rules.d/90-container-init.rules", "lib/systemd/system/container-links.socket",
             "lib/systemd/system/container-links.service"}


def check_installed(out):
    assert sorted(path.name for path in (out / "libexec/container-init").iterdir()) == PROGRAMS
    assert os.readlink(out / "bin/container-init") == "../libexec/container-init/container-init"
    files = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file() and not path.is_symlink()}
    pages = {path for path in files if path.startswith("share/man/")}
    assert "share/man/man5/container.conf.5" in pages
    programs = {f"libexec/container-init/{name}" for name in PROGRAMS}
    assert files - pages - programs == FOR_OTHER_HOSTS.keys() | FOR_NIXOS
    for name in PROGRAMS:
        done = subprocess.run([out / "libexec/container-init" / name, "--version"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def needs_libraries(program):
    headers = subprocess.run(["readelf", "--program-headers", program], capture_output=True, text=True, check=True)
    return "INTERP" in headers.stdout


def test_the_static_package(package, nix):
    out = nix.build("--expr", package("true"))
    check_installed(out)
    assert not needs_libraries(out / "libexec/container-init/container-init")


def test_the_dynamic_package(package, nix):
    out = nix.build("--expr", package("false"))
    check_installed(out)
    assert needs_libraries(out / "libexec/container-init/container-init")


def test_the_source_has_the_unit_tests_alone_and_not_the_module(package, nix):
    source = nix.store_file(nix.evaluate("--expr", f'"${{{package("true")}.src}}"'))
    assert sorted(path.name for path in source.iterdir()) == [
        "LICENSE", "Makefile", "common", "hooks", "init", "man", "tests"]
    assert sorted(path.name for path in (source / "tests").iterdir()) == ["lib", "tests.mk", "unit"]
    assert not (source / "hooks/nixos").exists()


def test_it_has_what_nixpkgs_wants_of_a_package(package, nix):
    found = nix.evaluate("--expr", f"""with {package("false")}; {{
        inherit meta doCheck; tests = builtins.attrNames passthru.tests; }}""")
    assert found["meta"].keys() == {"description", "license", "maintainers", "mainProgram", "platforms"}
    assert found["doCheck"]
    assert "pair" in found["tests"]


def test_the_version_is_that_of_the_programs(package, nix, build):
    done = subprocess.run([build / "start", "--version"], capture_output=True, text=True)
    assert nix.evaluate("--expr", f'{package("true")}.version') in done.stdout
