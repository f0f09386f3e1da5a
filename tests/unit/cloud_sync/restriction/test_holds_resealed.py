"""A day of which a part is erased while another part is held: what is held is sealed anew, the same to the byte, and the log
says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cloud_sync.keys.reseal import DayOpener
from cloud_sync.model import RESEALED, StoredEnvelope, Stream
from cloud_sync.service import CloudSync
from cloud_sync.wire.fields import MOST_EPOCH
from tests.unit.cloud_sync.ingest.ingest_world import NOON, TODAY, Tracker
from tests.unit.cloud_sync.service_world import GIVE, Setting, tracker_of

DAY = 86_400
MIDNIGHT = TODAY * DAY
TEN, ELEVEN = MIDNIGHT + 10 * 3600, MIDNIGHT + 11 * 3600


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    """An empty installation."""
    setting = Setting(tmp_path)
    setting.clock.at = float(MIDNIGHT)
    return setting


@pytest.fixture
def cloud(setting: Setting) -> Iterator[CloudSync]:
    """It, open and swept once."""
    with setting.open() as cloud:
        cloud.sweep()
        yield cloud


def fed(cloud: CloudSync, setting: Setting) -> Tracker:
    """Seven envelopes of half an hour each, from eight to half past eleven; then it is noon."""
    tracker = tracker_of(cloud.enrol(subject="s-1", settings={}))
    cloud.consent.give("s-1", "tracking", GIVE)
    state = cloud.database.directive_state(tracker.name)
    assert state is not None
    setting.clock.at = NOON
    starts = range(MIDNIGHT + 8 * 3600, MIDNIGHT + 11 * 3600 + 1, 1800)
    cloud.handle([(tracker.topic, tracker.fixes([t, t + 600, t + 1200], version=max(state.floors))) for t in starts])
    assert len(rows(cloud, tracker)) == 7
    return tracker


def rows(cloud: CloudSync, tracker: Tracker) -> list[StoredEnvelope]:
    """All of its positions, in order of capture."""
    found = cloud.database.envelopes(tracker.name, Stream.LOCATION, 0, MOST_EPOCH)
    return sorted(found, key=lambda row: row.oldest_capture)


def contents(cloud: CloudSync, stored: list[StoredEnvelope]) -> list[bytes | None]:
    """What is inside."""
    opener = DayOpener(cloud._store, cloud._keys)
    return [opener.open(row) for row in stored]


def held(cloud: CloudSync, setting: Setting) -> str:
    """A hold on ten to eleven o'clock; its id."""
    review = setting.clock.at + 30 * DAY
    return cloud.holds.place("H-1", by="dpo-1", subject="s-1", review_at=review, start=TEN, end=ELEVEN).hold_id


def logged(cloud: CloudSync) -> list[tuple[str, int]]:
    """(hold, how many) of the log's entries on evidence that was sealed anew."""
    details = [dict(entry.event.detail) for entry in cloud.audit.entries(kind="hold.resealed")]
    return [(str(each["hold"]), int(each["resealed"])) for each in details]


@pytest.mark.parametrize("span", [(MIDNIGHT, TEN), (None, None), (MIDNIGHT, MIDNIGHT + 9 * 3600)])
def test_evidence_is_sealed_anew_with_its_day_and_the_log_says_so(
    cloud: CloudSync, setting: Setting, span: tuple[int | None, int | None]
) -> None:
    """An erasure that the hold is in the way of, or beside it: two envelopes, the same to the byte, under a key of their own."""
    tracker = fed(cloud, setting)
    evidence = [row for row in rows(cloud, tracker) if TEN <= row.oldest_capture < ELEVEN]
    known = contents(cloud, evidence)
    hold = held(cloud, setting)
    cloud.erase(subject="s-1", start=span[0], end=span[1])
    now = [row for row in rows(cloud, tracker) if TEN <= row.oldest_capture < ELEVEN]
    assert contents(cloud, now) == known and None not in known and len(now) == 2
    assert all(row.id.generation >= RESEALED for row in now)
    assert contents(cloud, evidence) == [None, None]
    assert logged(cloud) == [(hold, 2)]


def test_an_erasure_of_another_day_touches_no_evidence(cloud: CloudSync, setting: Setting) -> None:
    """Nothing is sealed anew, and nothing is logged."""
    tracker = fed(cloud, setting)
    held(cloud, setting)
    before = rows(cloud, tracker)
    cloud.erase(subject="s-1", start=MIDNIGHT - 3 * DAY, end=MIDNIGHT - 2 * DAY)
    assert rows(cloud, tracker) == before and logged(cloud) == []


def test_evidence_that_does_not_open_lets_its_day_wait(cloud: CloudSync, setting: Setting) -> None:
    """It cannot be sealed anew, and would go: the erasure beside it waits for the release, once, and is carried out then."""
    tracker = fed(cloud, setting)
    stored = rows(cloud, tracker)
    damaged = next(row for row in stored if row.oldest_capture == TEN)
    cloud.database.remove_envelopes([(damaged.id, damaged.digest)])
    cloud.database.add_envelopes([replace(damaged, payload=damaged.payload[:-1] + bytes([damaged.payload[-1] ^ 1]))])
    hold = held(cloud, setting)
    receipt = cloud.erase(subject="s-1", start=MIDNIGHT, end=MIDNIGHT + 9 * 3600)
    assert receipt.held == (hold,) and len(rows(cloud, tracker)) == 7
    for _ in range(2):
        setting.clock.at += 60
        cloud.sweep()
        assert len(cloud.database.waiting()) == 1
    cloud.holds.release(hold, by="dpo-1", approved_by="counsel-1")
    cloud.sweep()
    assert cloud.database.waiting() == [] and len(rows(cloud, tracker)) == 4
