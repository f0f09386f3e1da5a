"""Stores that do not belong together, that are older than each other, or that a backup has brought back."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.errors import ConfigError, Denied, StoreError
from cloud_sync.model import EPOCH_SECONDS, Actor, EnvelopeId, StoredEnvelope, Stream
from cloud_sync.service import CloudSync
from tests.unit.cloud_sync.ingest.ingest_world import NOON, TODAY, Tracker
from tests.unit.cloud_sync.service_world import GIVE, TAKE_BACK, Setting, T, tracker_of
from tests.unit.cloud_sync.storage.places import copy_store

ME = Actor("s-1", "data_subject")
TERM_DAYS = 90
STORES = ("telemetry.db", "keys.db", "tombstones.db")


def begin(setting: Setting) -> Tracker:
    """A device with leave, and three fixes of ten minutes."""
    setting.clock.at = NOON
    with setting.open() as cloud:
        tracker = tracker_of(cloud.enrol(subject="s-1", settings={}))
        cloud.consent.give("s-1", "tracking", GIVE)
        cloud.handle([(tracker.topic, tracker.status())])
        setting.clock.at = NOON + 1300
        cloud.handle([(tracker.topic, tracker.fixes([T, T + 600, T + 1200]))])
    return tracker


def read(cloud: CloudSync) -> list[int]:
    """Times of what the person may read."""
    span: dict[str, Any] = {"start": NOON - 7200, "end": NOON + 7200}
    return [fix.time for fix in cloud.read_location(actor=ME, purpose="tracking", subject="s-1", **span)]


def copies(setting: Setting, folder: str, *names: str) -> Path:
    """Copies of closed stores."""
    target = setting.directory / folder
    target.mkdir()
    for name in names:
        copy_store(name, setting.directory, target)
    (target / "names").write_text(" ".join(names))
    return target


def put_back(setting: Setting, folder: Path) -> None:
    """Copies in the place of the stores."""
    for name in (folder / "names").read_text().split():
        copy_store(name, folder, setting.directory)


def erase_a_part(setting: Setting) -> None:
    """The middle one of the three fixes."""
    with setting.open() as cloud:
        cloud.erase(subject="s-1", start=T + 300, end=T + 900)
        assert read(cloud) == [T, T + 1200]


def test_a_part_of_a_day_stays_erased_after_a_restore(setting: Setting) -> None:
    """Database and key store of before: served as erased, and the entry in the log tells it."""
    begin(setting)
    backup = copies(setting, "backup", "telemetry.db", "keys.db")
    erase_a_part(setting)
    put_back(setting, backup)
    with setting.open() as cloud:
        entries = [entry.event for entry in cloud.audit.entries(kind="restore.replayed")]
        assert [event.actor for event in entries] == ["erasure", "controller"]
        assert dict(entries[0].detail) == {"count": 0, "resealed": 1}
        assert read(cloud) == [T, T + 1200]


@pytest.mark.parametrize("others", [("telemetry.db",), ("keys.db",), ()], ids=["database", "keys", "alone"])
def test_tombstones_older_than_the_other_stores_are_refused(setting: Setting, others: tuple[str, ...]) -> None:
    """Whichever of the two others was turned back with them; the newest state opens."""
    begin(setting)
    old = copies(setting, "old", "tombstones.db", *others)
    erase_a_part(setting)
    new = copies(setting, "new", *STORES)
    put_back(setting, old)
    with pytest.raises(ConfigError, match="tombstones are older"):
        setting.open()
    put_back(setting, new)
    with setting.open() as cloud:
        assert read(cloud) == [T, T + 1200]


@pytest.mark.parametrize("foreign", ["telemetry.db", "keys.db"])
def test_a_store_of_another_installation_is_refused(setting: Setting, foreign: str, tmp_path: Path) -> None:
    """A key store without its database, and the reverse: a sentence, and nothing is changed; the right one opens."""
    (tmp_path / "other").mkdir()
    other = Setting(tmp_path / "other")
    begin(setting)
    begin(other)
    for name in ("kek", "audit.key"):  # the same keys: only the devices differ
        shutil.copy2(setting.directory / name, other.directory / name)
    mine = copies(setting, "mine", *STORES)
    shutil.copy2(other.directory / foreign, setting.directory / foreign)
    before = {name: (setting.directory / name).read_bytes() for name in STORES}
    with pytest.raises(ConfigError, match="different installations"):
        setting.open()
    assert {name: (setting.directory / name).read_bytes() for name in STORES} == before
    put_back(setting, mine)
    with setting.open() as cloud:
        assert read(cloud) == [T, T + 600, T + 1200]


def pass_days(setting: Setting, days: int) -> None:
    """A service that sweeps once a day."""
    with setting.open() as cloud:
        for _ in range(days):
            assert not cloud.sweep().halted
            setting.clock.at += EPOCH_SECONDS - 60
        assert not cloud.sweep().halted


def test_an_old_key_store_does_not_lead_to_days_whose_keys_were_destroyed(setting: Setting) -> None:
    """Before anything is served its tips stand where they stood, and the keys of days that are over are gone again."""
    tracker = begin(setting)
    old = copies(setting, "old", "keys.db")
    pass_days(setting, TERM_DAYS + 12)
    today = int(setting.clock.at) // EPOCH_SECONDS
    with setting.open() as cloud:
        epochs = [leaf.epoch for leaf in cloud._store.leaves(tracker.name, Stream.LOCATION, 0, today + 9)]
        assert epochs[0] > TODAY and epochs[-1] == today
    put_back(setting, old)
    with setting.open() as cloud:
        assert {tip.epoch for tip in cloud._store.tips()} == {today + 1}
        assert [leaf.epoch for leaf in cloud._store.leaves(tracker.name, Stream.LOCATION, 0, today + 9)] == epochs


def test_a_restored_database_does_not_serve_what_had_expired(setting: Setting) -> None:
    """Before the clock is confirmed and the first sweep: what the last one had destroyed is destroyed again, and said."""
    tracker = begin(setting)
    old = copies(setting, "old", "telemetry.db", "keys.db")
    pass_days(setting, TERM_DAYS + 2)
    put_back(setting, old)
    with setting.open() as cloud:
        assert cloud.database.count_envelopes(tracker.name, Stream.LOCATION) == 0
        assert cloud._store.leaves(tracker.name, Stream.LOCATION, TODAY, TODAY) == []
        assert cloud.audit.entries(kind="restore.replayed")[0].event.actor == "retention"
        assert cloud.sweep().halted  # the clock itself still needs a person's word
    with setting.open() as cloud:
        said = [entry.event.actor for entry in cloud.audit.entries(kind="restore.replayed")]
        assert said.count("retention") == 1


def test_a_clock_that_was_once_confirmed_wrongly_does_not_destroy_again(setting: Setting) -> None:
    """A sweep far ahead of its time is witnessed; what is stored after the clock has been set right stays, start after start."""
    tracker = begin(setting)
    with setting.open() as cloud:
        setting.clock.at += 400 * EPOCH_SECONDS
        assert not cloud.sweep(clock_confirmed=True).halted
        setting.clock.at -= 400 * EPOCH_SECONDS
    with setting.open() as cloud:
        row = StoredEnvelope(EnvelopeId(tracker.name, 0, 1, TODAY, 9), b"x" * 8, 1, b"x", NOON, NOON)
        cloud.database.add_envelopes([row])
    with setting.open() as cloud:
        assert cloud.database.envelopes(tracker.name, Stream.LOCATION, TODAY, TODAY) == [row]


def test_a_withdrawal_whose_witness_was_cut_off_is_known_after_the_next_start(setting: Setting) -> None:
    """The program ends between the commit and the witness; a start, and then a backup of before: the withdrawal still holds."""
    begin(setting)
    old = copies(setting, "old", "telemetry.db")
    with setting.open() as cloud, pytest.MonkeyPatch.context() as patch:
        patch.setattr(cloud._witness, "note", _cut)
        with pytest.raises(StoreError):
            cloud.consent.withdraw("s-1", "tracking", TAKE_BACK)
    setting.open().close()
    put_back(setting, old)
    with setting.open() as cloud, pytest.raises(Denied):
        read(cloud)


def _cut(subject: str | None = None) -> None:
    raise StoreError("the program ends here")
