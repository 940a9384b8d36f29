# SPDX-License-Identifier: MIT
"""Covering arrays: some of all combinations of the values of factors, in place of all."""

import itertools
import os

# How many cases of a test: "one", those of the "covering" array, or "all".
CASES = os.environ.get("CASES") or "covering"


def settings(row, strength):
    """All that a row, a value for each factor, has together: `strength` times (factor, value)."""
    return set(itertools.combinations(enumerate(row), strength))


def covering(factors, strength=3, full=CASES == "all"):
    """Rows of the product of the factors in which every value of a factor is together with every value of
    `strength` - 1 others at least once: each row is the one with most of what is missing yet. `full`
    gives the whole product."""
    product = list(itertools.product(*factors))
    if full:
        return product
    missing = set().union(*(settings(row, strength) for row in product))
    rows = []
    while missing:
        rows.append(max(product, key=lambda row: len(settings(row, strength) & missing)))
        missing -= settings(rows[-1], strength)
    return rows
