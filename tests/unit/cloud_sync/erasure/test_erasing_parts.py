"""Erasing parts of days: exactly what lies within goes, and stays away."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path
from random import Random

import pytest

from cloud_sync.errors import ConfigError, StoreError
from cloud_sync.ingest.outcome import Kind
from cloud_sync.model import EPOCH_SECONDS, PERSONAL_STREAMS, RESEALED, Precision, Stream, VerdictCode
from cloud_sync.storage.engine import Engine
from cloud_sync.wire.envelope import parse_uplink
from cloud_sync.wire.fields import MOST_EPOCH
from tests.unit.cloud_sync.erasure.parts_world import (
    DAY,
    HOUR,
    LAST_DAY,
    MIDNIGHT,
    Span,
    back_up,
    captured,
    editions,
    erase,
    filled,
    left,
    opened,
    opening,
    outside,
    permitted,
    restored,
    sealed,
    times_of,
)
from tests.unit.cloud_sync.ingest.ingest_world import TODAY, Tracker, World
from tests.unit.cloud_sync.storage.places import copy_all, copy_store

COPENHAGEN = (MIDNIGHT + DAY - HOUR, MIDNIGHT + 2 * DAY - HOUR)  # a local day of winter
KOLKATA = (MIDNIGHT + DAY - 5.5 * HOUR, MIDNIGHT + 2 * DAY - 5.5 * HOUR)
SPANS: list[Span] = [
    COPENHAGEN,
    KOLKATA,
    (MIDNIGHT + DAY + 8 * HOUR, MIDNIGHT + DAY + 12 * HOUR + 17),  # a driver's hours
    (MIDNIGHT + 10, MIDNIGHT + 11),
    (MIDNIGHT + DAY, MIDNIGHT + 2 * DAY),  # a whole UTC day
    (MIDNIGHT + DAY - HOUR, MIDNIGHT + 2 * DAY),
    (MIDNIGHT + HOUR, None),
    (None, MIDNIGHT + 30 * HOUR),
    (None, None),
]


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Tracker, dict[Stream, list[bytes]]]:
    """The files of a world with two days and a half of readings; each test works on a copy."""
    world = World(tmp_path_factory.mktemp("ready"))
    tracker, copies = filled(world)
    world.close()
    return world.directory, tracker, copies


@pytest.fixture
def files(ready: tuple[Path, Tracker, dict[Stream, list[bytes]]], tmp_path: Path) -> Path:
    """A copy of them."""
    return copy_all(ready[0], tmp_path / "files")


@pytest.fixture
def tracker(ready: tuple[Path, Tracker, dict[Stream, list[bytes]]]) -> Tracker:
    """Whose readings they are."""
    return ready[1]


@pytest.fixture
def copies(ready: tuple[Path, Tracker, dict[Stream, list[bytes]]]) -> dict[Stream, list[bytes]]:
    """The envelopes as the device sent them."""
    return ready[2]


def at_noon(files: Path) -> World:
    """The world on these files, at noon of its last day."""
    world = World(files)
    world.clock.at = LAST_DAY * DAY + DAY / 2
    return world


@pytest.mark.parametrize("span", SPANS)
def test_exactly_the_span_is_erased(files: Path, tracker: Tracker, span: Span) -> None:
    """Of all three streams what was captured within goes, and every other reading is there once."""
    world = at_noon(files)
    assert left(world, tracker) == outside([])
    before = world.database.count_envelopes()
    receipt = erase(world, *span)
    assert left(world, tracker) == outside([span])
    assert world.database.count_envelopes() <= before - receipt.envelopes
    assert receipt.envelopes + receipt.resealed > 0
    world.close()


def test_no_key_of_a_cut_day_is_left_to_open_what_was_sent(
    files: Path, tracker: Tracker, copies: dict[Stream, list[bytes]]
) -> None:
    """All envelopes of the two cut days open before; none after, wherever a copy of them comes from; other days are untouched."""
    world = at_noon(files)
    sent = [copy for stream in PERSONAL_STREAMS for copy in copies[stream]]
    assert opening(world, tracker, sent) == len(sent)
    later = [copy for stream in PERSONAL_STREAMS for copy in copies[stream][-8:]]  # of the last day: 36 readings
    erase(world, *COPENHAGEN)
    assert opening(world, tracker, sent) == opening(world, tracker, later) == len(later)
    found = editions(world, tracker)
    assert found == [(stream, TODAY + day, 1) for day in (0, 1) for stream in PERSONAL_STREAMS]
    world.close()


def test_receipt_and_log_tell_the_span_and_the_counts(files: Path, tracker: Tracker) -> None:
    """Seconds, how many went and how many were sealed anew; nothing else."""
    world = at_noon(files)
    receipt = erase(world, MIDNIGHT + 8.25 * HOUR, MIDNIGHT + 10 * HOUR)
    # Readings every 20 minutes from midnight, five an envelope: those of 8:20 … 9:40 are one envelope of 15.
    assert (receipt.start, receipt.end) == (MIDNIGHT + 8.25 * HOUR, MIDNIGHT + 10 * HOUR)
    assert (receipt.envelopes, receipt.resealed, receipt.leaves) == (3, 42, 3)
    event = world.audit.events[receipt.entry]
    assert dict(event.detail) == {
        "captured_first": receipt.start,
        "captured_last": receipt.end,
        "count": 3,
        "resealed": 42,
        "tombstone": receipt.tombstones[0],
    }
    world.close()


@pytest.mark.parametrize("span", [(MIDNIGHT + 5, MIDNIGHT + 5), (MIDNIGHT + 5, MIDNIGHT), (float("nan"), None)])
def test_a_span_that_is_none_is_refused(files: Path, tracker: Tracker, span: Span) -> None:
    """Nothing is erased and no tombstone is left."""
    world = at_noon(files)
    with pytest.raises(ConfigError, match="erase:"):
        erase(world, *span)
    assert world.tombstones.all() == []
    assert left(world, tracker) == outside([])
    world.close()


def test_a_span_that_lies_ahead_erases_nothing(files: Path, tracker: Tracker) -> None:
    """Beyond tomorrow nothing can be there; the receipt says so by an empty span."""
    world = at_noon(files)
    receipt = erase(world, (LAST_DAY + 9) * DAY + 5, None)
    assert receipt.start == receipt.end and receipt.tombstones == ()
    assert left(world, tracker) == outside([])
    world.close()


def test_a_step_that_the_border_divides_goes_as_a_whole(world: World) -> None:
    """A region is told by the hour: where the span begins at half past, the whole hour may have been within."""
    tracker = permitted(world)
    world.clock.at = MIDNIGHT + DAY
    hours = [MIDNIGHT + hour * HOUR for hour in range(8)]
    world.take(tracker, tracker.fixes(hours, precision=Precision.REGION))
    erase(world, hours[2] + 1800, hours[4])
    assert left(world, tracker)[Stream.LOCATION] == hours[:2] + hours[4:]


def test_captures_beside_their_epoch_are_found(world: World) -> None:
    """Sealed a minute before midnight under the next day, or after it under the day before: they go with the day they are of."""
    tracker = permitted(world)
    world.clock.at = MIDNIGHT + 2 * DAY
    early = tracker.fixes([MIDNIGHT + DAY - 30, MIDNIGHT + DAY + 30], epoch=TODAY + 1)
    late = tracker.fixes([MIDNIGHT + 2 * DAY - 30, MIDNIGHT + 2 * DAY + 30], epoch=TODAY + 1)
    assert [outcome.kind for outcome in world.take(tracker, early, late)] == [Kind.STORED] * 2
    erase(world, MIDNIGHT, MIDNIGHT + DAY)
    erase(world, MIDNIGHT + 2 * DAY, MIDNIGHT + 3 * DAY)
    assert left(world, tracker)[Stream.LOCATION] == [MIDNIGHT + DAY + 30, MIDNIGHT + 2 * DAY - 30]


# Restores


@pytest.mark.parametrize("span", SPANS)
def test_a_restored_backup_is_cut_again_and_what_stays_is_readable(
    files: Path, tracker: Tracker, copies: dict[Stream, list[bytes]], span: Span, tmp_path: Path
) -> None:
    """Database and key store of before the erasure: replayed they say the same; a second replay has nothing to do."""
    world = at_noon(files)
    backup = back_up(world, tmp_path / "backup")
    world = at_noon(files)
    erase(world, *span)
    still = opening(world, tracker, copies[Stream.LOCATION])
    again = restored(world, backup, tmp_path / "restored")
    assert left(again, tracker) == outside([span])
    assert opening(again, tracker, copies[Stream.LOCATION]) == still
    assert again.eraser.replay() == (0, 0)
    rows = again.database.envelopes(tracker.name, Stream.LOCATION, 0, MOST_EPOCH)
    again.eraser.replay()
    assert again.database.envelopes(tracker.name, Stream.LOCATION, 0, MOST_EPOCH) == rows
    again.close()


@pytest.mark.parametrize("seed", range(6))
def test_erasures_that_overlap_end_the_same_from_every_backup(
    files: Path, tracker: Tracker, seed: int, tmp_path: Path
) -> None:
    """Three erasures in a row, partial and whole; restored from before, between and after them, and replayed."""
    random = Random(seed)
    hours = [MIDNIGHT + random.randrange(60 * HOUR) for _ in range(2)]
    spans: list[Span] = [random.choice([*SPANS, COPENHAGEN]) for _ in range(2)]
    spans.insert(random.randrange(3), (min(hours), max(hours) + 1))
    backups = []
    for number, span in enumerate(spans):
        backups.append(back_up(at_noon(files), tmp_path / f"backup-{number}"))
        world = at_noon(files)
        erase(world, *span)
        assert left(world, tracker) == outside(spans[: number + 1])
        world.close()
    world = at_noon(files)
    for number, backup in enumerate(backups):
        world = restored(world, backup, tmp_path / f"restored-{number}")
        assert left(world, tracker) == outside(spans)
        assert world.eraser.replay() == (0, 0)
    world.close()


def test_a_replay_leaves_alone_what_came_after_the_erasure(files: Path, tracker: Tracker) -> None:
    """The day that went on is not cut again at each start."""
    world = at_noon(files)
    now = int(world.clock.at)
    erase(world, now - HOUR, now)
    world.clock.at += HOUR
    late = [now + 600, now + 1200]
    assert [o.kind for o in world.take(tracker, *[sealed(tracker, s, late) for s in PERSONAL_STREAMS])] == [
        Kind.STORED
    ] * 3
    expected = outside([(now - HOUR, now)], [*captured(), *late])
    for _ in range(2):
        assert world.eraser.replay() == (0, 0)
        assert left(world, tracker) == expected
    world.close()


def test_a_backup_of_the_database_alone_brings_nothing_back(files: Path, tracker: Tracker, tmp_path: Path) -> None:
    """The rows that it has of a cut day have no key any more: they go; other days are readable."""
    backup = back_up(at_noon(files), tmp_path / "backup")
    world = at_noon(files)
    erase(world, *COPENHAGEN)
    world.close()
    copy_store("telemetry.db", backup, files)
    again = at_noon(files)
    envelopes, leaves = again.eraser.replay()
    assert (envelopes > 0, leaves) == (True, 0)
    assert left(again, tracker) == outside([(None, LAST_DAY * DAY)])
    again.close()


def test_a_backup_of_the_key_store_alone_brings_no_key_back(
    files: Path, tracker: Tracker, copies: dict[Stream, list[bytes]], tmp_path: Path
) -> None:
    """The old keys go again; what was sealed anew has lost its own, and counts as a gap."""
    backup = back_up(at_noon(files), tmp_path / "backup")
    world = at_noon(files)
    erase(world, *COPENHAGEN)
    still = opening(world, tracker, copies[Stream.LOCATION])
    world.close()
    copy_store("keys.db", backup, files)
    again = at_noon(files)
    assert opening(again, tracker, copies[Stream.LOCATION]) == len(copies[Stream.LOCATION])
    again.eraser.replay()
    assert opening(again, tracker, copies[Stream.LOCATION]) == still
    assert editions(again, tracker) == []
    again.close()


# Killed


class KilledError(StoreError):
    """The process ends here."""


def writes(monkeypatch: pytest.MonkeyPatch, limit: int | None) -> list[str]:
    """Count what changes a file, and end the process before number `limit` of it."""
    seen: list[str] = []

    def counting(name: str) -> None:
        original = getattr(Engine, name)

        def call(self: Engine, *values: object, **more: object) -> object:
            if name != "run" or not str(values[0]).startswith("SELECT"):
                seen.append(f"{self.name}: {name} {str(values[0])[:30] if values else ''}")
                if limit is not None and len(seen) > limit:
                    raise KilledError(seen[-1])
            return original(self, *values, **more)

        monkeypatch.setattr(Engine, name, call)

    for name in ("run", "run_many", "_commit", "vacuum_erased"):
        counting(name)
    return seen


@pytest.mark.parametrize("until", ["a day that is over", "a day that goes on"])
def test_killed_at_any_write_the_next_start_finishes(
    files: Path, tracker: Tracker, copies: dict[Stream, list[bytes]], until: str, tmp_path: Path
) -> None:
    """Before the first tombstone nothing is erased; behind the last all is; nothing outside is ever lost or there twice."""
    now = LAST_DAY * DAY + DAY / 2
    span = COPENHAGEN if until == "a day that is over" else (now - 14 * HOUR, now - HOUR / 2)
    with pytest.MonkeyPatch.context() as patch:
        world = at_noon(copy_all(files, tmp_path / "whole"))
        steps = writes(patch, None)
        erase(world, *span)
        total = len(steps)
        still = opening(world, tracker, copies[Stream.LOCATION])
        stones = len(world.tombstones.all())
        world.close()
    assert total > 20
    for limit in range(total):
        folder = copy_all(files, tmp_path / f"cut-{limit}")
        world = at_noon(folder)
        with pytest.MonkeyPatch.context() as patch:
            writes(patch, limit)
            with pytest.raises(StoreError):
                erase(world, *span)
        world.close()
        again = at_noon(folder)
        again.eraser.replay()
        known = len(again.tombstones.all())
        streams = {stone.stream for stone in again.tombstones.all()}
        if known == 0:
            assert left(again, tracker) == outside([])
        elif known == stones:
            assert left(again, tracker) == outside([span]), steps[limit]
            assert opening(again, tracker, copies[Stream.LOCATION]) == still
        else:  # between two tombstones: those that are there are carried out, and giving the command again does the rest
            assert streams
            erase(again, *span)
            assert left(again, tracker) == outside([span]), steps[limit]
        assert again.eraser.replay() == (0, 0)
        again.close()
        shutil.rmtree(folder)


def test_a_replay_that_is_killed_at_any_write_is_finished_by_the_next(
    files: Path, tracker: Tracker, copies: dict[Stream, list[bytes]], tmp_path: Path
) -> None:
    """Over a restored backup, with a partial and a whole erasure to carry out again."""
    backup = back_up(at_noon(files), tmp_path / "backup")
    world = at_noon(files)
    spans: list[Span] = [COPENHAGEN, (MIDNIGHT + 20 * HOUR, MIDNIGHT + 49 * HOUR)]
    for span in spans:
        erase(world, *span)
    still = opening(world, tracker, copies[Stream.LOCATION])
    world.close()
    copy_store("tombstones.db", files, backup)
    limit, finished = 0, False
    while not finished:
        folder = copy_all(backup, tmp_path / f"cut-{limit}")
        world = at_noon(folder)
        with pytest.MonkeyPatch.context() as patch:
            writes(patch, limit)
            try:
                world.eraser.replay()
                finished = True
            except KilledError:
                limit += 1
        world.close()
        again = at_noon(folder)
        again.eraser.replay()
        assert left(again, tracker) == outside(spans)
        assert opening(again, tracker, copies[Stream.LOCATION]) == still
        again.close()
        shutil.rmtree(folder)
    assert limit > 30


# Late arrivals


def answer(world: World, tracker: Tracker, payload: bytes) -> tuple[Kind, VerdictCode | None]:
    """How a message ends and what the device is told."""
    [outcome] = world.take(tracker, payload)
    return outcome.kind, outcome.verdict.code if outcome.verdict else None


def test_what_arrives_late_of_a_cut_day_that_is_over_is_closed(files: Path, tracker: Tracker) -> None:
    """Within the span or not: the key is gone, and the spool lets it go."""
    world = at_noon(files)
    erase(world, *COPENHAGEN)
    for time in (COPENHAGEN[0] + 60, COPENHAGEN[0] - 2 * HOUR):
        late = tracker.fixes([int(time)], counter=300 + int(time) // 60 % 60)
        assert answer(world, tracker, late) == (Kind.CLOSED, VerdictCode.CLOSED)
    assert left(world, tracker) == outside([COPENHAGEN])
    world.close()


@pytest.mark.parametrize("stream", PERSONAL_STREAMS)
def test_a_capture_of_an_erased_morning_that_arrives_at_noon_is_dropped(
    files: Path, tracker: Tracker, stream: Stream
) -> None:
    """The day goes on with its own keys, so the fence is by capture time; what was captured after it is stored."""
    world = at_noon(files)
    noon = int(world.clock.at)
    erase(world, noon - 3 * HOUR, noon)
    world.clock.at += 600
    counter = 60
    for times, expected in (
        ([noon - 130 * 60], Kind.ERASED),
        ([noon - 60, noon + 60], Kind.ERASED),  # the open batch at the moment of the erasure
        ([noon - 180 * 60 - 60], Kind.STORED),
        ([noon], Kind.STORED),
        ([noon + 300], Kind.STORED),
    ):
        counter += 1
        tracker._counters[stream, LAST_DAY] = counter
        verdict = VerdictCode.DROP if expected is Kind.ERASED else VerdictCode.STORED
        assert answer(world, tracker, sealed(tracker, stream, times)) == (expected, verdict)
    reasons = [dict(entry.event.detail) for entry in world.audit.entries(kind="ingest.refused")]
    assert [(each["stream"], each["reason"]) for each in reasons] == [(stream, "erased")] * 2
    world.close()


def test_an_end_to_come_keeps_out_what_is_captured_until_then(files: Path, tracker: Tracker) -> None:
    """A local day that is not over: what is left of it is refused as well, and the day after goes on."""
    world = at_noon(files)
    noon = int(world.clock.at)
    receipt = erase(world, noon - HOUR, noon + HOUR)
    assert receipt.end == noon + HOUR
    world.clock.at += 2 * HOUR
    assert answer(world, tracker, tracker.fixes([noon + 600], counter=80))[0] is Kind.ERASED
    assert answer(world, tracker, tracker.fixes([noon + HOUR], counter=81))[0] is Kind.STORED
    assert erase(world, noon, 10 * noon).end == (LAST_DAY + 2) * DAY
    world.close()


def test_a_local_day_that_ends_tomorrow_refuses_tomorrow_s_part_too(files: Path, tracker: Tracker) -> None:
    """West of Greenwich the day ends in an epoch that has not begun; its fence is there before its first envelope."""
    world = at_noon(files)
    end = (LAST_DAY + 1) * DAY + 7 * HOUR
    erase(world, end - DAY, end)
    world.clock.at = end + HOUR
    assert answer(world, tracker, tracker.fixes([end - 600], counter=0))[0] is Kind.ERASED
    assert answer(world, tracker, tracker.fixes([end + 600], counter=1))[0] is Kind.STORED
    assert [time for time in left(world, tracker)[Stream.LOCATION] if time > end - DAY] == [end + 600]
    world.close()


def test_a_capture_beside_its_epoch_does_not_slip_past_the_fence(files: Path, tracker: Tracker) -> None:
    """A whole UTC day is erased; a capture of its last minute comes sealed under the day after."""
    world = at_noon(files)
    erase(world, MIDNIGHT + DAY, MIDNIGHT + 2 * DAY)
    before = left(world, tracker)
    slipped = tracker.fixes([LAST_DAY * DAY - 20], epoch=LAST_DAY, counter=90)
    assert answer(world, tracker, slipped)[0] is Kind.ERASED
    assert answer(world, tracker, tracker.fixes([LAST_DAY * DAY], counter=91))[0] is Kind.STORED
    assert len(left(world, tracker)[Stream.LOCATION]) == len(before[Stream.LOCATION]) + 1
    world.close()


@pytest.mark.parametrize("over", [True, False], ids=["a day that is over", "a day that goes on"])
@pytest.mark.parametrize("inside", [True, False], ids=["inside", "outside"])
def test_insert_erasure_and_lost_acknowledgement_in_every_order(world: World, over: bool, inside: bool) -> None:
    """Unreadable if within the span, never there twice, and each try gets a verdict, so that the spool drains."""
    for number, order in enumerate(sorted(set(itertools.permutations(["try", "try", "erase", "replay"])))):
        name = "abcdefghijklmnopqrstuvwxyz"[number] * 16
        subject = f"s-{number}"
        world.clock.at = MIDNIGHT + DAY / 2
        tracker = permitted(world, name, subject)
        base = MIDNIGHT + 9 * HOUR
        span = (base - HOUR, base + HOUR)
        payload = tracker.fixes([base if inside else base + 2 * HOUR])
        world.take(tracker, tracker.fixes([base - 2 * HOUR], counter=40 if over else 0))
        payload = payload if over else tracker.fixes([base if inside else base + 2 * HOUR], counter=5)
        world.clock.at += DAY if over else 0
        for step in order:
            if step == "try":
                assert answer(world, tracker, payload)[1] is not None
            elif step == "erase":
                erase(world, *span, subject=subject)
            else:
                world.eraser.replay()
        found = left(world, tracker)[Stream.LOCATION]
        assert base not in found
        assert found.count(base + 2 * HOUR) <= 1
        if not inside and order[0] == "try":
            assert found == [base - 2 * HOUR, base + 2 * HOUR]


def test_a_repeat_is_refused_between_the_commit_and_the_end_of_the_old_key(
    files: Path, tracker: Tracker, copies: dict[Stream, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cut at that moment leaves the old key in the store: the tombstone keeps it from use."""
    world = at_noon(files)
    noon = world.clock.at
    monkeypatch.setattr(type(world.eraser), "_shred", lambda self, stones: 0)
    erase(world, noon - 2 * HOUR, noon - HOUR)
    assert opening(world, tracker, copies[Stream.LOCATION][-8:]) == 8
    for copy in copies[Stream.LOCATION][-8:]:
        assert answer(world, tracker, copy) == (Kind.CLOSED, VerdictCode.CLOSED)
    assert left(world, tracker) == outside([(noon - 2 * HOUR, noon - HOUR)])
    world.close()


