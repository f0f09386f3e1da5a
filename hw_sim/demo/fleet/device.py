"""A device without an interpreter: it seals what a real one would, with the server's own wire code, along a real drive."""

from __future__ import annotations

import random
from collections.abc import Sequence

from cloud_sync.errors import CloudSyncError
from cloud_sync.model import EPOCH_SECONDS, Directive, Fix, Header, Precision, Stream, Verdict, VerdictCode
from cloud_sync.wire import batch, codec, downlink, envelope, ladder
from hw_sim.errors import HwSimError
from hw_sim.fleet.run import Judged, Sealed
from hw_sim.world.drive import Drive

WORDS = {VerdictCode.STORED: "stored", VerdictCode.DROP: "drop", VerdictCode.CLOSED: "closed"}
QUALITY = 8  # of a fix: an accuracy of some metres
MOST_COUNTER = 4095  # of a day (wire-format, section 4)
FARTHEST_AHEAD = 4096  # of a downlink's number: a forged one costs so many hashes at most (wire-format, section 7)


class SealingDevice:
    """What one enrolment file makes of it: ladders for the stream of positions and for downlinks, a drive, a clock from outside.

    An envelope holds `fixes` positions at the precision of the directive in force, the last one at the time of sealing; the
    drive goes on by as much with each envelope, whatever the rate, and begins anew at its end. No capture lies before `since_s`.
    """

    __slots__ = (
        *("up_topic", "down_topic", "name", "version", "precision"),
        *(
            "_spine",
            "_epoch",
            "_chain",
            "_counter",
            "_down",
            "_down_next",
            "_drive",
            "_driven_s",
            "_fixes",
            "_since_s",
            "_salts",
        ),
    )

    def __init__(self, file: bytes, drive: Drive, *, fixes: int = 6, since_s: float = 0.0, seed: object = 0) -> None:
        _, self.name, root, generation, self._epoch, _, _ = codec.unpack(file)
        if generation:
            raise HwSimError(f"{self.name}: an enrolment of generation {generation}; a fleet's device begins with 0")
        self.up_topic, self.down_topic = f"bl/1/{self.name}/up", f"bl/1/{self.name}/down"
        self.version, self.precision = 1, Precision.CELL_100M
        self._spine = ladder.spine(root, Stream.LOCATION)
        self._chain, self._counter = ladder.day_chain(self._spine, Stream.LOCATION), 0
        self._down, self._down_next = ladder.down_chain(root), 0
        self._salts = random.Random(f"{seed}/{self.name}")
        self._drive, self._driven_s = drive, self._salts.uniform(0, drive.end_unix_s - drive.start_unix_s)
        self._fixes, self._since_s = fixes, since_s

    def seal(self, now_s: float) -> Sealed | None:
        """The next envelope; None while no whole time step lies behind `since_s`, and when the day's numbers are spent."""
        self._to_day(int(now_s) // EPOCH_SECONDS)
        fixes = self._captured(int(now_s))
        if not fixes or self._counter > MOST_COUNTER:
            return None
        plaintext = batch.pack_location(self.precision, fixes, self._epoch)
        return self.sealed(plaintext)

    def sealed(self, plaintext: bytes) -> Sealed:
        """The next envelope of the stream with this plaintext."""
        header = Header(0, Stream.LOCATION, self._epoch, self._counter, self.version)
        key = ladder.seal_key(self._chain, Stream.LOCATION)
        payload = envelope.seal_uplink(self.name, header, self._salts.randbytes(4), key, plaintext)
        self._chain, self._counter = ladder.step(self._chain, Stream.LOCATION), self._counter + 1
        return Sealed(self._epoch, header.counter, payload)

    def _to_day(self, epoch: int) -> None:
        """The ladder of that day; a day never comes back."""
        while self._epoch < epoch:
            self._spine, self._epoch = ladder.next_spine(self._spine, Stream.LOCATION), self._epoch + 1
            self._chain, self._counter = ladder.day_chain(self._spine, Stream.LOCATION), 0

    def _captured(self, now_s: int) -> list[Fix]:
        """Positions at the last whole time steps of today."""
        step_s = batch.TIME_STEP_S[self.precision]
        last, first = now_s // step_s * step_s, max(self._since_s, self._epoch * EPOCH_SECONDS)
        times = [time_s for time_s in range(last - (self._fixes - 1) * step_s, last + 1, step_s) if time_s >= first]
        found = []
        for time_s in times:
            at = self._drive.at(self._drive.start_unix_s + self._driven_s)
            self._driven_s = (self._driven_s + step_s) % (self._drive.end_unix_s - self._drive.start_unix_s)
            found.append(Fix(time_s, round(at.lat_deg * 1e7), round(at.lon_deg * 1e7), self.precision, QUALITY))
        return found

    def hear(self, payload: bytes) -> Sequence[Judged]:
        """The verdicts of a downlink; a directive is obeyed. HwSimError if it does not open; one heard before says nothing."""
        try:
            generation, number = downlink.peek_downlink(payload)
            if generation or number < self._down_next:
                return ()
            if number - self._down_next > FARTHEST_AHEAD:
                raise HwSimError(f"{self.name}: a downlink {number - self._down_next} numbers ahead")
            chain = ladder.step(self._down, Stream.DOWN, number - self._down_next)
            key = ladder.seal_key(chain, Stream.DOWN)
            said = downlink.read_value(downlink.open_downlink(self.name, payload, key))
        except CloudSyncError as error:
            raise HwSimError(f"{self.name}: {error}") from error
        self._down, self._down_next = ladder.step(chain, Stream.DOWN), number + 1
        if isinstance(said, Directive):
            self.version = said.version
            if said.precision != Precision.NONE:
                self.precision = said.precision
            return ()
        return [_judged(line) for line in said] if isinstance(said, list) else ()


def _judged(line: Verdict) -> Judged:
    return Judged(line.epoch, line.counter, WORDS[line.code])
