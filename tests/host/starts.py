# SPDX-License-Identifier: MIT
"""Many containers that start at the same time."""

import concurrent.futures
import pathlib
import time

from container import wait_until
from host import DROP_INS, seconds_to, succeed
from ping import wait_for_answer


def allow_seconds(template, seconds):
    """For a start of the template's units, once systemd has loaded them again; the drop-in that says so."""
    path = DROP_INS / f"{template}.service.d/timeout.conf"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"[Service]\nTimeoutStartSec={seconds}\n")
    return path


def is_up(link):
    """Also for the kernel's queue of packets, which is told of a carrier some time after all others."""
    try:
        return pathlib.Path(f"/sys/class/net/{link}/operstate").read_text() == "up\n"
    except FileNotFoundError:
        return False


def wait_for_answers(containers, patience):
    """Over both families. A ping before the other end is up would keep the next ones waiting: the kernel
    asks only once a second where an address is."""
    for one in containers:
        wait_until(lambda: is_up(f"ve-{one.name}"), seconds=patience, pause=0.005)
        for address in one.locals():
            wait_for_answer(address, seconds=patience)


def start_all(services, containers, patience):
    """Seconds to the last first answer, and until all are ready."""
    begin = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor() as beside:
        starting = beside.submit(
            seconds_to, lambda: succeed("systemctl", "start", *services, timeout=patience))
        wait_for_answers(containers, patience)
        answered = time.monotonic() - begin
        return answered, starting.result()
