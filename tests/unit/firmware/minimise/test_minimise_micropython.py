"""The minimisers in the real MicroPython interpreter: the same entries as under CPython, and what they cost."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from tests.unit.firmware.minimise import micropython
from tests.unit.firmware.minimise.leaving import directive, leaving
from tests.unit.firmware.minimise.test_zones_of_minimisers import MINIMISERS, ZONE
from tests.unit.firmware.minimise.tracks import drive

# Of the 64-bit interpreter, with the bytecode, which on a board lies in ROM.
MOST_MODULES_BYTES = 24_000
MOST_OBJECTS_BYTES = 3_000


@pytest.mark.micropython
@pytest.mark.parametrize(
    "name", ["speed and course", "all of them", "wide error", "places at the zone", "a great place"]
)
def test_the_interpreter_leaves_the_same_entries(tmp_path: Path, name: str) -> None:
    """Entry by entry; within the heap of a device."""
    fixes = drive("bus")
    under = directive(fixes, zones=[list(ZONE)], **MINIMISERS[name])
    entries, figures = micropython.run(tmp_path, fixes, under)
    print(name, figures)
    assert entries and entries == leaving(fixes, under)
    assert figures["modules_bytes"] <= MOST_MODULES_BYTES and figures["objects_bytes"] <= MOST_OBJECTS_BYTES


@pytest.mark.micropython
@pytest.mark.parametrize("name", ["all of them", "places at the zone"])
def test_a_clock_that_is_taken_back_there(tmp_path: Path, name: str) -> None:
    """The drive twice, the second time three hours earlier: the same entries, of both."""
    fixes = [*drive("bus"), *((fix[0] - 10_800, *fix[1:]) for fix in drive("bus"))]
    under = directive(fixes, **MINIMISERS[name])
    entries, _ = micropython.run(tmp_path, fixes, under)
    times = [entry[0] for entry in entries]
    assert entries == leaving(fixes, under)
    assert sum(b < a for a, b in pairwise(times)) == 1