def test_no_device_can_name_an_edition(files: Path, tracker: Tracker) -> None:
    """The numbers of editions begin where the generations of the wire end; an edition's own number is no generation of anybody."""
    world = at_noon(files)
    erase(world, *COPENHAGEN)
    rows = [row for row in world.database.envelopes(tracker.name, 1, 0, MOST_EPOCH) if row.id.generation >= RESEALED]
    assert rows
    assert {world.take(tracker, row.payload)[0].kind for row in rows} == {Kind.UNKNOWN_GENERATION}
    world.close()


# The end of the term


def test_what_was_sealed_anew_expires_by_its_captures(files: Path, tracker: Tracker) -> None:
    """Row after row with its key, counted from the oldest reading that stays; at last the day's key."""
    world = at_noon(files)
    erase(world, *COPENHAGEN)
    rows = [row for row in world.database.envelopes(tracker.name, 1, TODAY, TODAY) if row.id.generation >= RESEALED]
    assert [row.oldest_capture for row in rows] == sorted(row.oldest_capture for row in rows)
    assert rows[0].oldest_capture == MIDNIGHT
    tomorrow = world.database.envelopes(tracker.name, 1, TODAY + 1, TODAY + 1)  # begins in the middle of an envelope
    assert all(row.oldest_capture == times_of(row, opened(world, row))[0] for row in (*rows, *tomorrow))
    assert tomorrow[0].oldest_capture == COPENHAGEN[1]
    term = 90 * EPOCH_SECONDS
    half = len(rows) // 2
    world.clock.at = rows[half - 1].oldest_capture + term
    world.sweeper.sweep(clock_confirmed=True)
    assert world.database.envelopes(tracker.name, 1, TODAY, TODAY) == rows[half:]
    leaf = world.store.leaf(tracker.name, RESEALED + 1, 1, TODAY)
    assert leaf is not None and leaf.base_counter == half
    assert min(left(world, tracker)[Stream.LOCATION]) == rows[half].oldest_capture
    world.clock.at = MIDNIGHT + DAY + 60 + term
    world.sweeper.sweep(clock_confirmed=True)
    assert world.database.envelopes(tracker.name, 1, TODAY, TODAY) == []
    assert [edition for edition in editions(world, tracker) if edition[:2] == (1, TODAY)] == []
    world.close()


