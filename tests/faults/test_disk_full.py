"""A disk that is full in the middle of anything: nothing half is left, nothing is told that is not there, and it goes on.

The system refuses every write that would make a file longer than so many bytes (RLIMIT_FSIZE), in a process of its own; a sweep
over that number lets the disk be full at each of the writes in turn, in the log of the database, of the key store, anywhere.
"""

from __future__ import annotations

import os
import resource
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cloud_sync.errors import CloudSyncError, ConfigError, StoreError
from cloud_sync.ingest.outcome import Kind
from cloud_sync.model import Actor, Stream
from tests.unit.cloud_sync.consent.consent_world import Place, by, enrolled
from tests.unit.cloud_sync.ingest.ingest_world import NOON, TODAY

T = int(NOON) - 3600
COUNT = 40  # envelopes of a batch: a dozen pages
STEP = 8192  # bytes: two pages of the log
ME = Actor("s-1", "data_subject")


@contextmanager
def full_at(size: int) -> Iterator[None]:
    """No file of this process grows beyond `size` bytes (setrlimit(2); Python ignores SIGXFSZ, so that the write fails)."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def apart(work: Callable[[], None]) -> None:
    """In a process of its own, whose limits end with it; its failure is this one's."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            os.write(writing, traceback.format_exc()[-4000:].encode())
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        said = told.read().decode()
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, said


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An installation whose person agreed two hours ago; closed."""
    place = Place(tmp_path)
    place.clock.at = NOON - 7200
    with place.open() as cloud:
        place.tracker = enrolled(cloud)  # type: ignore[attr-defined]
        cloud.consent.give("s-1", "tracking", by("s-1"))
        place.clock.at = NOON
        cloud.sweep()
    return place


def largest(place: Place) -> int:
    """Bytes of the longest file of the stores."""
    return max(path.stat().st_size for path in (place.directory / "home").iterdir())


def test_a_batch_on_a_full_disk_is_stored_whole_or_not_at_all(place: Place) -> None:
    """Full at each of its writes: `StoreError` and not a row, or all of them; again with room, each is stored once and told so."""
    tracker = place.tracker  # type: ignore[attr-defined]

    def work() -> None:
        refused = taken = 0
        with place.open() as cloud:
            for turn in range(200):
                batch = [tracker.fixes([T + COUNT * turn + n], version=1000) for n in range(COUNT)]
                messages = [(tracker.topic, sealed) for sealed in (tracker.status(), *batch)]
                before, entries = cloud.database.count_envelopes(), cloud.database.leaf_count()
                try:
                    with full_at(largest(place) // STEP * STEP + STEP * (turn % 3)):
                        outcomes = cloud.handle(messages)
                except StoreError:
                    refused += 1
                    assert cloud.database.count_envelopes() in (
                        before,
                        before + COUNT + 1,
                    )  # the second: answers failed
                    outcomes = cloud.handle(messages)
                    assert {each.kind for each in outcomes} <= {Kind.STORED, Kind.REPEATED}
                else:
                    taken += 1
                    assert {each.kind for each in outcomes} == {Kind.STORED}
                assert cloud.database.count_envelopes() == before + COUNT + 1
                assert cloud.database.leaf_count() >= entries
                if refused >= 6 and taken >= 6:
                    break
            cloud.audit.check()
            numbers = [row.id.counter for row in cloud.database.envelopes(tracker.name, Stream.LOCATION, TODAY, TODAY)]
            assert numbers == list(range(COUNT * (turn + 1)))
            fixes = cloud.read_location(actor=ME, purpose="tracking", subject="s-1", start=T, end=NOON + 1)
            assert (len(fixes), fixes.unreadable) == (len(numbers), 0)
        sent = [sealed for _, sealed in place.link.sent]
        assert len(set(sent)) == len(sent)
        assert refused >= 6 and taken >= 6, (refused, taken)

    apart(work)


def test_consent_and_withdrawal_on_a_full_disk(place: Place) -> None:
    """A withdrawal that cannot be written is refused aloud and not half there; with room it holds at once."""

    def work() -> None:
        with place.open() as cloud:
            before = cloud.database.all_consents()
            with pytest.raises(StoreError), full_at(512):
                cloud.consent.withdraw("s-1", "tracking", by("s-1"))
            assert cloud.database.all_consents() == before and cloud.audit.check() == cloud.database.leaf_count()
            cloud.consent.withdraw("s-1", "tracking", by("s-1"))
            assert cloud.ledger.open_now("s-1") == {}

    apart(work)


def test_an_erasure_on_a_full_disk_is_finished_by_the_next_start(place: Place) -> None:
    """It fails aloud, wherever; whatever had begun is ended by the next start or call, and nothing can be read after that."""
    tracker = place.tracker  # type: ignore[attr-defined]

    def work() -> None:
        with place.open() as cloud:
            cloud.handle([(tracker.topic, tracker.fixes([T + n], version=1000)) for n in range(COUNT)])
            with pytest.raises(CloudSyncError), full_at(512):
                cloud.erase(subject="s-1")
        with place.open() as cloud:
            cloud.erase(subject="s-1")
            assert cloud.database.envelopes(tracker.name, Stream.LOCATION, TODAY, TODAY) == []
            cloud.audit.check()

    apart(work)


def test_a_rotation_on_a_full_disk_leaves_the_ring_as_it_was(place: Place) -> None:
    """No room for another ring: `ConfigError`, the former one opens; with room the rotation is done."""

    def work() -> None:
        with place.open() as cloud:
            ring = [key.number for key in cloud.rotation._ring.keys]
            with pytest.raises(ConfigError, match="the ring is as it was"), full_at(64):
                cloud.rotate_keys()
            assert [key.number for key in cloud.rotation._ring.keys] == ring
        with place.open() as cloud:
            assert cloud.rotate_keys()[1].finished

    apart(work)


def test_a_sweep_on_a_full_disk_destroys_again(place: Place) -> None:
    """The term is over, the log of the key store cannot grow: an error of the store; the next sweep ends it."""
    tracker = place.tracker  # type: ignore[attr-defined]

    def work() -> None:
        with place.open() as cloud:
            cloud.handle([(tracker.topic, tracker.fixes([T + n], version=1000)) for n in range(COUNT)])
            place.clock.at = NOON + 100 * 86_400
            with pytest.raises(StoreError), full_at(512):
                cloud.sweep(clock_confirmed=True)
            assert cloud.sweep(clock_confirmed=True).envelopes <= COUNT
            assert cloud.database.envelopes(tracker.name, Stream.LOCATION, TODAY, TODAY) == []
            cloud.audit.check()

    apart(work)
