# SPDX-License-Identifier: MIT
"""The demo leaves nothing, however it ends."""

import contextlib
import os
import pathlib
import signal
import subprocess

import pytest

from container import children_of, status_field, wait_until

pytestmark = pytest.mark.release  # a build with sanitizers needs libraries, which the root of the demo lacks

DEMO = pathlib.Path(__file__).parents[1] / "demo"


def processes_below(pid):
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for child in children_of(pid):
            yield child
            yield from processes_below(child)


def names(processes):
    found = []
    for process in processes:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found.append(status_field(process, "Name"))
    return found


@pytest.fixture
def path(tmp_path):
    """With a ping in it that never ends: the demo stays where its container runs."""
    ping = tmp_path / "ping"
    ping.write_text("#!/bin/sh\nexec sleep infinity\n")
    ping.chmod(0o755)
    return f"{tmp_path}:{os.environ['PATH']}"


def end_by(build, path, sent):
    """Sends the signal once the container runs; the status of the demo when nothing of it is left. What
    the tests were told to ignore, as by nohup(1), a shell would ignore as well."""
    demo = subprocess.Popen(["env", "--default-signal", DEMO, build], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL, start_new_session=True,
                            env={**os.environ, "PATH": path})
    try:
        wait_until(lambda: {"stage2", "sleep"} <= set(names(processes_below(demo.pid))))
        started = list(processes_below(demo.pid))
        demo.send_signal(sent)
        wait_until(lambda: not any(pathlib.Path(f"/proc/{process}").exists() for process in started))
        return demo.wait(20)
    finally:
        demo.kill()
        demo.wait()


@pytest.mark.parametrize("sent", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGKILL],
                         ids=lambda sent: sent.name)
def test_a_signal_ends_the_container(build, path, sent):
    """To the process that was started, as a terminal that is closed or a supervisor sends it."""
    status = end_by(build, path, sent)
    assert status == (128 + sent if sent != signal.SIGKILL else -sent)
