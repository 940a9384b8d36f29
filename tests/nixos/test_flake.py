# SPDX-License-Identifier: MIT
"""The flake, without a network, from a repository that has what is committed of a tree."""

import shutil
import subprocess

import pytest

from evaluation import FLAKES, MODULE, module

TOP = MODULE.parent.parent
WEB = "containers.web = { config = { }; enableTun = true; };"


@pytest.fixture(scope="module")
def flake(tmp_path_factory):
    """Its address."""
    directory = tmp_path_factory.mktemp("repository")
    for name in "hooks", "common":
        shutil.copytree(TOP / name, directory / name)

    def git(*command):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *command],
                       cwd=directory, check=True, stdout=subprocess.DEVNULL)

    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message=all")
    return f"git+file://{directory}?dir=hooks/nixos"


def test_it_is_a_flake(flake, nix):
    nix.check_flake(flake)


def test_its_module_is_the_same(flake, evaluate):
    taken = f'(builtins.getFlake "{flake}").nixosModules.default'
    of_the_flake = evaluate(module(WEB, imports=[taken]), *FLAKES)
    by_path = evaluate(module(WEB))
    assert of_the_flake.units == by_path.units
    assert of_the_flake.etc == by_path.etc
    both = evaluate(module(WEB, imports=[MODULE, taken]), *FLAKES)
    assert both.units == by_path.units
