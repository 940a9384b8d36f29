# SPDX-License-Identifier: MIT
"""Containers that come and go, $CYCLES of them and eight at a time, on one host: nothing stays behind."""

import concurrent.futures
import ctypes
import os
import pathlib
import time

from combinations import pair
from container import children_of
from namespace import Namespace

CYCLES = int(os.environ.get("CYCLES", "1000"))
AT_ONCE = 8
PR_SET_CHILD_SUBREAPER = 36


def become_reaper():
    """What the programs leave running becomes a child of ours."""
    assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1) == 0


def traces(host):
    """All that could stay. A network namespace stays as long as a process, a descriptor or a mount has it."""
    return {"links, addresses, routes": host.state(), "descriptors": len(os.listdir("/proc/self/fd")),
            "children": children_of(os.getpid()), "mounts": pathlib.Path("/proc/self/mountinfo").read_text()}


def cycle(host, build, number):
    """One life of a container: start, a second post-start, the end unseen, the next pre-start."""
    name = f"c{number % AT_ONCE}"
    variables = {"INSTANCE": name, **pair(number % AT_ONCE + 1)}
    container = Namespace(host)
    try:
        host.ip(f"link add ve-{name} type veth peer name host0 netns {container.pid}")
        runs = [container.run([build / "container-init", "/bin/ls", "/proc/self/fd"], variables),
                host.run([build / "post-start"], variables), host.run([build / "post-start"], variables)]
        pings = [host.run(["ping", "-c1", "-W10", variables[key]]).returncode
                 for key in ("LOCAL_ADDRESS", "LOCAL_ADDRESS6")]
        runs.append(host.run([build / "pre-start"], variables))
    finally:
        container.close()
    printed = [(done.returncode, done.stdout, done.stderr) for done in runs]
    assert printed == [(0, "0\n1\n2\n3\n", ""), (0, "", ""), (0, "", ""),
                       (0, "", f"pre-start: deleted link ve-{name}, left by an earlier run\n")]
    assert pings == [0, 0]


def worker(host, build, first):
    for number in range(first, CYCLES, AT_ONCE):
        cycle(host, build, number)


def test_soak(namespace, build):
    become_reaper()
    before = traces(namespace)
    begin = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for done in [pool.submit(worker, namespace, build, first) for first in range(AT_ONCE)]:
            done.result()
    seconds = time.monotonic() - begin
    assert traces(namespace) == before
    print(f"{CYCLES} containers came and went in {seconds:.0f} s, {AT_ONCE} at a time; nothing stayed")
