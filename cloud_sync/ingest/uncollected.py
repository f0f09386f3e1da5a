"""The collector of cyclic garbage, out of the way for a moment."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """No search for cyclic garbage while a batch is handled: it makes none, and its many small objects would start hundreds.

    Bounded by the batch: a tenth of a second. Where the program has switched the collector off, it stays off.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
