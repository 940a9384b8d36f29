# SPDX-License-Identifier: MIT
"""The package, built by what package.nix says, from the files that it takes, without a network."""

import os
import pathlib
import shutil
import subprocess

import pytest

from evaluation import HERE, MODULE

TOP = MODULE.parent.parent
PROGRAMS = ["container-init", "post-start", "pre-start", "reload", "start"]


@pytest.fixture
def package(nix):
    """The arguments of mkDerivation."""
    def arguments(is_static):
        return nix.evaluate("--expr", f"""
            let package = import {MODULE}/package.nix {{
                  lib = import {HERE}/stub-lib.nix;
                  fmt = "fmt"; libmnl = "libmnl"; pkg-config = "pkg-config";
                  stdenv = {{ mkDerivation = arguments: arguments; hostPlatform.isStatic = {is_static};
                              buildPlatform.canExecute = _: true; }}; }};
            in package // {{ src = "${{package.src}}"; out = builtins.placeholder "out"; }}""")
    return arguments


@pytest.fixture
def build_package(nix, tmp_path):
    """Where the programs are installed, by make with the flags of the package and some more."""
    def install(package, *more):
        source, out = tmp_path / "source", tmp_path / "out"
        shutil.copytree(nix.store_file(package["src"]), source)
        subprocess.run(["chmod", "-R", "u+w", source], check=True)
        flags = [flag.replace(package["out"], str(out)) for flag in package["makeFlags"]]
        for target in "all", "install":
            # Without optimization, as the result is only looked at.
            done = subprocess.run(["unshare", "--net", "make", "-j2", *flags, "CXXFLAGS=-O0", *more, target], cwd=source,
                                  env={"PATH": os.environ["PATH"]}, stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, timeout=600)
            assert done.returncode == 0, done.stdout + done.stderr
        return out
    return install


def check_installed(out):
    assert sorted(path.name for path in (out / "libexec/container-init").iterdir()) == PROGRAMS
    # A unit there would be merged into that of the containers module.
    assert not (out / "lib").exists()
    assert sorted(path.name for path in (out / "share/container-init").iterdir()) == [
        "container@.service", "modules-load.d", "tmpfiles.d"]
    assert (out / "share/man/man5/container.conf.5").exists()
    for name in PROGRAMS:
        done = subprocess.run([out / "libexec/container-init" / name, "--version"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def needs_libraries(program):
    headers = subprocess.run(["readelf", "--program-headers", program], capture_output=True, text=True, check=True)
    return "INTERP" in headers.stdout


def test_the_static_package(package, build_package):
    libmnl = next(iter([*pathlib.Path("/usr/lib").glob("*/libmnl.a"), *TOP.glob(f"build/libmnl/{os.uname().machine}-*/libmnl.a")]))
    # The compiler of pkgsStatic adds -static.
    out = build_package(package("true"), "CXX=g++ -static", f"LIBMNL_A={libmnl}")
    check_installed(out)
    assert not needs_libraries(out / "libexec/container-init/container-init")


def test_the_dynamic_package(package, build_package):
    out = build_package(package("false"))
    check_installed(out)
    assert needs_libraries(out / "libexec/container-init/container-init")


def test_the_source_has_neither_tests_nor_module(package, nix):
    source = nix.store_file(package("true")["src"])
    assert sorted(path.name for path in source.iterdir()) == ["LICENSE", "Makefile", "common", "hooks", "init", "man"]
    assert not (source / "hooks/nixos").exists()


def test_the_version_is_that_of_the_programs(package, build):
    done = subprocess.run([build / "start", "--version"], capture_output=True, text=True)
    assert package("true")["version"] in done.stdout
