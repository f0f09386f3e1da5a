"""Parts of deliveries as Parquet."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.disclosure.parcel import Part, part_of
from cloud_sync.disclosure.parquet import ParquetSink
from cloud_sync.errors import ConfigError
from tests.clauses.made import World
from tests.clauses.recipients.recipients_world import hand, put

ROWS: list[dict[str, Any]] = [
    {"time": "2026-01-15T12:00:00Z", "lat": 55.6},
    {"time": "2026-01-15T12:00:10Z", "lat": None},
]


def _read(path: Path) -> Any:
    return importlib.import_module("pyarrow.parquet").read_table(path)


def test_a_part_is_a_file_of_columns(tmp_path: Path) -> None:
    """With the listed fields as columns, and delivery, purpose and source in its metadata; the same part is the same file."""
    sink = ParquetSink(tmp_path)
    for _ in range(2):
        sink.deliver(part_of("d-1", 0, b"s" * 16, "crm", "contact", "location", ROWS))
    (file,) = tmp_path.iterdir()
    table = _read(file)
    assert table.to_pylist() == ROWS
    assert table.schema.metadata[b"purpose"] == b"contact"
    assert file.suffix == ".parquet"
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_message_without_rows_stays_json(tmp_path: Path) -> None:
    """A removal is no table."""
    ParquetSink(tmp_path).deliver(Part("removed-1", "crm", b'{"removed":["d-1"]}'))
    assert [json.loads(path.read_bytes()) for path in tmp_path.glob("*.json")] == [{"removed": ["d-1"]}]


def test_a_record_goes_out_and_back(world: World) -> None:
    """Through the façade; an erasure of the person removes the file."""
    folder = world.folder / "outbox"
    folder.mkdir()
    world.cloud.sinks["crm"] = ParquetSink(folder)
    hand(world, put(world, "contact"), "crm", "contact")
    (file,) = folder.iterdir()
    assert _read(file).to_pylist() == [{"email": "kim@mail.example", "name": "Kim Example", "phone": "+45 1234"}]
    world.cloud.enrol(subject="u-1", settings={})
    world.cloud.erase(subject="u-1", actor="dpo-1")
    assert list(folder.iterdir()) == []


def test_without_the_library_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the sink is made, not when somebody's data is to leave."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigError, match=r"pip install 'byleave\[parquet\]'"):
        ParquetSink(tmp_path)
