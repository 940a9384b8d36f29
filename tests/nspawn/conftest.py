"""Roots for real containers. systemd-nspawn needs root."""

import os
import pathlib
import shutil

import pytest

import container


@pytest.fixture(scope="session", autouse=True)
def needs_nspawn():
    """Of the session, so that it comes before what whole modules have."""
    if os.geteuid() != 0:
        pytest.skip("systemd-nspawn needs root")
    if not shutil.which("systemd-nspawn"):
        pytest.skip("systemd-nspawn is not installed")


@pytest.fixture
def minimal_root(tmp_path, build):
    return container.make_minimal_root(tmp_path / "root", build)


@pytest.fixture(scope="session")
def debian_root():
    root = pathlib.Path(__file__).parents[2] / "build/debian-root"
    if not root.exists():
        pytest.skip("no build/debian-root, which `tests/lib/debian-root build/debian-root` makes as root")
    return root