def test_more_envelopes_than_counters_are_told_apart_by_their_salt(
    files: Path, tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day of several generations may hold more: no key and nonce is used twice, and all is readable."""
    monkeypatch.setattr("cloud_sync.keys.reseal.COUNTERS", 4)
    monkeypatch.setattr("cloud_sync.erasure.erase.Eraser._shred", lambda self, stones: 0)
    world = at_noon(files)
    erase(world, MIDNIGHT, MIDNIGHT + HOUR)
    rows = [row for row in world.database.envelopes(tracker.name, 1, TODAY, TODAY) if row.id.generation >= RESEALED]
    assert {row.id.counter for row in rows} == {0, 1, 2, 3} and len(rows) > 8
    assert len({(row.id.counter, parse_uplink(row.payload).salt) for row in rows}) == len(rows)
    assert left(world, tracker) == outside([(MIDNIGHT, MIDNIGHT + HOUR)])
    world.close()


def test_a_row_that_does_not_open_goes(files: Path, tracker: Tracker) -> None:
    """Nobody can say on which side of the border it is; the others stay."""
    world = at_noon(files)
    first = world.database.envelopes(tracker.name, 1, TODAY, TODAY)[0]
    world.database.run("UPDATE envelope SET payload = ? WHERE digest = ?", (bytes(40), first.digest))
    erase(world, MIDNIGHT + 12 * HOUR, MIDNIGHT + 13 * HOUR)
    assert left(world, tracker)[Stream.LOCATION] == [
        time
        for time in outside([(MIDNIGHT + 12 * HOUR, MIDNIGHT + 13 * HOUR)])[Stream.LOCATION]
        if time >= MIDNIGHT + 6000
    ]
    world.close()


def test_other_people_keep_their_rows_as_they_came(files: Path, tracker: Tracker) -> None:
    """Not even sealed anew."""
    world = at_noon(files)
    other = permitted(world, "b" * 16, "s-2")
    world.take(other, *[sealed(other, stream, [int(world.clock.at) - 600]) for stream in PERSONAL_STREAMS])
    before = [world.database.envelopes(other.name, stream, 0, MOST_EPOCH) for stream in PERSONAL_STREAMS]
    assert all(before)
    erase(world, world.clock.at - HOUR, world.clock.at)
    assert [world.database.envelopes(other.name, stream, 0, MOST_EPOCH) for stream in PERSONAL_STREAMS] == before
    world.close()
