"""What a recorded drive is held to, whatever its format: order of time, positions on Earth, speeds that can be.

A reader gives rows, each with where it stands in its file. `checked` refuses what cannot be a drive, with that place and
what to do; what it lets pass and leaves out is counted in a `Tally`, never silent.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, NoReturn

from hw_sim.errors import DriveError
from hw_sim.world.geo import Sample, distance_m

JUMP_M_S = 350.0  # no vehicle of a tracker's is faster than sound; an airliner flies at 250 m/s
JUMP_M = 200.0  # and a receiver's error of so much between two samples is no jump
LATEST_S = 2.0**32  # the wire's times have 32 bits
MOST_JUMPS = 10  # one after the other: then the drive goes on elsewhere, and what came before is as doubtful
DAMAGED_SHARE, DAMAGED_LEAST = (
    0.1,
    3,
)  # of a receiver's sentences or frames: a line at its limits, beyond it another file


class Row(NamedTuple):
    """One position and where it stands in its file: `line 12`, `byte 4711`."""

    sample: Sample
    where: str


@dataclass
class Tally:
    """What became of the rows of a file; `samples` of them make the drive.

    `repeated`: the same time again, the last one counts. `damaged`: sentences or frames whose checksum or form is wrong.
    `unfinished`: cut off at the end of the file. `without_fix`: the receiver said that it knew no position. `backwards`
    and `jumps`: left out because of `tolerant=True`. `gaps`: pauses longer than `Drive.GAP_S`, in which the vehicle stands.
    """

    format: str
    samples: int = 0
    repeated: int = 0
    damaged: int = 0
    unfinished: int = 0
    without_fix: int = 0
    backwards: int = 0
    jumps: int = 0
    gaps: int = 0
    first_damage: str = ""

    def damage(self, where: str) -> None:
        """One more that is damaged."""
        self.damaged += 1
        self.first_damage = self.first_damage or where

    def __str__(self) -> str:
        """The format, and each count that is not zero."""
        counts = ("repeated", "damaged", "unfinished", "without_fix", "backwards", "jumps", "gaps")
        told = [f"{getattr(self, name)} {name.replace('_', ' ')}" for name in counts if getattr(self, name)]
        return ", ".join([self.format, *told])


def checked(rows: Iterable[Row], name: str, tally: Tally, *, tolerant: bool) -> list[Sample]:
    """The samples in the order of time, `tally` filled in; DriveError for a row that cannot be.

    tolerant: a row before the one ahead of it, or too far from it for its time, is left out and counted.
    """
    kept: list[Row] = []
    jumps_at_once = 0
    for row in rows:
        _possible(row, name)
        reason = _doubt(kept[-1], row) if kept else ""
        if not reason:
            jumps_at_once = 0
            if kept and kept[-1].sample.t_s == row.sample.t_s:
                tally.repeated += 1
                kept.pop()
            kept.append(row)
        elif not tolerant:
            raise DriveError(f"{name}, {row.where}: {reason}; mend the file, or read it with tolerant=True")
        elif "jump" in reason:
            tally.jumps += 1
            jumps_at_once += 1
            if jumps_at_once > MOST_JUMPS:
                _elsewhere(name, row)
        else:
            tally.backwards += 1
    tally.samples = len(kept)
    _enough(name, tally)
    return [row.sample for row in kept]


def _possible(row: Row, name: str) -> None:
    """DriveError for a sample that is nowhere or never."""
    s = row.sample
    if not (0 <= s.t_s < LATEST_S):
        raise DriveError(f"{name}, {row.where}: no time of ours ({s.t_s} s after 1970); write UTC or Unix seconds")
    if not (abs(s.lat_deg) <= 90 and abs(s.lon_deg) <= 180 and math.isfinite(s.alt_m)):
        raise DriveError(
            f"{name}, {row.where}: no position on earth ({s.lat_deg}, {s.lon_deg}, {s.alt_m} m); "
            "latitude is at most 90, longitude at most 180 degrees: are they exchanged?"
        )


def _doubt(before: Row, row: Row) -> str:
    """Why this row cannot follow the one before, in words; empty if it can."""
    seconds = row.sample.t_s - before.sample.t_s
    if seconds < 0:
        return f"time goes back by {-seconds:g} s"
    metres = distance_m(before.sample, row.sample)
    if seconds and metres > JUMP_M + JUMP_M_S * seconds:
        return f"a jump of {metres / 1000:.1f} km in {seconds:g} s"
    return ""


def _elsewhere(name: str, row: Row) -> NoReturn:
    raise DriveError(
        f"{name}, {row.where}: {MOST_JUMPS + 1} jumps one after the other: the drive goes on elsewhere; cut the file there"
    )


def _enough(name: str, tally: Tally) -> None:
    """DriveError for a file of which too much is damaged, or nothing is left."""
    whole = tally.samples + tally.repeated + tally.without_fix
    if tally.damaged > max(DAMAGED_LEAST, DAMAGED_SHARE * (whole + tally.damaged)):
        raise DriveError(
            f"{name}, {tally.first_damage}: {tally.damaged} damaged, the first here, of {whole + tally.damaged}; "
            "record it again, or cut the damaged part out"
        )
    if tally.samples < 2:
        raise DriveError(f"{name}: fewer than two samples with a time ({tally}); a drive needs two at least")
