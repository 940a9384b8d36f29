# SPDX-License-Identifier: MIT
"""Real containers by start: post-start has nothing left to do, and no stop is lost."""

import pathlib
import random
import signal
import subprocess
import sys
import time

import pytest

from combinations import ADDRESSES
from container import StartedContainer, assert_reachable, pings, status_field, wait_until
from covering import CASES

DUAL_STACK = ADDRESSES["single"]
# Before systemd-nspawn takes signals, and has begun anything.
BY_SIGTERM = -signal.SIGTERM


@pytest.fixture
def start(network, build, minimal_root):
    started = []

    def start_one(variables, **options):
        started.append(StartedContainer(network.host, build, minimal_root, variables, **options))
        return started[-1]

    yield start_one
    for container in started:
        container.close()


LAN = {"HOST_ADDRESS": "10.2.0.1", "LOCAL_ADDRESS": "10.2.0.2", "HOST_ADDRESS6": "fd02::1",
       "LOCAL_ADDRESS6": "fd02::2"}
WORDS = ",".join(["lan0:eth1", *(f"{key}={value}" for key, value in LAN.items())])


def assert_nothing_left_to_do(network, variables):
    with network.host.unchanged():
        done = network.post_start(variables)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("ends", ADDRESSES.values(), ids=ADDRESSES)
def test_pair(network, start, ends):
    container = start(ends)
    container.wait_for_stage2()
    assert_reachable(network, container, ends)
    assert_nothing_left_to_do(network, ends)
    container.stop()
    assert container.wait() == 0
    assert container.output == "ready\n"


def test_extra_pair(network, start):
    variables = {**DUAL_STACK, "EXTRA_VETHS": WORDS}
    container = start(variables)
    container.wait_for_stage2()
    assert_reachable(network, container, DUAL_STACK)
    assert_reachable(network, container, LAN)
    assert_nothing_left_to_do(network, variables)


def test_bridge(network, start):
    variables = {"HOST_BRIDGE": "br0", "LOCAL_ADDRESS": "10.1.0.2/24", "LOCAL_GATEWAY": "10.1.0.1",
                 "LOCAL_ADDRESS6": "fd01::2/64", "LOCAL_GATEWAY6": "fd01::1"}
    network.add_bridge()
    network.host.ip("address add 10.1.0.1/24 dev br0", "address add fd01::1/64 dev br0 nodad")
    container = start(variables)
    container.wait_for_stage2()
    assert_reachable(network, container,
                     {**variables, "HOST_ADDRESS": "10.1.0.1", "HOST_ADDRESS6": "fd01::1"})
    assert_nothing_left_to_do(network, variables)


@pytest.mark.parametrize("length", [12, 13, 64])
def test_name(network, start, length):
    container = start({**DUAL_STACK, "INSTANCE": "x" * length})
    container.wait_for_stage2()
    assert_reachable(network, container, DUAL_STACK)


@pytest.mark.parametrize("flags,expected", [("", "1"), ("--settings=no", "0")])
def test_settings_of_an_nspawn_file(start, minimal_root, flags, expected):
    """systemd.nspawn(5): the file beside the root sets what start leaves open, unless a flag says no."""
    (minimal_root.parent / "web.nspawn").write_text(
        "[Exec]\nNoNewPrivileges=yes\nKillSignal=SIGINT\nEnvironment=FROM=file\n")
    container = start({**DUAL_STACK, "EXTRA_NSPAWN_FLAGS": f"--quiet --register=no {flags}"})
    container.wait_for_stage2()
    assert status_field(container.leader(), "NoNewPrivs") == expected
    environment = pathlib.Path(f"/proc/{container.leader()}/environ").read_bytes()
    assert b"LOCAL_ADDRESS=" in environment
    assert b"FROM=file" not in environment
    container.stop_as_unit()
    assert container.wait() == 0


