"""Releases: how many people were in which cell in which days. Made from what people let be used so, checked, and kept.

    release = cloud.statistics.release(actor=desk, purpose="market_research", first_day=20_500, days=28)

The steps, each with the attack it stops, are in `Statistics.release`.
"""

from __future__ import annotations

import json
import secrets
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cloud_sync.audit import Kind
from cloud_sync.errors import ConfigError, Denied
from cloud_sync.model import EPOCH_SECONDS, Action, Actor, AuditEvent, Precision, Reason
from cloud_sync.policy import Policy
from cloud_sync.policy.provisions import StatsRules
from cloud_sync.read.query import Query
from cloud_sync.read.reader import Reader
from cloud_sync.read.sources import LOCATION
from cloud_sync.statistics.bands import banded, exposed
from cloud_sync.statistics.counts import Counting
from cloud_sync.stores import AuditSink, Clock, Database, WitnessStore
from cloud_sync.wire.cells import DEGREE_E7, cell_of, centre_e7

FIELDS: Final = frozenset({"time", "lat", "lon"})
#: Kilometres of a cell's side at least, and the precision that has such cells (docs/wire-format.md section 5).
GRIDS: Final = ((10, Precision.CELL_10KM), (100, Precision.REGION))
MOST_ATTEMPTS: Final = 3  # each counts those anew whose answers changed meanwhile
MOST_DAYS: Final = 366  # a year in one release; more is a movement profile of a place, and hours of work


@dataclass(frozen=True, slots=True)
class Cell:
    """A place and how many people were there at least, a multiple of k. The position is the cell's centre, in degrees."""

    row: int
    col: int
    lat: float
    lon: float
    people: int


