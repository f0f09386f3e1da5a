"""Two servers on the same stores, and everything that can happen to a leave; each kept answer beside that of a gate made anew.

`python -m tests.properties.leave_world 200` tries two hundred lives of it on each engine.
"""

from __future__ import annotations

import hashlib
import math
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path

from cloud_sync.config import Config
from cloud_sync.consent import ConsentLedger
from cloud_sync.errors import CloudSyncError, StoreError
from cloud_sync.facade.boundwitness import BoundWitness
from cloud_sync.gate import Gate
from cloud_sync.ingest.leave import Leave
from cloud_sync.ingest.screen import Told
from cloud_sync.model import Device, Precision, Sensor, Stream
from cloud_sync.model.consent import StandingMark
from cloud_sync.model.keeping import Ground, Restriction
from cloud_sync.restriction import Restrictions
from cloud_sync.service import CloudSync
from tests.unit.cloud_sync.consent.consent_world import (
    BY_LETTER,
    DAY_S,
    HOLDER,
    PARENT,
    SETTINGS,
    TEXT,
    Place,
    by,
    enrolled,
)
from tests.unit.cloud_sync.consent.joining import join
from tests.unit.cloud_sync.ingest.ingest_world import NOON
from tests.unit.cloud_sync.storage.cluster import cluster

T = "tracking"
PURPOSES = (T, T, T, "condition_monitoring", "theft_alarm")
PEOPLE = ("s-1", "s-2", "s-3")
LOST = "s-2"  # of whom a restriction is lost with a restored database
MOST_DEVICES = 8
POSITIONS = (Precision.CELL_100M, Precision.CELL_1KM)
TOLD: tuple[tuple[Stream, Told], ...] = (
    (Stream.LOCATION, Precision.CELL_100M),
    (Stream.LOCATION, Precision.CELL_1KM),
    (Stream.LOCATION, Precision.CELL_100M),
    (Stream.MOTION, Sensor.MOTION),
    (Stream.ENVIRONMENT, Sensor.TEMPERATURE | Sensor.LIGHT),
)
#: Consents end after four days, readings after two, so that clocks which move by hours meet every boundary.
SHORT = (
    TEXT.replace('validity = "P24M"', 'validity = "P4D"', 1)
    .replace('retention = "P90D"', 'retention = "P2D"')
    .replace('spool_age = "P30D"', 'spool_age = "P1D"')
)
BEGIN = (
    NOON + 9 * DAY_S
)  # 25 February 2026: whoever turns sixteen on the 27th certainly is so from the first of March on
BORN = (date(1990, 5, 20), date(2010, 2, 27), date(2010, 2, 27), date(2013, 2, 20))
AGE = by("p-1", act="told_age")


class Home(Place):
    """An installation whose database is a file, or a schema of a PostgreSQL server."""

    def __init__(self, directory: Path, engine: str) -> None:
        super().__init__(directory, SHORT)
        self._engine = engine
        self.clock.at = BEGIN

    @property
    def config(self) -> Config:
        """Keys and tombstones lie in files."""
        config = super().config
        if self._engine == "sqlite":
            return config
        return replace(config, database=cluster("telemetry").place(self.directory, "telemetry"))


class Failing:
    """What has changed, from a store of which now and then one question fails."""

    def __init__(self, store: CloudSync, chance: random.Random) -> None:
        self._store, self._chance = store.database, chance

    def standing_mark(self) -> StandingMark | None:
        """As the store, or `StoreError`."""
        self._fail()
        return self._store.standing_mark()

    def answered_since(self, mark: StandingMark) -> list[str] | None:
        """The same."""
        self._fail()
        return self._store.answered_since(mark)

    def _fail(self) -> None:
        if self._chance.random() < 0.1:
            raise StoreError("the connection was lost")


class _UndoneError(Exception):
    pass


