"""Records at their edges: past their due and still there, put after an erasure, and keys that have no part."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud_sync.errors import Denied, StoreError
from cloud_sync.model import Reason
from cloud_sync.policy import Clock, load_policy
from cloud_sync.storage.keybackup import restore
from tests.unit.cloud_sync.records.records_world import DAY, ME, Office


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """An installation with categories of records."""
    return Office(tmp_path)


def restored(office: Office, backup: Path) -> None:
    """Lose the key store and put a backup in its place."""
    for path in office.directory.glob("keys.db*"):
        path.unlink()
    config = office.config()
    restore(backup, config.keys, office.clock.now(), load_policy(config.policy).backup_horizon.end)


@pytest.mark.parametrize("category", ["crm", "support", "account", "application"])
def test_a_record_past_its_due_is_read_by_nobody(office: Office, category: str) -> None:
    """By its own term or by the cap, before a sweep and under a hold: readable until its due, then expired."""
    purpose = {"account": "account", "application": "account"}.get(category, "support")
    with office.open() as cloud:
        name = cloud.records.put(category, {"s-1": b"x"})
        cloud.records.note(Clock.RELATION_ENDED, subject="s-1")
        [part] = cloud.records.of("s-1")
        cloud.holds.place("H-1", by="dpo-1", subject="s-1", review_at=office.clock.at + 300 * DAY)
        assert part.due is not None
        office.clock.at = part.due - 1
        assert cloud.records.read(name, actor=ME, purpose=purpose, subject="s-1") == b"x"
        office.clock.at = part.due
        for _ in range(2):
            with pytest.raises(Denied) as denied:
                cloud.records.read(name, actor=ME, purpose=purpose, subject="s-1")
            assert denied.value.reason == Reason.EXPIRED
            cloud.sweep(clock_confirmed=True)
        assert len(cloud.records.of("s-1")) == 1


def test_a_record_that_is_dated_back_beyond_an_erasure_stays(office: Office) -> None:
    """What comes in after an erasure is no part of it, whenever it says that it was made."""
    with office.open() as cloud:
        cloud.records.put("log", {"s-1": b"old"})
        cloud.records.erase("s-1", actor="s-1")
        office.clock.at += 60
        cloud.records.put("support", {"s-1": b"new"}, created_at=office.clock.at - 3600)
    with office.open() as cloud:
        assert [part.category for part in cloud.records.of("s-1")] == ["support"]


def test_the_key_of_a_part_that_could_not_be_put_goes_with_the_next_sweep(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its key is durable first; the sweep takes it, and the key of a part that is there it leaves."""
    with office.open() as cloud:
        kept = cloud.records.put("log", {"s-1": b"x"})

        def full(_: object) -> None:
            raise StoreError("full")

        with monkeypatch.context() as patch:
            patch.setattr(cloud.database, "put_part", full)
            with pytest.raises(StoreError):
                cloud.records.put("log", {"s-1": b"x"}, record_id="r-1")
        assert cloud._store.record_key("r-1", "s-1") is not None
        cloud.sweep()
        assert cloud._store.record_key("r-1", "s-1") is None
        assert cloud._store.record_key(kept, "s-1") is not None


def test_a_part_that_is_being_put_keeps_its_key(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """A walk over keys between key and row of a part runs inside the same transaction or not at all: it waits."""
    import threading

    with office.open() as cloud:
        put, walked = cloud.database.put_part, threading.Event()

        def walk() -> None:
            cloud.records.destroy_orphans()
            walked.set()

        walker = threading.Thread(target=walk)

        def slow(part: object) -> None:
            walker.start()
            assert not walked.wait(0.05)
            put(part)  # type: ignore[arg-type]

        monkeypatch.setattr(cloud.database, "put_part", slow)
        name = cloud.records.put("log", {"s-1": b"x"})
        walker.join(10)
        assert walked.is_set() and cloud._store.record_key(name, "s-1") is not None


@pytest.mark.parametrize("erased", [True, False])
def test_a_restored_key_store_brings_no_key_of_a_record_back(office: Office, tmp_path: Path, erased: bool) -> None:
    """A backup of before the record's erasure, or of before the end of its term: its key goes at the start."""
    with office.open() as cloud:
        cloud.enrol(subject="s-1", settings={})
        cloud.sweep()
        name = cloud.records.put("log", {"s-1": b"x"})
        office.clock.at += 364 * DAY
        cloud.sweep(clock_confirmed=True)
        kept = cloud.records.put("log", {"s-2": b"y"})
        cloud.back_up_keys(tmp_path / "backup")
        office.clock.at += 60 if erased else 2 * DAY
        if erased:
            cloud.erase(subject="s-1")
        cloud.sweep(clock_confirmed=True)
    restored(office, tmp_path / "backup")
    with office.open() as cloud:
        assert cloud._store.record_key(name, "s-1") is None
        assert cloud._store.record_key(kept, "s-2") is not None
