"""Statistics: what keeps a count from being a person."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any, Final

import pytest

from cloud_sync.alarms.desk import AlarmDesk
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.keys.recordkeys import RecordKeys
from cloud_sync.statistics import counts, release
from tests.clauses.engine import Engine


def as_they_are(patch: pytest.MonkeyPatch) -> None:
    """Every group with its number: aggregates are taken for anonymous."""

    def plain(groups: Mapping[Any, Set[str]], k: int) -> dict[Any, int]:
        return {group: len(people) for group, people in groups.items() if people}

    for module in (release, counts):
        patch.setattr(module, "banded", plain)
        patch.setattr(module, "exposed", lambda *_: [])
    patch.setattr("cloud_sync.records.totals.FEWEST", 0)


def _keys_stay(patch: pytest.MonkeyPatch) -> None:
    """Rows are deleted, and keys are left where they are."""
    patch.setattr(LadderKeys, "forward", lambda _, leaf, __: leaf)
    for name in ("destroy", "destroy_all", "destroy_leaf"):
        patch.setattr(LadderKeys, name, lambda *_, **__: 0)


def _record_keys_stay(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(RecordKeys, "destroy", lambda *_: 0)


def _plain_labels(patch: pytest.MonkeyPatch) -> None:
    """A place is a place, whatever it is called."""
    real = AlarmDesk.set
    patch.setattr(AlarmDesk, "set", lambda self, *args, **more: (real(self, *args, **more)[0], []))


ENGINES: Final = (
    Engine("bands", "every group is told, however small", as_they_are),
    Engine("anonymising", "rows are deleted, their keys stay", _keys_stay),
    Engine("record keys", "records are deleted, their keys stay", _record_keys_stay),
    Engine("labels", "what a person calls a place is plain", _plain_labels),
)
