"""An erasure by one process while another one ingests, sweeps, steps down, rotates or backs up: at each store call of either.

Whatever the order, nothing of the person opens or is stored afterwards, what the device sends again gets a verdict that empties its
spool, and a start finds nothing to do.
"""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.config import Config
from cloud_sync.errors import KeyDestroyed, SealBroken
from cloud_sync.ingest.outcome import VERDICTS
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.model import EPOCH_SECONDS, PERSONAL_STREAMS
from cloud_sync.service import CloudSync
from cloud_sync.wire import codec
from cloud_sync.wire.envelope import open_uplink, parse_uplink
from cloud_sync.wire.fields import MOST_EPOCH
from tests.properties.gate_policies import SYNTHETIC
from tests.unit.cloud_sync.disclosure.outlet_world import evidence
from tests.unit.cloud_sync.ingest.ingest_world import NOON, FakeClock, ListLink, Tracker

POINTS = 5  # of all store calls of an act, evenly apart; every one takes minutes, and has been tried
BLOCKED_S = 0.05  # the other process has come as far as it can by then, or waits for a lock
DONE_S = 30.0
OLD = NOON - 40 * EPOCH_SECONDS  # beyond the finer term of positions, which is 30 days
CALLS = ("_begin", "_save", "_execute", "_execute_many", "_query", "_first")


class Two:
    """One installation, opened by two processes: `one` serves, `other` erases."""

    def __init__(self, home: Path, tracker: Tracker, at: float = NOON) -> None:
        self.home, self.tracker = home, tracker
        self.clock = FakeClock(at)
        policy = home / "policy.toml"
        policy.write_text(SYNTHETIC, "utf-8")
        self.config = Config.in_directory(home, policy=policy, broker=None)
        self.one, self.other = self.open(), self.open()

    def open(self) -> CloudSync:
        """A process on these stores."""
        return CloudSync.open(self.config, clock=self.clock, link=ListLink())

    def close(self) -> None:
        """Both end."""
        self.one.close()
        self.other.close()


