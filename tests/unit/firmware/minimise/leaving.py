"""What leaves of a track under a directive, and an independent measure of distances for tests."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from firmware.minimise import Minimiser
from firmware.wire import cells
from firmware.wire.directive import Directive
from tests.unit.firmware.test_minimise import DEFAULTS

DAY_S = 86_400
SECRET = bytes(range(16))
THINNING = ("rest", "distance", "turn", "stay", "stay_time", "error", "blur")
Fix = tuple[int, ...]
Entry = tuple[int, ...]


def directive(fixes: Sequence[Fix] = (), **changes: Any) -> Directive:
    """A directive with some fields changed, thinning by its names; its lease ends behind the last fix."""
    thinning = [changes.pop(name, 0) for name in THINNING]
    lease = {}
    if fixes:
        end_s = max(fix[0] for fix in fixes) + 1
        lease = {"issued_at": end_s - 1, "lease_until": end_s}
    return Directive.from_wire(
        list((DEFAULTS | lease | {"batch_age": DAY_S} | changes | {"thinning": thinning}).values())
    )


def leaving(fixes: Iterable[Fix], under: Directive, secret: bytes = SECRET) -> list[Entry]:
    """All entries that leave, held back ones at the end of each UTC day and of the track."""
    minimiser = Minimiser(under, secret)
    entries: list[Entry] = []
    day = None
    for fix in fixes:
        if day is not None and fix[0] // DAY_S != day:
            entries += minimiser.flush()
        day = fix[0] // DAY_S
        entries += minimiser.accept(fix)
    return entries + list(minimiser.flush())


def begins(fixes: Sequence[Fix], step_s: int = 1) -> list[int]:
    """Indexes at which a receiver's clock was taken back by more than the time step and a minute, and 0."""
    found, latest_s = [0], fixes[0][0]
    for index, fix in enumerate(fixes):
        back = fix[0] < latest_s - step_s - 60
        latest_s = fix[0] if back else max(latest_s, fix[0])
        found += [index] * back
    return found


def rising(fixes: Sequence[Fix]) -> Sequence[Fix]:
    """The fixes up to where the receiver's clock was taken back first."""
    return fixes[: [*begins(fixes), len(fixes)][1]]


def leave(fixes: Sequence[Fix], **changes: Any) -> list[Entry]:
    """The same under a directive with some fields changed."""
    return leaving(fixes, directive(fixes, **changes))


def e7(entry: Entry, precision: int = 0) -> tuple[int, int]:
    """Position that an entry tells."""
    return cells.centre_e7(entry[1], entry[2], precision)


def metres(a: Sequence[float], b: Sequence[float]) -> float:
    """Distance of two close positions in e7 on WGS 84: radii of curvature at their middle, in double precision."""
    lat = math.radians((a[0] + b[0]) / 2e7)
    root = math.sqrt(1 - 0.00669437999014 * math.sin(lat) ** 2)
    north = math.radians((b[0] - a[0]) / 1e7) * 6_378_137 * (1 - 0.00669437999014) / root**3
    around = ((b[1] - a[1]) + 1.8e9) % 3.6e9 - 1.8e9
    return math.hypot(north, math.radians(around / 1e7) * 6_378_137 / root * math.cos(lat))


def synchronous_m(entry: Entry, before: Entry, after: Entry, precision: int = 0) -> float:
    """Synchronous Euclidean distance of a dropped entry: from the line between its neighbours, at its time."""
    share = (entry[0] - before[0]) / (after[0] - before[0])
    (lat0, lon0), (lat1, lon1) = e7(before, precision), e7(after, precision)
    around = ((lon1 - lon0) + 1.8e9) % 3.6e9 - 1.8e9
    return metres((lat0 + share * (lat1 - lat0), lon0 + share * around), e7(entry, precision))


def worst_m(whole: Sequence[Entry], kept: Sequence[Entry], precision: int = 0) -> float:
    """Greatest synchronous distance of all entries that were dropped between two that were kept."""
    worst, at = 0.0, 0
    for entry in whole:
        while at + 1 < len(kept) and kept[at + 1][0] <= entry[0]:
            at += 1
        if entry[0] > kept[at][0]:
            worst = max(worst, synchronous_m(entry, kept[at], kept[at + 1], precision))
    return worst
