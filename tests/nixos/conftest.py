# SPDX-License-Identifier: MIT
"""Options and fixtures of the tests of the NixOS module."""

import os
import pathlib

import pytest

from evaluation import HERE, Nix, System, module
from world import World


NIXPKGS = os.environ.get("NIXPKGS")


def pytest_collection_modifyitems(config, items):
    """Without a nixpkgs tree, the tests that need none."""
    if not NIXPKGS:
        config.hook.pytest_deselected(items=[item for item in items if "nixpkgs" in item.fixturenames])
        items[:] = [item for item in items if "nixpkgs" not in item.fixturenames]


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