class Life:
    """Random changes by either server, and after each of them random captures; `seen` counts what the gate said."""

    def __init__(self, home: Home, seed: int) -> None:
        self._home, self._chance = home, random.Random(seed)
        self.seen: Counter[str] = Counter()  # answers, and steps that were not refused
        chance = self._chance

        def purpose() -> str:
            return chance.choice(PURPOSES)

        def told() -> Precision:
            return chance.choice(POSITIONS)

        self._steps: dict[str, tuple[int, Callable[[CloudSync, str], object]]] = {  # with how often
            "give": (12, lambda c, s: c.consent.give(s, T, by(s), precision=told())),
            "give another": (10, lambda c, s: c.consent.give(s, purpose(), by(s))),
            "withdraw": (4, lambda c, s: c.consent.withdraw(s, purpose(), by(s))),
            "narrow": (2, lambda c, s: c.groups.narrow("depot", T, HOLDER, precision=chance.choice((None, told())))),
            "lift": (4, lambda c, s: c.groups.lift("depot", T, HOLDER)),
            "join": (3, lambda c, s: join(c.groups, "depot", s, HOLDER)),
            "leave": (3, lambda c, s: c.groups.remove("depot", s, HOLDER)),
            "age": (2, lambda c, s: c.ages.declare(s, chance.choice(BORN), AGE)),
            "confirm": (3, lambda c, s: c.consent.confirm(s, T, chance.choice((PARENT, BY_LETTER)))),
            "restrict": (2, lambda c, s: c.restrictions.restrict(s, "objection", reference="CASE-1", by="c-1")),
            "lift restriction": (4, self._lift),
            "accept lost": (2, lambda c, s: c.restrictions.accept_lost(LOST, by="c-1", told=True)),
            "limit": (1, lambda c, s: c.limits.set(s, hours=[(chance.randrange(700), 800)], evidence=by(s))),
            "clear limits": (1, lambda c, s: c.limits.clear(s, evidence=by(s))),
            "hand over": (1, self._hand_over),
            "heal": (1, self._heal),
            "erase": (1, lambda c, s: c.erase(subject=s, start=home.clock.at - DAY_S, end=home.clock.at)),
            "forget months": (2, lambda c, s: c.database.forget_months(s, home.clock.at)),
            "sweep": (1, lambda c, s: c.sweep(clock_confirmed=True)),
        }

    def run(self, steps: int) -> None:
        """So many steps, each compared; AssertionError says after how many an answer was another one."""
        with self._home.open() as cloud:
            for subject in PEOPLE:
                enrolled(cloud, subject)
                cloud.consent.give(subject, T, by(subject), precision=POSITIONS[0])
            cloud.groups.found("depot", HOLDER)
            name = f"restriction/{hashlib.sha256(LOST.encode()).hexdigest()}"
            cloud._tombstones.set_witness(name, 1, b"r-lost")
        with self._home.open() as cloud, self._home.open() as other:
            leave = cloud.ingest._leave
            leave._changes = Failing(cloud, self._chance)
            for step in range(steps):
                try:
                    self._happen(cloud, other)
                    self._compare(cloud)
                except AssertionError as error:
                    error.add_note(f"after {step} steps")
                    raise
                self.seen["kept"] += leave._count
                assert leave._count == sum(map(len, leave._kept.values()))

    def _happen(self, cloud: CloudSync, other: CloudSync) -> None:
        """One thing happens, or is refused, or is undone again; then the clock moves, now and then back, or to a boundary."""
        if self._chance.random() < 0.1:
            self._undone(cloud)
        if self._chance.random() < 0.6:
            with suppress(CloudSyncError):
                [name] = self._chance.choices(list(self._steps), [often for often, _ in self._steps.values()])
                self._steps[name][1](self._chance.choice((cloud, other)), self._chance.choice(PEOPLE))
                self.seen[name] += 1
        clock = self._home.clock
        clock.at += self._chance.choice((0.0, 0.0, 60.0, 60.0, 3600.0, 3600.0, 20 * 3600.0, -1800.0))
        if self._chance.random() < 0.1:
            times = [at for at in cloud.gate.boundaries(self._chance.choice(PEOPLE)) if abs(at - clock.at) < 3 * DAY_S]
            clock.at = self._chance.choice(times) if times else clock.at

    def _undone(self, cloud: CloudSync) -> None:
        """Answers that are asked for within a transaction that is undone."""
        subject, now = self._chance.choice(PEOPLE), self._home.clock.at
        restriction = Restriction(f"r-{self._chance.random()}", subject, Ground.OBJECTION, "CASE-2", now, "c-1", None)

        def lift() -> None:
            for each in cloud.database.restrictions():
                cloud.database.put_restriction(replace(each, lifted_at=now))

        steps: tuple[Callable[[], object], ...] = (
            lambda: cloud.ledger.give(subject, T, by(subject)),
            lambda: cloud.ledger.withdraw(subject, T, by(subject)),
            lambda: cloud.database.put_restriction(restriction),
            lift,
        )
        with suppress(_UndoneError), cloud.database.transaction():
            with suppress(CloudSyncError):
                self._chance.choice(steps)()
            self._compare(cloud)
            raise _UndoneError

    def _compare(self, cloud: CloudSync) -> None:
        """Batches of a few captures each; a recent one first and last: that one finds what is kept, this one leaves it."""
        leave, now = cloud.ingest._leave, self._home.clock.at
        with cloud.database.transaction():
            devices = cloud.database.all_devices()
            devices = self._chance.sample(devices, min(3, len(devices)))
            cloud.database.expect_devices({device.device for device in devices})
            plain = Leave(_afresh(cloud), cloud.policy, cloud.database)
            for stream, told in self._chance.choices(TOLD, k=3):
                try:
                    batch = leave.batch(now)
                except StoreError:
                    continue  # nothing of such a batch is stored
                for device in devices:
                    for capture in self._captures(leave, device, stream, now):
                        answer = batch.reason(device, stream, capture, told)
                        wanted = plain.ask(device, stream, capture, now, told)
                        assert answer is wanted, (stream, told, now - capture, answer, wanted)
                        self.seen[answer.value] += 1

    def _captures(self, leave: Leave, device: Device, stream: Stream, now: float) -> list[float]:
        """Recent ones, one at the edge of the term, one at a moment at which something changed, one to come: in any order."""
        times = leave.boundaries(device.subject) or [now]
        edge = now - leave.shortest_s[stream]
        some = [
            now - self._chance.uniform(0, 4 * DAY_S),
            self._chance.choice((edge, math.nextafter(edge, math.inf))),
            self._chance.choice(times),
            math.nextafter(self._chance.choice(times), -math.inf),
            now + 30.0,
        ]
        return self._chance.sample([now - 30.0, now - 30.0, *self._chance.sample(some, 2)], 4)

    def _hand_over(self, cloud: CloudSync, subject: str) -> None:
        devices = cloud.database.all_devices()
        if len(devices) < MOST_DEVICES:
            device = self._chance.choice([each for each in devices if each.revoked_at is None])
            cloud.hand_over(device.device, subject=subject, settings=SETTINGS)

    def _heal(self, cloud: CloudSync, subject: str) -> None:
        for device in cloud.database.devices_of(subject):
            cloud.database.update_device(replace(device, generation=device.generation + 1))

    @staticmethod
    def _lift(cloud: CloudSync, subject: str) -> None:
        for each in cloud.restrictions.in_force(subject):
            cloud.restrictions.lift(each.restriction_id, by="c-1", told=True)


def _afresh(cloud: CloudSync) -> Gate:
    """A gate that remembers nothing."""
    bounds = BoundWitness(cloud.database, cloud._tombstones)
    archive = cloud.ledger._policies
    ledger = ConsentLedger(
        cloud.database,
        cloud.clock,
        cloud.policy,
        policies=archive,
        bounds=cloud.database,
        child_lost=bounds.child_lost,
    )
    restrictions = Restrictions(cloud.database, cloud.audit, cloud.clock, cloud._tombstones)
    return Gate(cloud.policy, ledger, cloud.database, restricted=restrictions.restricted)


def lives(engine: str, seeds: range, steps: int) -> Counter[str]:
    """Many lives; what was seen in them."""
    seen: Counter[str] = Counter()
    for seed in seeds:
        with tempfile.TemporaryDirectory() as directory:
            life = Life(Home(Path(directory), engine), seed)
            life.run(steps)
        seen += life.seen
    return seen


if __name__ == "__main__":
    for name in ("sqlite", "postgresql"):
        found = lives(name, range(1000, 1000 + int(sys.argv[1])), 100)
        sys.stdout.write(f"{name}: {dict(found)}\n")