@dataclass(frozen=True, slots=True)
class _Counted:
    """Where one person was, and what the leave to count them rested on."""

    query: Query
    mark: tuple[object, ...]
    cells: frozenset[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Release:
    """What was published, or may be: days since 1970 (UTC), both inclusive."""

    release_id: str
    purpose: str
    first_day: int
    last_day: int
    at: float
    k_min: int
    grid: Precision
    cells: tuple[Cell, ...]

    def to_json(self) -> str:
        """For a file: no person, no device, no count below k, no total."""
        cells = [{"row": c.row, "col": c.col, "lat": c.lat, "lon": c.lon, "people": c.people} for c in self.cells]
        head = {
            "release": self.release_id,
            "purpose": self.purpose,
            "first_day": self.first_day,
            "last_day": self.last_day,
        }
        return json.dumps({**head, "k": self.k_min, "grid": self.grid.name.lower(), "cells": cells}, indent=1)


class Statistics:
    """Makes releases and remembers them; `counts` are those of records."""

    counts: Counting

    def __init__(
        self,
        *,
        database: Database,
        witness: WitnessStore,
        reader: Reader,
        policy: Policy,
        clock: Clock,
        audit: AuditSink,
    ) -> None:
        self._database, self._witness, self._reader, self._policy = database, witness, reader, policy
        self._clock, self._audit = clock, audit

    def releases(self) -> list[Release]:
        """All that were made, oldest first."""
        return [_release(row) for row in self._database.statistics() if "grid" in json.loads(row[5])]

    def release(self, *, actor: Actor, purpose: str, first_day: int, days: int) -> Release:
        """Count people by cell over whole days; ConfigError says why there is no release, `Denied` that the purpose has none.

        1. The policy's own terms: k, grid, delay [a release by rules that somebody makes up on the spot].
        2. Late: the days must be over for the delay [a place is told while somebody is still on the way].
        3. Once: no day that a release of this purpose had [two releases that differ by a day differ by who moved on it].
        4. Each person through the gate, for statistics: consent, restriction, age and term count, and it is in their log.
        5. Positions as coarse as the grid before they are counted; people, not devices, not fixes.
        6. Groups below k are left out, others told in steps of k; then all releases are held against each other once more.
        7. In the transaction that keeps it, answers and days are looked at again [a withdrawal, or another release, meanwhile].
        """
        stats = self._terms()
        grid = _grid(stats)
        days_of = (first_day, first_day + days - 1)
        self._check_days(stats, purpose, *days_of)
        counted: dict[str, _Counted] = {}
        subjects = sorted({device.subject for device in self._database.all_devices()})
        for _ in range(MOST_ATTEMPTS):
            self._count(
                [subject for subject in subjects if subject not in counted], counted, actor, purpose, days_of, grid
            )
            with self._database.transaction():
                now = self._clock.now()
                stale = [subject for subject, one in counted.items() if self._mark(one.query, now) != one.mark]
                if not stale:
                    self._check_days(stats, purpose, *days_of)
                    return self._publish(stats, purpose, days_of, grid, banded(_groups(counted), stats.k_min))
            for subject in stale:
                del counted[subject]
        raise ConfigError("people changed their answers while they were counted; nothing was released, ask again")

    def _count(
        self,
        subjects: list[str],
        counted: dict[str, _Counted],
        actor: Actor,
        purpose: str,
        days: tuple[int, int],
        grid: Precision,
    ) -> None:
        """Where each of these people was, of those who may be counted. `Denied` when nobody may: else days are used up."""
        first, last = days
        denial: Denied | None = None
        for subject in subjects:
            start, end = float(first * EPOCH_SECONDS), float((last + 1) * EPOCH_SECONDS)
            query = Query(actor, purpose, subject, start, end, precision=grid, fields=FIELDS, act=Action.STATISTICS)
            mark = self._mark(query, self._clock.now())
            try:
                counted[subject] = _Counted(query, mark, frozenset(self._cells(query, grid)))
            except Denied as error:
                denial = error
                if error.reason in _NOBODY:
                    break
        if not counted:
            raise denial or ConfigError("nobody has a device: there is nobody to count")

    def _mark(self, query: Query, now: float) -> tuple[object, ...]:
        return self._reader.mark(LOCATION, query, now)

    def _terms(self) -> StatsRules:
        if self._policy.stats is None:
            raise ConfigError(
                "the policy has no [stats]: there are no statistics; add the table, and a purpose with consent"
            )
        return self._policy.stats

    def _check_days(self, stats: StatsRules, purpose: str, first: int, last: int) -> None:
        if not 0 <= first <= last < first + MOST_DAYS:
            raise ConfigError(f"a release is of 1 to {MOST_DAYS} days; name the first day and how many")
        free_at = stats.release_delay.end((last + 1) * EPOCH_SECONDS)
        if self._clock.now() < free_at:
            raise ConfigError(f"these days may be released {stats.release_delay} after their end, and not before")
        known = self.releases()
        count, mark = self._witness.witness(WITNESS) or (0, b"")
        if count > len(known) and first <= int.from_bytes(mark, "big"):
            raise ConfigError(
                "releases are missing from this database, which was restored; days up to the last of them stay closed"
            )
        for other in known:
            if other.purpose == purpose and first <= other.last_day and other.first_day <= last:
                raise ConfigError(f"release {other.release_id} has some of these days already; a day is released once")

    def _cells(self, query: Query, grid: Precision) -> Iterator[tuple[int, int]]:
        seen: set[tuple[int, int]] = set()
        count = 0
        for piece in self._reader.pieces(LOCATION, query):
            for fix in piece:
                seen.add(cell_of(round(fix.lat * DEGREE_E7), round(fix.lon * DEGREE_E7), grid))
            count += len(piece)
        self._reader.note(Kind.GATE_ALLOWED, LOCATION, query, Reason.ALLOWED, count)
        yield from seen

    def _publish(
        self,
        stats: StatsRules,
        purpose: str,
        days: tuple[int, int],
        grid: Precision,
        counts: dict[tuple[int, int], int],
    ) -> Release:
        former = [
            {(cell.row, cell.col): cell.people for cell in each.cells} for each in self.releases() if each.grid is grid
        ]
        if found := exposed([*former, counts], stats.k_min):
            raise ConfigError(f"{len(found)} cells would show fewer than {stats.k_min} people beside former releases")
        now = self._clock.now()
        cells = tuple(_cell(place, people, grid) for place, people in sorted(counts.items()))
        made = Release(secrets.token_hex(8), purpose, *days, now, stats.k_min, grid, cells)
        until = max([made.last_day, *(each.last_day for each in self.releases())])
        with self._database.transaction():
            self._database.add_statistic(made.release_id, purpose, made.first_day, made.last_day, now, _content(made))
            detail = (("count", len(cells)), ("purpose", purpose), ("record", made.release_id))
            self._audit.append(AuditEvent(Kind.STATISTICS_RELEASED.value, now, ACTOR, "", detail))
            # Before the commit: a witness of a release that never was closes a day; none of one that was opens it again.
            self._witness.raise_witness(WITNESS, len(self.releases()), until.to_bytes(4, "big"))
        return made


ACTOR: Final = "statistics"
WITNESS: Final = "statistics"  # how many releases there were, and the last day of any: outside the backup's domain
#: Denials that hold for everybody, so that there is nothing to go on with.
_NOBODY: Final = frozenset(
    {
        Reason.CATEGORY_UNKNOWN,
        Reason.PURPOSE_MISSING,
        Reason.PURPOSE_NOT_DECLARED,
        Reason.ACTION_NOT_PERMITTED,
        Reason.ROLE_NOT_PERMITTED,
    }
)


def _groups(counted: Mapping[str, _Counted]) -> dict[tuple[int, int], set[str]]:
    groups: dict[tuple[int, int], set[str]] = defaultdict(set)
    for subject, one in counted.items():
        for cell in one.cells:
            groups[cell].add(subject)
    return groups


def _grid(stats: StatsRules) -> Precision:
    for side_km, precision in GRIDS:
        if stats.grid_km <= side_km:
            return precision
    raise ConfigError(f"stats.grid_km: there are no cells of {stats.grid_km} km; the largest are of {GRIDS[-1][0]}")


def _cell(place: tuple[int, int], people: int, grid: Precision) -> Cell:
    lat_e7, lon_e7 = centre_e7(*place, grid)
    return Cell(*place, lat_e7 / DEGREE_E7, lon_e7 / DEGREE_E7, people)


def _content(release: Release) -> str:
    cells = [[cell.row, cell.col, cell.people] for cell in release.cells]
    return json.dumps({"k": release.k_min, "grid": int(release.grid), "cells": cells}, separators=(",", ":"))


def _release(row: tuple[Any, ...]) -> Release:
    release_id, purpose, first_day, last_day, at, content = row
    value = json.loads(content)
    grid = Precision(value["grid"])
    cells = tuple(_cell((r, c), people, grid) for r, c, people in value["cells"])
    return Release(release_id, purpose, first_day, last_day, at, value["k"], grid, cells)
