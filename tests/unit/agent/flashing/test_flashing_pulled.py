"""Cables pulled while a release is flashed: a share of all places, others at each commit (tests/benchmarks/flashing.py: all)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.share import chosen
from tests.unit.agent.flashing.pulling import KINDS, Pull, small

SHARE = 55  # places of each kind, or so; 66,000 there are


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the releases lie, which all tests of this file share."""
    return tmp_path_factory.mktemp("releases")


@pytest.mark.parametrize("kind", KINDS)
def test_a_cable_pulled_anywhere_leaves_a_whole_board(folder: Path, kind: str) -> None:
    """It starts as what it was or as what it becomes, and the same command ends well, sending what was missing: at the places of
    this commit, and at the last bytes each way. A failure names its place."""
    case = small(folder, kind)
    places = list(case.whole.everywhere())
    places = [pull for pull in places if chosen(f"{kind} {pull}", len(places) // SHARE)]
    last = [Pull(sent=case.whole.sent - n) for n in (0, 1, 2)] + [Pull(heard=case.whole.heard - 1)]
    found = case.sweep([*places, *last])
    assert found.total() == 2 * len([*places, *last])
    assert len(found) == 2, found  # the last bytes come after the one step that makes it the new release
