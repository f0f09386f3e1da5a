"""The power is cut at every flash operation of a healing, and the server's process at every commit; the link loses what it can.

Whatever is cut or lost: no key is used twice, no side is left behind, what was sealed arrives, and the next contact works.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cloud_sync.errors import StoreError
from cloud_sync.ingest.outcome import Kind
from cloud_sync.model import EPOCH_SECONDS, Stream
from cloud_sync.storage.engine import Engine
from firmware.keystore import KeyStore
from tests.faults.healing_pair import Pair, header_of
from tests.unit.firmware.nor import PowerCut, Supply

AGAIN_S = 700  # an offer is repeated after ten minutes
Steps = Callable[["Watched"], Iterator[Callable[[], None]]]


class Watched(Pair):
    """A pair of which every key that the device gives out is noted."""

    def __init__(self, directory: Path, supply: Supply) -> None:
        self.used: dict[tuple[int, ...], bytes] = {}
        self.handed: list[bytes] = []
        self.took = 0  # flash operations of its steps
        super().__init__(directory, supply, sector_bytes=1024)

    def start(self):  # type: ignore[no-untyped-def]
        """Power on: from here on each number and key must be new."""
        unit = super().start()
        given: Callable[[int, int], tuple[int, bytearray]] = KeyStore.next_envelope.__get__(unit.keystore)
        append = unit.spool.append

        def watched(stream: int, epoch: int) -> tuple[int, bytearray]:
            counter, key = given(stream, epoch)
            number = (unit.keystore.generation, stream, epoch, counter)
            assert number not in self.used, f"number {number} was given out twice"
            assert bytes(key) not in self.used.values(), f"the key of {number} was given out before"
            self.used[number] = bytes(key)
            return counter, key

        def noted(stream: int, time_s: int, data: bytes) -> object:
            entry = append(stream, time_s, data)
            self.handed.append(bytes(data))
            return entry

        unit.keystore.next_envelope, unit.spool.append = watched, noted
        return unit

    def sense(self) -> None:
        """A fix into the open batch, another sealed at once."""
        self.pass_s(20)
        self.unit.on_time()
        self.unit.open_batch.append(self.now - 10)
        self.unit.seal_fixes([self.now])

    def later(self) -> None:
        """Long enough for the next offer."""
        self.pass_s(AGAIN_S)

    def next_day(self) -> None:
        """Past midnight."""
        self.pass_s(EPOCH_SECONDS)

    def heal(self) -> None:
        """The controller wants a new generation."""
        self.cloud.heal(self.name)

    def arrived(self) -> None:
        """All that was spooled is at the server, and no number under which two lie."""
        assert Kind.NOT_AUTHENTIC not in self.kinds and Kind.UNKNOWN_GENERATION not in self.kinds
        assert Kind.KEPT_APART not in self.kinds
        rows = [
            row.payload
            for stream in (Stream.LOCATION, Stream.STATUS)
            for row in self.cloud.database.envelopes(self.name, stream, 0, 2**17 - 1)
        ]
        missing = [data for data in self.handed if data not in rows]
        assert not [header_of(data) for data in missing if data not in self.dropped()]

    def dropped(self) -> list[bytes]:
        """What the server let go: answers that were of no use any more."""
        return [data for data, kind in zip(self.sent, self.kinds, strict=True) if kind is Kind.PASSED_OVER]


def steps(pair: Watched) -> Iterator[Callable[[], None]]:
    """The healing that an enrolment asks for, with batches open and sealed around it."""
    yield from (pair.sense, pair.contact, pair.sense, pair.contact)


def twice(pair: Watched) -> Iterator[Callable[[], None]]:
    """It, and another one on the next day."""
    yield from steps(pair)
    yield from (pair.next_day, pair.heal, pair.sense, pair.contact, pair.sense, pair.later, pair.contact)


def live(directory: Path, supply: Supply, life: Steps = steps) -> tuple[Watched, bool]:
    """A first contact by hand; then the steps. After a cut start again and go on with the next step, as a device does."""
    cut_at, supply.cut_at = supply.cut_at, None
    pair, was_cut = Watched(directory, supply), False
    pair.unit.in_force.version = 1  # applied before
    supply.operations, supply.cut_at = 0, cut_at
    for step in life(pair):
        try:
            step()
        except PowerCut:
            was_cut = True
            supply.restart()
            pair.start()
            before = pair.cloud.database.count_envelopes(pair.name)
            pair.contact()
            assert pair.cloud.database.count_envelopes(pair.name) > before, "the next contact does not work"
            # A device that was cut leaps ahead in its downlinks, and its first status says so: the contact after is whole.
            if pair.unit.spool.count():
                pair.contact()
            assert not pair.unit.spool.count(), "something waits for a verdict"
    pair.took, supply.cut_at = supply.operations, None
    pair.later()
    if not pair.generation()[0]:
        pair.contact()
    pair.contact()  # verdicts that were under way while the generation changed are given again
    return pair, was_cut


def sweep(directory: Path, life: Steps, cuts: range, torn: bool) -> None:
    """One cut a life; both sides end in one generation, and all that was spooled has arrived."""
    for cut_at in cuts:
        pair, was_cut = live(directory / str(cut_at), Supply(cut_at, torn, seed=cut_at), life)
        assert was_cut, cut_at
        assert pair.in_step() and pair.generation()[0] >= 1, cut_at
        pair.arrived()
        pair.close()


def operations(directory: Path, life: Steps) -> int:
    """How many flash operations a life has without a cut; it heals as often as it should."""
    supply = Supply()
    pair, was_cut = live(directory / "whole", supply, life)
    assert not was_cut and pair.in_step()
    assert pair.generation() == ((1, 1) if life is steps else (2, 2))
    pair.arrived()
    pair.close()
    return pair.took


@pytest.mark.parametrize("torn", [False, True], ids=["clean", "torn"])
def test_a_cut_at_every_operation(tmp_path: Path, torn: bool) -> None:
    """From before the offer to after the first envelope of the new generation."""
    count = operations(tmp_path, steps)
    assert count > 30
    sweep(tmp_path, steps, range(count), torn)


def test_a_cut_around_a_second_healing(tmp_path: Path) -> None:
    """Over a day, from one generation to the one after the next; every fourth operation."""
    sweep(tmp_path, twice, range(0, operations(tmp_path, twice), 4), True)


def test_the_server_dies_at_every_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit of either store fails and the process is started again: nobody is left behind, and the next contacts heal."""
    commit = Engine._commit
    seen: list[str] = []

    def dying(self: Engine) -> None:
        seen.append(self.name)
        if len(seen) == die_at:
            self._rollback()
            raise StoreError("the process was killed")
        commit(self)

    for die_at in range(1, 60):
        monkeypatch.setattr(Engine, "_commit", commit)
        pair = Watched(tmp_path / str(die_at), Supply())
        pair.contact()
        pair.heal()
        seen.clear()
        monkeypatch.setattr(Engine, "_commit", dying)
        for _ in range(2):
            pair.sense()
            pair.contact()
            pair.later()
        monkeypatch.setattr(Engine, "_commit", commit)
        pair.contact()
        pair.contact()
        assert pair.in_step() and pair.generation()[0] >= 2, die_at
        pair.arrived()
        pair.close()
        if len(seen) < die_at:
            break
    assert {"keys.db", "telemetry.db"} <= set(seen) and die_at > 20
