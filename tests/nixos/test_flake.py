# SPDX-License-Identifier: MIT
"""The flake, without a network: of a repository that has what is committed of a tree, and with this
machine's tools for nixpkgs."""

import json
import shutil
import subprocess

import pytest

from conftest import LIB
from evaluation import FLAKES, HERE, MODULE, module
from test_vm_tests import TESTS

TOP = MODULE.parent.parent
WEB = "containers.web = { config = { }; enableTun = true; };"
SYSTEMS = ["aarch64-linux", "x86_64-linux"]

NIXPKGS_FLAKE = """{
  outputs = _: rec {
    lib = import ./lib;
    legacyPackages = lib.genAttrs [ "aarch64-linux" "x86_64-linux" ] (system:
      import ./machine-pkgs.nix { inherit lib system; isStatic = false; libmnl = "/libmnl"; });
  };
}"""


@pytest.fixture(scope="module")
def flake(tmp_path_factory):
    """Its address."""
    directory = tmp_path_factory.mktemp("repository")
    for name in "hooks", "common", "tests":
        shutil.copytree(TOP / name, directory / name)

    def git(*command):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *command],
                       cwd=directory, check=True, stdout=subprocess.DEVNULL)

    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message=all")
    return f"git+file://{directory}?dir=hooks/nixos"


@pytest.fixture(scope="module")
def other_nixpkgs(tmp_path_factory):
    """Options that give a flake these packages for nixpkgs."""
    directory = tmp_path_factory.mktemp("nixpkgs")
    (directory / "flake.nix").write_text(NIXPKGS_FLAKE)
    shutil.copy(HERE / "machine-pkgs.nix", directory)
    if LIB.is_dir():
        shutil.copytree(LIB, directory / "lib")
    else:
        (directory / "lib").mkdir()
        shutil.copy(LIB, directory / "lib/default.nix")
    return ["--override-input", "nixpkgs", f"path:{directory}"]


def test_it_is_a_flake(flake, other_nixpkgs, nix):
    nix.flake("check", "--no-build", flake, *other_nixpkgs)


def test_it_has_packages_overlay_module_and_checks(flake, other_nixpkgs, nix):
    shown = json.loads(nix.flake("show", "--json", flake, *other_nixpkgs))
    assert shown.keys() == {"checks", "nixosModules", "overlays", "packages"}
    assert list(shown["nixosModules"]) == list(shown["overlays"]) == ["default"]
    for system in SYSTEMS:
        assert sorted(shown["packages"][system]) == ["default", "dynamic", "static"]
        assert sorted(shown["checks"][system]) == TESTS


def test_its_module_is_the_same(flake, other_nixpkgs, evaluate):
    taken = f"((import {MODULE}/flake.nix).outputs {{ nixpkgs = null; }}).nixosModules.default"
    of_the_flake = evaluate(module(WEB, imports=[f"({taken})"]))
    by_path = evaluate(module(WEB))
    assert of_the_flake.units == by_path.units
    assert of_the_flake.etc == by_path.etc
    both = evaluate(module(WEB, imports=[MODULE, f"({taken})"]))
    assert both.units == by_path.units
