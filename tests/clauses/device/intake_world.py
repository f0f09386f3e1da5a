"""What the tests of the way in beside the devices share: refusals, what is stored, and what a person's copy shows of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from cloud_sync.disclosure.export import Export
from cloud_sync.errors import Denied
from tests.clauses.made import U1, World


def parts(world: World, category: str | None = None, subject: str = "u-1") -> int:
    """Records of a person."""
    return len(world.cloud.records.of(subject, category))


@contextmanager
def refused(world: World, reason: str) -> Iterator[None]:
    """deny(reason) on the way in: nothing is stored, and one entry of the log has the reason and none of the values."""
    before, rows = world.logged("ingest.refused"), parts(world)
    with pytest.raises(Denied) as denied:
        yield
    assert str(denied.value.reason) == reason
    assert parts(world) == rows
    logged = world.logged("ingest.refused")[len(before) :]
    assert [(entry["reason"], entry["count"]) for entry in logged] == [(reason, 1)]


def export(world: World) -> Export:
    """The person's own copy."""
    return world.cloud.export(world.folder / f"copy-{world.now:.0f}", "u-1", actor=U1)


def rows_of(made: Export, category: str) -> list[dict[str, Any]]:
    """Rows of a category in the copy, with the content that the intake sealed."""
    rows = []
    for file in made.files:
        if file.about == category:
            rows += json.loads((made.folder / file.name).read_text("utf-8"))
    return [{**row, **contents(row["text"])} for row in rows]


def contents(text: str | bytes) -> dict[str, Any]:
    """What the intake sealed: `fields`, and `source`, `provided_by`, `may_be_sensitive` as far as it says so."""
    sealed = json.loads(text)
    told = {name[1:]: value for name, value in sealed.items() if name.startswith("_")}
    return {"fields": {name: value for name, value in sealed.items() if not name.startswith("_")}, **told}


def raw(world: World) -> bytes:
    """Every byte of the installation's files, as a thief has them; what a person took is theirs."""
    files = [path for path in sorted(world.folder.rglob("*")) if path.is_file() and path != world.policy]
    return b"".join(path.read_bytes() for path in files if not path.parent.name.startswith("copy-"))
