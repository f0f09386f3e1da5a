"""What tests of statistics share: many people at one place, or with one word in a record, and what is published of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from cloud_sync.model import Actor, Precision
from cloud_sync.statistics import Counts
from tests.clauses.made import DAY, HERE, T0, World
from tests.unit.cloud_sync.ingest.ingest_world import Tracker

DESK: Final = Actor("desk-1", "service")
THERE: Final = (570_521_000, 99_215_000)  # 230 km from `HERE`
TODAY: Final = int(T0) // DAY
TEN_KM: Final = 10_000


def crowd(world: World, purpose: str, many: int, *, first: int = 0) -> dict[str, Tracker]:
    """So many people with a tracker each, who allow the purpose."""
    with _at_once(world):
        people = {f"p-{n}": world.tracker(f"p-{n}") for n in range(first, first + many)}
    allow(world, people, purpose)
    return people


def allow(world: World, people: Iterable[str], purpose: str) -> None:
    """Each of them allows a purpose, now."""
    with _at_once(world):
        for subject in people:
            world.yes(subject, purpose)


@contextmanager
def _at_once(world: World) -> Iterator[None]:
    """One write for all."""
    cloud = world.cloud
    with cloud.database.transaction(), cloud._store.transaction(), cloud._tombstones.transaction():
        yield


def stand(
    world: World, trackers: Iterable[Tracker], place: tuple[int, int], *, times: Sequence[int] | None = None
) -> None:
    """Each of them is at a place, now or at these times; all are stored."""
    many = list(trackers)
    before, when = world.rows(), times or [int(world.now)] * len(many)
    cell = {"precision": Precision.CELL_10KM, "place": place, "version": 9}
    messages = [(each.topic, each.fixes([at], **cell)) for each, at in zip(many, when, strict=True)]  # type: ignore[arg-type]
    world.cloud.handle(messages)
    assert world.rows() == before + len(many)


def say(world: World, category: str, words: Mapping[str, Mapping[str, Any]], *, name: str = "row") -> None:
    """A record of each of these people, 64 to a record."""
    people = list(words.items())
    with _at_once(world):
        for n in range(0, len(people), 64):
            content = {subject: json.dumps(row).encode() for subject, row in people[n : n + 64]}
            world.cloud.records.put(category, content, record_id=f"{name}-{n}")


def counted(world: World, purpose: str, category: str, field: str, **more: Any) -> Counts:
    """Counts of today, made when they may be: a month after its end."""
    world.clock.at = max(world.now, (TODAY + 1 + 31) * DAY)
    asked = {"actor": DESK, "first_day": TODAY, **more}
    return world.cloud.statistics.counts.make(purpose=purpose, category=category, field=field, **asked)


def nobody_in(text: str, people: Iterable[str]) -> bool:
    """Whether none of these people is named in a text."""
    return not any(f'"{subject}"' in text or f"{subject}," in text for subject in people)


__all__ = [
    "DESK",
    "HERE",
    "TEN_KM",
    "THERE",
    "TODAY",
    "allow",
    "counted",
    "crowd",
    "nobody_in",
    "say",
    "stand",
]
