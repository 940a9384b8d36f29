# SPDX-License-Identifier: MIT
"""Measures how soon a Debian answers, from `systemctl start` on: `make bench-host`."""

import statistics
import time

from container import wait_until
from host import LONG, PAIR, PROGRAMS
from ping import wait_for_answer
from starts import is_up


def time_to_answer(container):
    begin = time.monotonic()
    container.start_soon()
    wait_until(lambda: is_up("ve-web"), seconds=LONG)  # an earlier ping would keep the next ones waiting
    wait_for_answer("10.1.0.2")
    answer = time.monotonic() - begin
    wait_until(lambda: container.state() == "active", seconds=LONG, pause=0.1)
    container.stop()
    return answer


# The host's end is configured when the container is ready, as scripts do.
AT_READY = f"""
ExecStart=
ExecStart=systemd-nspawn --keep-unit --quiet -M %i -D ${{root}} --network-veth --notify-ready=yes \
    --kill-signal=SIGRTMIN+3 --bind-ro={PROGRAMS}/container-init:/run/container-init \
    {" ".join(f"--setenv={key}" for key in PAIR)} /run/container-init /sbin/init
ExecStartPost=
ExecStartPost={PROGRAMS}/post-start
""".strip()


def test_time_to_first_answer(debian, record_property):
    web, _ = debian(**PAIR)
    time_to_answer(web)
    early = [time_to_answer(web) for _ in range(5)]
    web.drop_in(AT_READY)
    late = [time_to_answer(web) for _ in range(5)]
    for what, times in (("at once", early), ("at READY", late)):
        record_property(f"first answer, host's end {what}",
                        f"median of {len(times)} {statistics.median(times):.2f} s, "
                        f"{min(times):.2f} to {max(times):.2f} s")
    assert statistics.median(early) < statistics.median(late)
