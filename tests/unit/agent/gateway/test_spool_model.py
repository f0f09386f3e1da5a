"""The spool beside a model of it: any order of takes, commits that fail, hand-outs, PUBACKs, losses, stops and kills."""

from __future__ import annotations

import random
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.gateway.spool import ROW_BYTES, Row, Spool, Taken
from tests.unit.agent.gateway.bench import A, B, Clock, spool_at

Key = tuple[str, bytes]

ACTS = {"take": 8, "commit": 4, "next": 6, "done": 5, "back": 2, "fail": 1, "stop": 1, "kill": 1}  # how often, of 28


def chosen(rng: random.Random) -> tuple[Any, ...]:
    """An act with what it is given: few different envelopes, so that they come again."""
    name = rng.choices(list(ACTS), list(ACTS.values()))[0]
    given = {
        "take": (rng.choice([(A, "p"), (B, "p"), (A, "q")]), rng.randrange(6)),
        "fail": (rng.choice(["BEGIN", "INSERT", "DELETE", "COMMIT"]),),
        "done": (rng.randrange(3),),
        "back": (rng.randrange(3),),
    }
    return name, *given.get(name, ())


class Failing:
    """A connection whose statements of one kind find the disk full."""

    def __init__(self, db: sqlite3.Connection, start: str) -> None:
        self._db, self._start = db, start

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._db, name)

        def call(statement: str, *values: Any) -> Any:
            if statement.startswith(self._start):
                raise sqlite3.OperationalError("database or disk is full")
            return real(statement, *values)

        return call


class Model:
    """What must be: the spool is asked the same, and compared after each act."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, Clock()
        self.taken: list[Key] = []  # since the last commit
        self.waiting: list[Key] = []  # committed, and not at the broker
        self.gone: set[Key] = set()  # at the broker, and perhaps still in the file
        self.out: dict[int, Row] = {}
        self.spool = self.open()

    def open(self) -> Spool:
        """It again; nobody is handed anything yet."""
        spool = spool_at(self.folder, self.clock)
        spool.medium.db.execute("PRAGMA synchronous = OFF")
        self.taken, self.out = [], {}
        return spool

    def take(self, of: tuple[str, str], n: int) -> None:
        """Known exactly while it waits."""
        key = (of[0], b"%d" % n * 10)
        known = key in self.taken or key in self.waiting
        assert self.spool.take(*key, of[1]) is (Taken.KNOWN if known else Taken.FRESH)
        self.taken += [] if known else [key]

    def commit(self) -> None:
        """All of it."""
        assert self.spool.commit()
        if self.taken:
            self.gone.clear()
        self.waiting, self.taken = self.waiting + self.taken, []

    def fail(self, start: str) -> None:
        """Nothing of it, or all where that statement was not needed; a minute later the disk has room."""
        db = self.spool.medium.db
        self.spool.medium.db = Failing(db, start)  # type: ignore[assignment]
        if self.spool.commit():
            self.gone -= self.gone if self.taken else set()
            self.waiting += self.taken
        self.taken = []
        self.spool.medium.db = db
        self.clock.pass_s(61)
        assert self.spool.commit() and self.spool.ready

    def next(self) -> None:
        """Something that waits and is not handed out, while there is such a thing."""
        row = self.spool.next_row()
        free = set(self.waiting) - {(each.device, each.envelope) for each in self.out.values()}
        assert (row is None) == (not free)
        if row:
            assert (row.device, row.envelope) in free and row.id not in self.out
            self.out[row.id] = row

    def done(self, n: int) -> None:
        """The broker has it; or a PUBACK of nothing."""
        if n < len(self.out):
            row = self.out.pop(list(self.out)[n])
            self.waiting.remove((row.device, row.envelope))
            self.gone.add((row.device, row.envelope))
            self.spool.done(row.id)
        self.spool.done(10_000 + n)

    def back(self, n: int) -> None:
        """It did not reach the broker."""
        if n < len(self.out):
            row_id = list(self.out)[n]
            del self.out[row_id]
            self.spool.give_back([row_id])

    def stop(self) -> None:
        """In order: what was taken is committed."""
        self.waiting += self.taken
        self.spool.close()
        self.gone.clear()
        self.spool = self.open()

    def kill(self) -> None:
        """What was committed is there; of what the broker has, what was not deleted yet may be there too."""
        self.spool.medium.let_go()
        self.spool = self.open()
        found = [
            (device, envelope)
            for device, envelope in self.spool.medium.db.execute("SELECT device, envelope FROM envelopes")
        ]
        assert len(set(found)) == len(found) and set(self.waiting) <= set(found) <= set(self.waiting) | self.gone
        self.waiting = found

    def check(self) -> None:
        """Counts."""
        all_of_it = self.waiting + self.taken
        assert self.spool.count == len(all_of_it)
        assert self.spool.size_bytes == sum(len(envelope) + ROW_BYTES for _, envelope in all_of_it)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 120))
def test_the_spool_does_what_its_model_does(seed: int, n: int) -> None:
    """After each act the counts are right; at the end all that waits comes out, once."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        model = Model(Path(folder))
        for _ in range(n):
            name, *values = chosen(rng)
            getattr(model, name)(*values)
            model.check()
        model.stop()
        while model.spool.count:
            model.next()
            model.done(0)
        assert not model.waiting and model.spool.next_row() is None
        model.spool.close()
