"""The server that is killed: ingest from a real broker while it sweeps, rotates keys, erases, and people change their minds.

It is forked from a process that has loaded everything already, so that three hundred starts take minutes. It tells its parent
through a pipe what it has done; what it does not get round to telling, the parent finds out from the stores.
"""

from __future__ import annotations

import logging
import random
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from cloud_sync.config import Config
from cloud_sync.consent import Evidence
from cloud_sync.model import ConsentState, Precision
from cloud_sync.service import CloudSync
from tests.unit.cloud_sync.ingest.ingest_world import NOON

T = "tracking"
GROUP, HOLDER = "depot", Evidence("h-1", "demo-1", "portal", "set_switch", "en")
CHANGING = "c-"  # persons who change their minds, and are in the group
ERASED = "v-"  # persons who are erased as a whole
SWEEP_S, CHANGE_S, NARROW_S, ROTATE_S = 0.2, 0.2, 1.0, 0.3


@dataclass(frozen=True)
class RunningClock:
    """Noon of the tests' day at `began` (seconds of the machine), running since, for all processes alike."""

    began: float

    def now(self) -> float:
        """Unix seconds."""
        return NOON + time.time() - self.began


def evidence(subject: str) -> Evidence:
    """The person's own act."""
    return Evidence(subject, "demo-1", "app", "tapped_allow", "en")


def serve(config: Config, clock: RunningClock, pipe: Connection, seed: int, *, quiet: bool) -> None:
    """One life of the server, to be ended by kill -9, or by the order `stop`; `quiet` takes messages and does nothing else."""
    logging.disable(logging.CRITICAL)  # what fails is told through the pipe; a killed link is no news
    told = _Told(pipe)
    try:
        with CloudSync.open(config, clock=clock) as cloud:
            told.say("checked", check(cloud))
            cloud.start()
            assert cloud.wait_connected(30), f"{cloud.link_state}; {cloud.figures()}"
            told.say("serving")
            if not quiet:
                _disturb(cloud, told, random.Random(seed))
            while (order := pipe.recv()) != "stop":
                cloud.erase(subject=order)
                told.say("erased", order)
    except BaseException:
        told.say("failed", traceback.format_exc())


class _Told:
    """One end of the pipe, for all threads."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe, self._lock = pipe, threading.Lock()

    def say(self, *what: Any) -> None:
        with self._lock, suppress(BrokenPipeError):
            self._pipe.send(what)


def _disturb(cloud: CloudSync, told: _Told, chance: random.Random) -> None:
    """What goes on beside ingest, each in a thread of its own, until the end."""
    people = sorted(d.subject for d in cloud.database.all_devices() if d.subject.startswith(CHANGING))

    def change() -> None:
        subject = chance.choice(people)
        if cloud.ledger.state_at(subject, T, cloud.clock.now()).open:
            cloud.consent.withdraw(subject, T, evidence(subject))
        else:
            cloud.consent.give(subject, T, evidence(subject), precision=Precision.CELL_100M)

    def narrow() -> None:
        (cloud.groups.lift if cloud.groups.settings(GROUP) else cloud.groups.narrow)(GROUP, T, HOLDER)

    jobs: tuple[tuple[Callable[[], object], float], ...] = (
        (cloud.sweep, SWEEP_S),
        (change, CHANGE_S),
        (narrow, NARROW_S),
        (cloud.rotate_keys, ROTATE_S),
    )
    for job, pause_s in jobs:
        threading.Thread(target=_again, args=(job, pause_s * chance.uniform(0.5, 1.5), told), daemon=True).start()


def _again(job: Callable[[], object], pause_s: float, told: _Told) -> None:
    try:
        while True:
            time.sleep(pause_s)
            job()
    except BaseException:
        told.say("failed", traceback.format_exc())


def check(cloud: CloudSync) -> int:
    """The whole audit log against its tree, and the ledgers against the log; AssertionError or AuditError where they differ.

    How many entries the log has.
    """
    with cloud.database.transaction():  # one moment of all of them
        size = cloud.audit.check()
        logged = _logged(cloud)
        records = [r for r in cloud.database.all_consents() if not r.pii_principal_id.startswith(ERASED)]
        bounds = [*cloud.database.bounds_of_group(GROUP, members=False)]
        bounds += cloud.database.bounds_of_group(GROUP, members=True)
    written = Counter([f"consent.{r.event_state.value} {r.record_id}" for r in records])
    written.update(f"group.{bound.kind} {bound.record_id}" for bound in bounds)
    assert written == logged, f"ledger and log differ: {written - logged or logged - written}"
    assert set(written.values()) <= {1}
    for subject in {record.pii_principal_id for record in records}:
        _lawful([r for r in records if r.pii_principal_id == subject])
    return size


def _logged(cloud: CloudSync) -> Counter[str]:
    """What the log has of steps of the two ledgers, without those of persons who are, or may be, erased."""
    found: Counter[str] = Counter()
    for entry in cloud.audit.entries():
        kind, subject = entry.event.kind, entry.event.subject
        if kind.startswith(("consent.", "group.")) and entry.linked and not subject.startswith(ERASED):
            found[f"{kind} {dict(entry.event.detail)['record']}"] += 1
    return found


def _lawful(records: list[Any]) -> None:
    """Given and withdrawn in turn, and time does not run back."""
    states = [record.event_state for record in records]
    wanted = [ConsentState.WITHDRAWN if n % 2 else ConsentState.GIVEN for n in range(len(states))]
    assert states == wanted, "an answer is there twice, or is missing"
    times = [record.event_time for record in records]
    assert times == sorted(times), "an answer lies before the one that it follows"
