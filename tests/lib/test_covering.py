# SPDX-License-Identifier: MIT
"""That a covering array covers, and is worth it."""

import itertools
import math

import pytest

from covering import covering

BINARY = [[False, True]] * 8
FACTORS = {"binary": BINARY, "mixed": [["a", "b", "c"], *BINARY], "large": [range(5), range(4), range(3), "xy"]}


@pytest.mark.parametrize("strength", [2, 3])
@pytest.mark.parametrize("factors", FACTORS.values(), ids=FACTORS.keys())
def test_covers(factors, strength):
    rows = covering(factors, strength, full=False)
    for columns in itertools.combinations(range(len(factors)), strength):
        wanted = set(itertools.product(*(factors[column] for column in columns)))
        assert {tuple(row[column] for column in columns) for row in rows} == wanted
    largest = math.prod(sorted(map(len, factors))[-strength:])
    assert largest <= len(rows) <= 3 * largest
    assert covering(factors, strength, full=False) == rows


def test_full_product():
    assert len(covering(FACTORS["mixed"], full=True)) == 3 * 2**8
