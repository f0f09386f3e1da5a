"""The firmware's wire package against the conformance vectors, on both interpreters."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.wire import columns as product_columns
from tests.unit.firmware import interpreter
from tests.unit.firmware.wire import replay

VECTORS = interpreter.ROOT / "tests" / "conformance" / "vectors"


@pytest.mark.parametrize("name", sorted(replay.CHECKS))
def test_vectors_replay_under_cpython(name: str) -> None:
    """Every case of the file is accepted or refused as it says."""
    count, failed = replay.replay(str(VECTORS / f"{name}.json"), name)
    assert count > 0
    assert failed == []


def test_every_vector_file_has_a_replay() -> None:
    """A file that is added to the vectors cannot be forgotten here."""
    assert {path.stem for path in VECTORS.glob("*.json")} == set(replay.CHECKS)


@pytest.mark.micropython
def test_vectors_replay_under_micropython() -> None:
    """The same cases, under the interpreter and the heap of the device."""
    names = sorted(replay.CHECKS)
    lines = interpreter.run(Path(replay.__file__), str(interpreter.ROOT), *names).splitlines()
    assert [line.split()[0] for line in lines] == names
    assert [line for line in lines if int(line.split()[1]) == 0 or int(line.split()[2])] == []


def test_a_broken_product_fails_the_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    """The replay sees a column encoder that always takes order 1."""
    monkeypatch.setattr(product_columns, "encode", lambda values: [1, *values])
    _, failed = replay.replay(str(VECTORS / "columns.json"), "columns")
    assert "steady" in failed
