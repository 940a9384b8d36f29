# SPDX-License-Identifier: MIT
"""What the programs are made of, and what they ask of the kernel. For release builds."""

import platform
import re
import subprocess

import pytest

from combinations import ADDRESSES

pytestmark = pytest.mark.release

PROGRAMS = ["container-init", "pre-start", "start", "post-start", "reload"]
DUAL_STACK = {"INSTANCE": "web", **ADDRESSES["single"]}


# 1.1 MB with the compiler and the libraries of Debian 12; later ones put up to 100 KB more into each.
LARGEST = 1180000


@pytest.mark.parametrize("program", PROGRAMS)
def test_static_and_small(build, program):
    path = build / program
    shown = subprocess.run(["readelf", "--wide", "--file-header", "--segments", "--dynamic", path],
                           capture_output=True, text=True, check=True).stdout
    assert "INTERP" not in shown
    assert "NEEDED" not in shown
    flags = set((build / "flags").read_text().split())
    assert re.search(r"Type:\s+DYN", shown) or "-static-pie" not in flags
    assert re.search(r"GNU_STACK.* RW ", shown)
    # The size is that of the default flags: others may optimize for speed, or keep debug information.
    if {"-Os", "-s"} <= flags:
        assert path.stat().st_size <= LARGEST


def output_of(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("program", PROGRAMS)
def test_addresses_of_functions_are_read_only(build, program):
    """All of them are known before the first instruction, and no write changes one after that."""
    shown = output_of("readelf", "--wide", "--segments", "--dynamic", build / program)
    assert "GNU_RELRO" in shown
    assert re.search(r"\(FLAGS\).*BIND_NOW", shown)


@pytest.mark.parametrize("check", ["__stack_chk_fail", "__[a-z]+_chk", ".*__glibcxx_assert_fail.*"])
def test_faults_of_memory_end_a_program(build, check):
    """The checks of the compiler, of the C library, and of its containers."""
    if check.endswith("_chk") and "musl" in (build / "flags").read_text():
        pytest.skip("musl has no such checks")
    called = output_of("nm", "--undefined-only", *build.glob("**/*.a")).split()
    assert any(re.fullmatch(check, symbol) for symbol in called)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="x86-64 alone")
def test_every_jump_has_a_mark(build):
    shown = output_of("readelf", "--notes", build / "common/base.a")
    assert shown.count("x86 feature: IBT, SHSTK") == len(list((build / "common/base").glob("*.o")))


def system_calls(namespace, *command):
    """Their names, from the execve of the program to that of stage 2, or to the end."""
    done = namespace.run(["strace", "-qq", "-o", "/dev/stdout", *command], DUAL_STACK)
    assert done.returncode == 0, done.stderr
    names = [line.partition("(")[0] for line in done.stdout.splitlines() if "(" in line]
    assert names[0] == "execve"
    return names[:names.index("execve", 1)] if "execve" in names[1:] else names


@pytest.mark.parametrize("unrelated_links", [0, 1000])
def test_system_calls(network, build, unrelated_links):
    """The same however many other links the host has."""
    network.add_pair("ve-web", "host0")
    for namespace in (network.host, network.container):
        namespace.ip(*(f"link add other{i} type veth peer name peer{i}"
                       for i in range(unrelated_links // 2)))
    init = system_calls(network.container, build / "container-init", "/bin/true")
    assert init.count("sendto") == 2
    assert len(init) <= 40
    start = system_calls(network.host, build / "post-start")
    assert start.count("sendto") == 2
    assert len(start) <= 40
    clean = system_calls(network.host, build / "pre-start")
    addresses = 2  # of the container's end: whether the host has them
    assert clean.count("sendto") == 2 + addresses
    assert len(clean) <= 50
    assert system_calls(network.host, build / "pre-start").count("sendto") == 1 + addresses
