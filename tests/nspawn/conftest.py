# SPDX-License-Identifier: MIT
"""Roots for real containers. systemd-nspawn needs root."""

import pathlib

import pytest

import container


@pytest.fixture(scope="session", autouse=True)
def needs_nspawn(skip_without):
    """Of the session, so that it comes before what whole modules have."""
    skip_without("nspawn")


@pytest.fixture
def minimal_root(tmp_path, build):
    return container.make_minimal_root(tmp_path / "root", build)


@pytest.fixture(scope="session")
def debian_root():
    root = pathlib.Path(__file__).parents[2] / "build/debian-root"
    if not root.exists():
        pytest.skip("no build/debian-root, which `tests/lib/debian-root build/debian-root` makes as root")
    return root
