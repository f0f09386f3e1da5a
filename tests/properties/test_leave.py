"""Ingest keeps the gate's answers over stretches of captures and from batch to batch: never another one than the gate gives now."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest

from cloud_sync.errors import CloudSyncError
from cloud_sync.ingest.leave import Leave
from cloud_sync.model import Device, Precision, Reason, Stream
from cloud_sync.service import CloudSync
from tests.unit.cloud_sync.consent.consent_world import BY_LETTER, DAY_S, HOLDER, PARENT, TEXT, Place, by, enrolled
from tests.unit.cloud_sync.ingest.ingest_world import NOON

T = "tracking"
PEOPLE = ("s-1", "s-2")
STEPS = 100
TOLD = (Precision.CELL_100M, Precision.CELL_1KM)
#: Consents end within days, positions after ten, so that clocks which move by hours meet every boundary.
SHORT = (
    TEXT.replace('validity = "P24M"', 'validity = "P4D"', 1)
    .replace('retention = "P90D"', 'retention = "P10D"')
    .replace('spool_age = "P30D"', 'spool_age = "P9D"')
)
AGE = by("p-1", act="told_age")


class Life:
    """Random changes, by the server that takes messages and by another process on the same stores."""

    def __init__(self, chance: random.Random, place: Place, servers: list[CloudSync]) -> None:
        self._chance, self._place, self._servers = chance, place, servers
        self._steps: dict[Callable[[CloudSync, str], object], int] = {  # with how often
            lambda c, s: c.consent.give(s, T, by(s), precision=chance.choice(TOLD)): 12,
            lambda c, s: c.consent.withdraw(s, T, by(s)): 2,
            lambda c, s: c.groups.narrow("depot", T, HOLDER, precision=chance.choice((None, Precision.CELL_1KM))): 2,
            lambda c, s: c.groups.lift("depot", T, HOLDER): 4,
            lambda c, s: c.groups.add("depot", s, HOLDER): 3,
            lambda c, s: c.groups.remove("depot", s, HOLDER): 3,
            lambda c, s: c.ages.declare(s, date(chance.choice((1990, 2010)), chance.randrange(1, 13), 20), AGE): 1,
            lambda c, s: c.consent.confirm(s, T, chance.choice((PARENT, BY_LETTER))): 3,
            lambda c, s: c.restrictions.restrict(s, "objection", reference="CASE-1", by="c-1"): 2,
            self._lift: 4,
        }

    def step(self) -> None:
        """One thing happens, or is refused; then the clock moves, now and then back."""
        with suppress(CloudSyncError):
            [step] = self._chance.choices(list(self._steps), list(self._steps.values()))
            step(self._chance.choice(self._servers), self._chance.choice(PEOPLE))
        self._place.clock.at += self._chance.choice((0.0, 60.0, 3600.0, 20 * 3600.0, -1800.0))

    @staticmethod
    def _lift(cloud: CloudSync, subject: str) -> None:
        for each in cloud.restrictions.in_force(subject):
            cloud.restrictions.lift(each.restriction_id, by="c-1", told=True)


@pytest.mark.parametrize("seed", range(5))
def test_a_kept_answer_is_the_gates(tmp_path: Path, seed: int) -> None:
    """After each of a hundred random changes, captures of the last twelve days: as if each had been asked for alone."""
    chance, place, seen = random.Random(seed), Place(tmp_path, SHORT), set()
    place.clock.at = NOON
    with place.open() as cloud:
        for subject in PEOPLE:
            enrolled(cloud, subject)
        cloud.groups.found("depot", HOLDER)
        with place.open() as other:
            life = Life(chance, place, [cloud, other])
            devices = cloud.database.all_devices()
            for _ in range(STEPS):
                life.step()
                seen |= _compare(cloud, devices, chance, place.clock.at)
    assert {Reason.ALLOWED, Reason.CONSENT_MISSING, Reason.RESTRICTED} <= seen


def _compare(cloud: CloudSync, devices: list[Device], chance: random.Random, now: float) -> set[Reason]:
    """Batches of a few captures each; a recent one first and last: that one finds what is kept, this one leaves it."""
    leave, seen = cloud.ingest._leave, set()
    with cloud.database.transaction():
        for told in (TOLD[0], TOLD[1], TOLD[0]):
            batch = leave.batch(now)
            for device in devices:
                for age_s in (30.0, 4000.0, chance.uniform(0, 12 * DAY_S), 30.0):
                    answer = batch.reason(device, Stream.LOCATION, now - age_s, told)
                    assert answer == leave.ask(device, Stream.LOCATION, now - age_s, now, told), (age_s, told)
                    seen.add(answer)
    return seen


def test_answers_are_kept_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten batches of one person's are one question; after a withdrawal in another process there is another one."""
    place, asked = Place(tmp_path), []
    place.clock.at = NOON - 7200
    with place.open() as cloud:
        tracker = enrolled(cloud)
        cloud.consent.give("s-1", T, by("s-1"))
        place.clock.at = NOON
        plain = Leave.ask
        monkeypatch.setattr(Leave, "ask", lambda *args: asked.append(1) or plain(*args))
        for n in range(10):
            place.clock.at += 1
            sealed = tracker.fixes([int(NOON) - 60 + n], version=1000)
            assert cloud.handle([(tracker.topic, sealed)])[0].kind == "stored"
        assert len(asked) == 1
        with place.open() as other:
            other.consent.withdraw("s-1", T, by("s-1"))
        [outcome] = cloud.handle([(tracker.topic, tracker.fixes([int(NOON) - 5], version=1000))])
        assert outcome.kind == "denied" and len(asked) == 2