@cache
def filled(home: Path) -> tuple[Tracker, tuple[bytes, ...]]:
    """Positions of forty days ago and of today, and motion; the device, and all that it has sent."""
    tracker = Tracker("a" * 16)
    two = Two(home, tracker, OLD - 14_400)
    _, device, root, _, first, _, _ = codec.unpack(two.one.enrol(subject="s-1", settings={}).file)
    tracker = Tracker(device, first, root)
    for purpose in ("tracking", "theft_alarm"):
        two.one.consent.give("s-1", purpose, evidence())
    two.other.close()
    sent: list[bytes] = []
    for noon in (OLD, NOON):
        two.clock.at = noon
        times = [int(noon) - 3600 + 60 * n for n in range(30)]
        payloads = [tracker.fixes(times[n : n + 10], version=1) for n in (0, 10, 20)]
        payloads.append(tracker.motion([(times[0], 1)], version=1))
        before = two.one.database.count_envelopes()
        two.one.handle([(tracker.topic, payload) for payload in payloads])
        assert two.one.database.count_envelopes() == before + len(payloads)
        sent += payloads
    two.one.close()
    return tracker, tuple(sent)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation that is copied for each case."""
    home = tmp_path_factory.mktemp("filled")
    filled(home)
    return home


def ingest(two: Two) -> None:
    """What the device sent before comes again, and more with it."""
    later = [two.tracker.fixes([int(NOON) - 60 + n], version=1, counter=30 + n) for n in range(3)]
    two.one.handle([(two.tracker.topic, payload) for payload in [*filled_of(two)[-4:], *later]])


def filled_of(two: Two) -> tuple[bytes, ...]:
    """All that the device had sent."""
    return two.sent  # type: ignore[attr-defined,no-any-return]


ACTS: dict[str, Callable[[Two], object]] = {
    "ingest": ingest,
    "sweep and step down": lambda two: two.one.sweep(clock_confirmed=True),
    "rotation": lambda two: two.one.rotate_keys(),
    "backup": lambda two: two.one.back_up_keys(two.home / "keys.backup"),
}


def erase(two: Two) -> None:
    """By the other process."""
    two.receipt = two.other.erase(subject="s-1")  # type: ignore[attr-defined]


class Meeting:
    """Runs `second` in a thread at the n-th store call of `first`; a lock makes whoever must wait."""

    def __init__(self, cloud: CloudSync, at: int, second: Callable[[], object]) -> None:
        self.calls, self._at = 0, at
        self._second = threading.Thread(target=self._run, args=(second,))
        self._owner = threading.get_ident()
        self.error: BaseException | None = None
        for store in (cloud.database, cloud._store, cloud._tombstones):
            for name in CALLS:
                setattr(store, name, self._counted(getattr(store, name)))

    def _counted(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*values: Any) -> Any:
            if threading.get_ident() == self._owner:
                self.calls += 1
                if self.calls == self._at:
                    self._second.start()
                    self._second.join(BLOCKED_S)
            return method(*values)

        return counted

    def _run(self, second: Callable[[], object]) -> None:
        try:
            second()
        except BaseException as error:
            self.error = error

    def end(self) -> None:
        """Until both are done."""
        if self._at <= self.calls:
            self._second.join(DONE_S)
            assert not self._second.is_alive()
        if self.error is not None:
            raise self.error


@pytest.fixture
def copied(template: Path, tmp_path: Path) -> Iterator[Callable[[], Two]]:
    """The installation again and again, as it was filled."""
    made: list[Two] = []

    def again() -> Two:
        home = tmp_path / str(len(made))
        shutil.copytree(template, home)
        device, sent = filled(template)
        tracker = Tracker(device.name, device._first_epoch, device.root)
        made.append(Two(home, tracker))
        made[-1].sent = sent  # type: ignore[attr-defined]
        return made[-1]

    yield again
    for two in made:
        two.close()


def met(two: Two, act: Callable[[Two], object], at: int, *, erasing_first: bool) -> int:
    """Let act and erasure meet at a store call of whoever is first; how many calls that one had in all."""
    cloud, first, second = (two.other, erase, act) if erasing_first else (two.one, act, erase)
    meeting = Meeting(cloud, at, lambda: second(two))
    first(two)
    meeting.end()
    if at > meeting.calls:  # after its last one
        second(two)
    return meeting.calls


def left(two: Two) -> list[str]:
    """What an erasure should have taken and has not: keys that open, rows, a spool that does not drain."""
    found = []
    for payload in two.sent:  # type: ignore[attr-defined]
        envelope = parse_uplink(payload)
        _, stream, epoch, counter, _ = envelope.header
        for leaf in two.one._store.leaves(two.tracker.name, stream, epoch, epoch):
            try:
                open_uplink(two.tracker.name, envelope, two.one._keys.open_leaf(leaf).key(counter))
            except (KeyDestroyed, SealBroken):
                continue
            found.append(f"opens: {envelope.header}")
    for stream in PERSONAL_STREAMS:
        found += [f"a row: {row.id}" for row in two.one.database.envelopes(two.tracker.name, stream, 0, MOST_EPOCH)]
        found += [f"a key: {leaf.epoch}" for leaf in two.one._store.leaves(two.tracker.name, stream, 0, MOST_EPOCH)]
    outcomes = two.one.handle([(two.tracker.topic, payload) for payload in two.sent])  # type: ignore[attr-defined]
    found += [f"no verdict: {outcome.kind}" for outcome in outcomes if outcome.kind not in VERDICTS]
    return found


@pytest.mark.parametrize("erasing_first", [False, True], ids=["meets", "is met"])
@pytest.mark.parametrize("act", ACTS)
def test_whatever_an_erasure_meets_nothing_is_left(copied: Callable[[], Two], act: str, erasing_first: bool) -> None:
    """At store calls from the first to behind the last."""
    calls = met(copied(), ACTS[act], 10**9, erasing_first=erasing_first)
    assert calls > 10
    for at in sorted({1 + calls * n // POINTS for n in range(POINTS + 1)}):
        two = copied()
        met(two, ACTS[act], at, erasing_first=erasing_first)
        assert left(two) == [], f"met at call {at} of {calls}"
        two.one.close()
        two.one = two.open()
        assert left(two) == [], f"after a start; met at call {at} of {calls}"


def test_the_acts_do_what_they_are_named_for(copied: Callable[[], Two]) -> None:
    """Else meeting them would prove nothing: envelopes come in, days step down, keys are wrapped anew and backed up."""
    two = copied()
    before = two.one.database.count_envelopes(two.tracker.name)
    ingest(two)
    assert two.one.database.count_envelopes(two.tracker.name) == before + 3
    assert two.one.rotate_keys()[1].wrapped > 10 and two.one.back_up_keys(two.home / "keys.backup") > 10
    assert two.one.sweep(clock_confirmed=True).stepped == 3


def test_an_erasure_without_the_fence_is_found_out(copied: Callable[[], Two], monkeypatch: pytest.MonkeyPatch) -> None:
    """A control: an ingest that asks for its key before the fence and stores behind it leaves a row."""
    two = copied()
    add = two.one.database.add_envelopes
    fresh = two.tracker.fixes([int(NOON) - 30], version=1, counter=40)

    def late(rows: Any) -> None:
        kept.extend(rows)

    kept: list[Any] = []
    monkeypatch.setattr(two.one.database, "add_envelopes", late)
    two.one.handle([(two.tracker.topic, fresh)])
    erase(two)
    add([replace(row) for row in kept])
    assert [found for found in left(two) if found.startswith("a row")] != []


def test_keys_that_are_left_are_found_out(copied: Callable[[], Two], monkeypatch: pytest.MonkeyPatch) -> None:
    """A control: neither the key above the days nor their own are destroyed."""
    two = copied()
    monkeypatch.setattr(LadderKeys, "destroy", lambda self, *span: 0)
    monkeypatch.setattr(LadderKeys, "destroy_all", lambda self, devices, stones=None: 0)
    erase(two)
    assert [found for found in left(two) if found.startswith("opens")] != []


@pytest.mark.parametrize("erasing_first", [False, True], ids=["meets", "is met"])
def test_a_backup_that_still_has_the_keys_is_gone_on_the_day_of_the_receipt(
    copied: Callable[[], Two], erasing_first: bool
) -> None:
    """Whatever the order: one that opens anything was made no later than the receipt counts from."""
    horizon = None
    for at in (1, 5, 12, 10**9):
        two = copied()
        met(two, ACTS["backup"], at, erasing_first=erasing_first)
        with closing(sqlite3.connect(two.home / "keys.backup")) as raw:
            made = raw.execute("SELECT count FROM seen WHERE name = 'backup.made_at'").fetchone()[0]
        horizon = two.one.policy.backup_horizon.end(float(made))
        assert horizon <= two.receipt.backups_gone_at  # type: ignore[attr-defined]
    assert horizon is not None
