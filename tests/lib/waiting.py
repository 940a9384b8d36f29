# SPDX-License-Identifier: MIT
"""Waiting for a condition; never for a time."""

import time

# Seconds for what must come at some time, on a machine that others keep busy too.
LONG = 120


def wait_until(condition, seconds=LONG, pause=0.002):
    """The first true value of the condition; it must come in time."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"timed out after {seconds} s"
        time.sleep(pause)
    return value
