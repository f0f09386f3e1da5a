"""Walks over all keys that go on from sweep to sweep, also where each sweep is a process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud_sync.model import RESEALED, EnvelopeId, StoredEnvelope, Stream
from cloud_sync.records import erasing as erasing_module
from cloud_sync.records import records as records_module
from cloud_sync.retention import orphans as orphans_module
from cloud_sync.retention.walk import EDITIONS, RECORD_KEYS
from cloud_sync.service import CloudSync
from tests.unit.cloud_sync.ingest.ingest_world import NOON, TODAY
from tests.unit.cloud_sync.records.records_world import Office
from tests.unit.cloud_sync.service_world import tracker_of

SWEEPS = 3
PAGE = 4
LIVING = 10


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    """An installation whose sweeps look at a page of four keys each, so that twelve keys take three."""
    for module, most in ((records_module, "WALKED"), (orphans_module, "A_SWEEP")):
        monkeypatch.setattr(module, most, PAGE)
    for module in (erasing_module, orphans_module):
        monkeypatch.setattr(module, "CHUNK", PAGE)
    return Office(tmp_path)


def filled(cloud: CloudSync) -> str:
    """Ten keys of each kind that are needed, and behind them one that is not, as a restored key store has it; the device."""
    device = tracker_of(cloud.enrol(subject="s-1", settings={})).name
    for n in range(LIVING):
        cloud.records.put("log", {"s-1": b"x"}, record_id=f"a-{n}")
        row = EnvelopeId(device, RESEALED + n, Stream.LOCATION, TODAY, 0)
        cloud._keys.new_edition(*row[:4])
        cloud.database.add_envelopes([StoredEnvelope(row, bytes(8), 1, b"sealed", NOON, NOON)])
    orphaned(cloud, device)
    return device


def orphaned(cloud: CloudSync, device: str) -> None:
    """A key of each kind, behind all others, of which there is no row."""
    cloud._store.put_record_key("z-1", "s-9", cloud._store.record_key("a-0", "s-1") or b"")
    cloud._keys.new_edition(device, RESEALED + LIVING, Stream.LOCATION, TODAY)


def keys_left(cloud: CloudSync, device: str) -> tuple[int, int]:
    """How many there still are: of records, of editions."""
    leaves = cloud._store.leaves(device, Stream.LOCATION, TODAY, TODAY)
    return len(cloud._store.record_keys(("", ""), 100)), len([leaf for leaf in leaves if leaf.generation >= RESEALED])


def test_three_short_sweeps_see_every_key(office: Office) -> None:
    """Each opens, sweeps and ends, as from a crontab: what lies behind ten keys is met, and the ten stay."""
    with office.open() as cloud:
        device = filled(cloud)
    for _ in range(SWEEPS):
        with office.open() as cloud:
            assert not cloud.sweep().halted
    with office.open() as cloud:
        assert keys_left(cloud, device) == (LIVING, LIVING)


def test_a_walk_that_came_to_the_end_begins_anew(office: Office) -> None:
    """A key that comes back behind all others is met by the next round."""
    with office.open() as cloud:
        device = filled(cloud)
        for _ in range(SWEEPS):
            cloud.sweep()
        assert keys_left(cloud, device) == (LIVING, LIVING)
        orphaned(cloud, device)
        assert keys_left(cloud, device) == (LIVING + 1, LIVING + 1)
        for _ in range(SWEEPS):
            cloud.sweep()
        assert keys_left(cloud, device) == (LIVING, LIVING)


def test_an_erased_person_is_in_no_place_of_a_walk(office: Office) -> None:
    """A walk stands at a record and at a device of theirs: both places go with the erasure, those of others stay."""
    with office.open() as cloud:
        device = tracker_of(cloud.enrol(subject="s-1", settings={})).name
        marks = {EDITIONS: f'["{device}", 1, 2, 3]', RECORD_KEYS: '["r-1", "s-1"]'}
        for name, place in marks.items():
            cloud.database.set_mark(name, place)
        cloud.records.put("log", {"s-2": b"x"})
        cloud.erase(subject="s-2")
        assert {name: cloud.database.mark(name) for name in marks} == marks
        cloud.erase(subject="s-1")
        assert {cloud.database.mark(name) for name in marks} == {""}
