"""A share of many tests that are alike, another one at each commit: what a run of all tests can afford of them.

`BYLEAVE_SEED` chooses which (the Makefile gives the commit), so that the others come with the next commits.
"""

from __future__ import annotations

import os
from zlib import crc32


def chosen(name: str, one_in: int) -> bool:
    """Whether the test of this name is of the share; with `one_in` = 1 all are."""
    return crc32(f"{os.environ.get('BYLEAVE_SEED', '')} {name}".encode()) % one_in == 0