def test_root_that_is_prepared_for_the_first_time(network, start, minimal_root):
    for directory in ("usr", "etc", "var"):
        for path in sorted((minimal_root / directory).rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        (minimal_root / directory).rmdir()
    container = start({})
    container.wait_for_stage2()
    container.stop()
    assert container.wait() == 0


@pytest.mark.parametrize("users", ["no", "pick"])
def test_files_of_any_size(start, minimal_root, users):
    """Nobody reads them in full. A machine-id of another size is refused by systemd-nspawn at once."""
    for name in ("hostname", "os-release", "resolv.conf", "localtime"):
        with (minimal_root / "etc" / name).open("wb") as opened:
            opened.truncate(1 << 40)
    container = start({**DUAL_STACK, "PRIVATE_USERS": users})
    container.wait_for_stage2()
    container.stop()
    assert container.wait() == 0


def test_signals_inside_are_as_ever(start):
    """What is blocked for systemd-nspawn is not for the container."""
    container = start(DUAL_STACK, as_unit=True)
    container.wait_for_stage2()
    blocked = int(status_field(container.leader(), "SigBlk"), 16)
    assert not blocked >> (signal.SIGCONT - 1) & 1
    assert int(status_field(container.process, "SigBlk"), 16) >> (signal.SIGCONT - 1) & 1


def test_fault_of_the_host_s_end_ends_the_start(network, start):
    network.add_pair("ve-db", "other")
    network.host.ip("link set ve-db up", "route add 10.1.0.2 dev ve-db")
    container = start(DUAL_STACK)
    container.wait()
    assert ("start: cannot add route 10.1.0.2 dev ve-web: File exists: 10.1.0.2 already leads to "
            "ve-db\n") in container.output
    wait_until(lambda: network.host.links() == {"ve-db"})


def stop_at(start, moment, variables):
    """The status after a stop that long after the beginning of start; a lost one has none."""
    container = start(variables, as_unit=True)
    container.wait_for_start()
    time.sleep(moment)
    container.stop_as_unit()
    begin = time.monotonic()
    status = container.wait()
    print(f"stop after {moment * 1000:.1f} ms took {time.monotonic() - begin:.2f} s: {status}")
    return status


@pytest.mark.parametrize("variables", [DUAL_STACK, {}], ids=["pair", "no-links"])
def test_no_stop_is_lost(start, variables):
    """As systemd stops a unit, at moments from the first of start to when stage 2 runs."""
    order = random.Random(1)
    for limit in [0.002, 0.01, 0.03, 0.06, 0.1, 0.15, 0.2] * (4 if CASES == "all" else 1):
        assert stop_at(start, order.uniform(0, limit), variables) in (0, BY_SIGTERM)


def test_no_early_stop_by_another_signal_is_lost(start):
    """systemd-nspawn gives up on a container that has lost it."""
    order = random.Random(1)
    for limit in [0.002, 0.01, 0.02] * 3:
        moment = order.uniform(0, limit)
        assert stop_at(start, moment, {"KILL_SIGNAL": "SIGRTMIN+4"}) in (0, 1, BY_SIGTERM)


# As root of a container with a user namespace may try it: by mount(2), by mount_setattr(2), for which libc
# may have no function, by umount2(2), and by writing, chmod and unlink as the bind is.
OVERWRITE_AS_USER = """
import ctypes, os, struct, sys
MS_REMOUNT, MS_BIND, SYS_MOUNT_SETATTR, AT_FDCWD, MOUNT_ATTR_RDONLY = 32, 4096, 442, -100, 1
libc = ctypes.CDLL(None, use_errno=True)
for namespace in [os.open(f"/proc/{sys.argv[1]}/ns/{kind}", os.O_RDONLY) for kind in ("user", "mnt")]:
    assert libc.setns(namespace, 0) == 0
os.setgroups([])
os.setresgid(0, 0, 0)
os.setresuid(0, 0, 0)
program = "/run/host/container-init"
status = os.stat(program)
print(status.st_dev, status.st_ino)
cleared = struct.pack("QQQQ", 0, MOUNT_ATTR_RDONLY, 0, 0)
if libc.mount(None, program.encode(), None, MS_REMOUNT | MS_BIND, None) == 0:
    print("made writable")
if libc.syscall(SYS_MOUNT_SETATTR, AT_FDCWD, program.encode(), 0, cleared, len(cleared)) == 0:
    print("made writable")
if libc.umount2(program.encode(), 2) == 0:
    print("unmounted")
for attempt in (lambda: open(program, "r+b"), lambda: os.chmod(program, 0o777), lambda: os.unlink(program)):
    try:
        attempt()
        print("changed")
    except OSError:
        pass
"""


def test_container_of_other_users_cannot_write_to_the_program(build, start):
    """It has the host's own, and no copy."""
    container = start({**DUAL_STACK, "PRIVATE_USERS": "pick"})
    container.wait_for_stage2()
    done = subprocess.run([sys.executable, "-c", OVERWRITE_AS_USER, str(container.leader())],
                          capture_output=True, text=True)
    program = (build / "container-init").stat()
    assert (done.returncode, done.stdout) == (0, f"{program.st_dev} {program.st_ino}\n"), done.stderr
    container.stop()
    assert container.wait() == 0
