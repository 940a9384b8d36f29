# SPDX-License-Identifier: MIT
"""Options and fixtures of the tests of the NixOS module."""

import os
import pathlib
import re

import pytest

from evaluation import HERE, Nix, System, module
from world import World


NIXPKGS = os.environ.get("NIXPKGS")
LIB = pathlib.Path(NIXPKGS).resolve() / "lib" if NIXPKGS else HERE / "stub-lib.nix"


# What a test needs that is not of this tree: a fixture, and where it is.
GIVEN = {"nixpkgs": NIXPKGS, "versions": os.environ.get("CONTAINERS_MODULES")}


def pytest_collection_modifyitems(config, items):
    """Without what is not given, the tests that need none of it."""
    missing = {name for name, path in GIVEN.items() if not path}
    left_out = [item for item in items if missing.intersection(item.fixturenames)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def versions():
    """nixos-containers.nix of other versions of NixOS, as DIRECTORY/VERSION.nix."""
    found = sorted(pathlib.Path(GIVEN["versions"]).resolve().glob("*.nix"))
    assert found
    return found


@pytest.fixture(scope="session")
def nix(tmp_path_factory):
    return Nix(tmp_path_factory.mktemp("nix"))


@pytest.fixture(scope="session")
def nixpkgs():
    return pathlib.Path(NIXPKGS).resolve()


@pytest.fixture(scope="session")
def evaluate(nix, nixpkgs):
    """A configuration, with the modules of the nixpkgs tree."""
    return lambda text, *arguments: System(nix, nixpkgs, text, *arguments)


@pytest.fixture(scope="session")
def stock(evaluate):
    return evaluate(f"import {HERE}/containers.nix")


@pytest.fixture(scope="session")
def ours(evaluate):
    return evaluate(module(f"inherit (import {HERE}/containers.nix) containers;"))


@pytest.fixture(scope="session")
def world(tmp_path_factory, build):
    made = World(tmp_path_factory.mktemp("world"), build)
    made.add_bridges("br0", "br1", "eth1", "eth2", "eth3")
    yield made
    made.close()


@pytest.fixture(scope="session")
def run_check(nix, world):
    """Builds one of system.checks, of which the evaluation writes the text: its status, and what it prints."""
    def run(check):
        text = nix.store_file(check).read_text()
        for path in re.findall(r"/nix/store/\w{32}-[\w.-]+", text):
            if nix.store_file(path).exists():
                world.write(path, nix.store_file(path).read_text())
        world.run(["/bin/rm", "-rf", "/build", "/out"], {})
        world.run(["/bin/mkdir", "/build"], {})
        return world.status(["/bin/sh", "-euc", f"cd /build\n{text}"], {"out": "/out", "PATH": "/usr/bin:/bin"})
    return run
