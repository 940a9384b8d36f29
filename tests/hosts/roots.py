# SPDX-License-Identifier: MIT
"""Roots of hosts: a Debian with the project installed."""

import hashlib
import os
import pathlib
import shutil
import subprocess

from waiting import LONG

TREE = pathlib.Path(__file__).parents[2]
SUITE = os.environ.get("SUITE") or "bookworm"
PACKAGES = "udev,iputils-ping,procps,python3,openssh-server,rsync"


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], text=True, capture_output=True,
                          stdin=subprocess.DEVNULL, timeout=5 * LONG, **options)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def write(path, text, mode=0o644):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def make(root, name, build):
    made = TREE / f"build/hosts/{SUITE}"
    run(TREE / "tests/lib/debian-root", made, PACKAGES, env={**os.environ, "SUITE": SUITE})
    run("cp", "-a", made, root)
    run("cp", "-a", f"{build}/tests/installed/.", root)
    write(root / "etc/hostname", f"{name}\n")
    write(root / "etc/machine-id", hashlib.md5(name.encode()).hexdigest() + "\n")


def add_container(root, name, build):
    """Its root holds a static init."""
    target = root / f"var/lib/containers/{name}/sbin"
    target.mkdir(parents=True)
    shutil.copy(build / "tests/stage2", target / "init")
