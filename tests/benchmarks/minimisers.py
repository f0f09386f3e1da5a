"""Minimisers on recorded drives: fixes that are kept and the greatest error, beside Ramer-Douglas-Peucker; time and heap.

`rdp` is the Ramer-Douglas-Peucker algorithm by the distance from the line, which looks at shape alone; `rdp_in_time` is the same
by the synchronous distance, as ours is (Meratnia and de By's top-down time ratio). Both see the whole track and need memory
for it; ours sees each fix once and keeps eight fractions.

Reference: of the one-pass CISED-S its authors report a compression ratio close to that of DPSED, which is `rdp_in_time`, and 21.1 %
better than that of SQUISH-E, on four sets of their own (Lin et al., VLDB Journal 28, 2019, abstract; 10.1007/s00778-019-00575-8).
So `kept_over_rdp_in_time` is the figure to compare: about 1 for CISED-S.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.unit.firmware.minimise import micropython
from tests.unit.firmware.minimise.leaving import Entry, directive, e7, leave, metres, synchronous_m, worst_m
from tests.unit.firmware.minimise.tracks import DRIVES, drive

BOUNDS_M = (10, 50)
Distance = Callable[[Entry, Entry, Entry], float]
COSTS = {
    "none": {},
    "distance": {"distance": 100, "turn": 30},
    "stay": {"stay": 50, "stay_time": 300},
    "error": {"error": 50},
    "blur": {"blur": 500},
    "all": {"distance": 20, "turn": 30, "stay": 50, "stay_time": 300, "error": 50, "blur": 100},
}


def run(*, quick: bool = False) -> dict[str, object]:
    """A row for each drive and bound, then µs a fix and bytes of heap under MicroPython on this machine."""
    figures: dict[str, object] = {}
    for name in DRIVES:
        whole = leave(drive(name))
        for bound_m in BOUNDS_M:
            ours = leave(drive(name), error=bound_m)
            shape = simplified(whole, bound_m, from_line_m)
            timed = simplified(whole, bound_m, synchronous_m)
            figures[f"{name}, {bound_m} m"] = {
                "fixes": len(whole),
                "kept": len(ours),
                "kept_rdp": len(shape),
                "kept_rdp_in_time": len(timed),
                "greatest_error_m": round(worst_m(whole, ours), 1),
                "greatest_error_rdp_m": round(worst_m(whole, shape), 1),
                "greatest_error_rdp_in_time_m": round(worst_m(whole, timed), 1),
            }
    for bound_m in BOUNDS_M:
        figures[f"all, {bound_m} m"] = over_all([figures[f"{name}, {bound_m} m"] for name in DRIVES])
    figures["micropython"] = costs(rounds=1 if quick else 5)
    return figures


def over_all(rows: list[Any]) -> dict[str, object]:
    """Sums over the drives, and ours as a share."""
    fixes, ours, timed = (sum(row[key] for row in rows) for key in ("fixes", "kept", "kept_rdp_in_time"))
    return {"kept_of_fixes": round(ours / fixes, 3), "kept_over_rdp_in_time": round(ours / timed, 3)}


def simplified(entries: Sequence[Entry], bound_m: float, distance: Distance) -> list[Entry]:
    """Ramer-Douglas-Peucker: of each stretch the furthest entry is kept, if it is beyond the bound."""
    keep = {0, len(entries) - 1}
    stretches = [(0, len(entries) - 1)]
    while stretches:
        first, last = stretches.pop()
        between = range(first + 1, last)
        if not between:
            continue
        furthest = max(between, key=lambda i: distance(entries[i], entries[first], entries[last]))
        if distance(entries[furthest], entries[first], entries[last]) > bound_m:
            keep.add(furthest)
            stretches += [(first, furthest), (furthest, last)]
    return [entries[i] for i in sorted(keep)]


def from_line_m(entry: Entry, before: Entry, after: Entry) -> float:
    """Distance from the stretch between two positions, whenever it was there."""
    (lat0, lon0), (lat1, lon1), (lat, lon) = e7(before), e7(after), e7(entry)
    narrow = math.cos(math.radians(lat / 1e7))
    way, at = ((lat1 - lat0), (lon1 - lon0) * narrow), ((lat - lat0), (lon - lon0) * narrow)
    length = way[0] ** 2 + way[1] ** 2
    share = min(max((way[0] * at[0] + way[1] * at[1]) / length, 0.0), 1.0) if length else 0.0
    return metres((lat0 + share * (lat1 - lat0), lon0 + share * (lon1 - lon0)), (lat, lon))


def costs(rounds: int) -> dict[str, object]:
    """µs a fix (least of the rounds) and bytes of heap: modules with their bytecode, which on a board lies in ROM, and state."""
    fixes = drive("bus")
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, thinning in COSTS.items():
            runs = [micropython.run(Path(folder), fixes, directive(fixes, **thinning))[1] for _ in range(rounds)]
            figures[f"{name}_us_a_fix"] = round(min(each["us"] for each in runs) / len(fixes), 1)
            figures[f"{name}_modules_bytes"] = max(runs[0]["modules_bytes"], 0)
            figures[f"{name}_state_bytes"] = runs[0]["objects_bytes"]
    return figures
