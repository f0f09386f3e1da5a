"""A campaign of kill -9 against a server under load, and the exact count at its end.

Devices send through a real mosquitto to a persistent session and keep, as the real ones do, what no verdict has come for. The
server is killed at moments that a seed chooses, one in five of them while it still opens; each next life checks audit log and
ledgers before it serves. At the end every envelope must have got its verdict, and what is stored must be exactly what was
acknowledged: nothing lost, nothing twice, nothing of who was erased, nothing past its term.
"""

from __future__ import annotations

import multiprocessing
import random
import statistics
import time
from collections import Counter
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from cloud_sync.config import BrokerConfig, Config
from cloud_sync.model import EPOCH_SECONDS, EnvelopeId, Precision, StoredEnvelope, Stream
from cloud_sync.places import Place
from cloud_sync.service import CloudSync
from cloud_sync.wire import codec
from cloud_sync.wire.envelope import digest8
from tests.faults.killed_count import EXPIRING, LOADED, TERM_S, VERSION, Count, Sender
from tests.faults.killed_server import CHANGING, ERASED, GROUP, HOLDER, RunningClock, T, evidence, serve
from tests.unit.cloud_sync.consent.joining import join
from tests.unit.cloud_sync.ingest.ingest_world import NOON, POLICY, FakeClock, ListLink, Tracker
from tests.unit.cloud_sync.mqtt.mqtt_broker import Broker, Publisher, until

OPENING_SHARE, OPENING_S = 0.2, 0.3
OF_ONE_ERASED = 15


@dataclass(frozen=True)
class Plan:
    """How often, how many, for how long. A device has 4096 numbers a day: `times` × `burst` ÷ `loaded` must stay below."""

    times: int
    loaded: int = 24  # devices whose every envelope is to be stored
    changing: int = 6  # devices of people who change their minds
    erased: int = 30  # people who are erased as a whole, one after the other
    expiring: int = 900  # envelopes whose term ends during the campaign, one a second
    burst: int = 240  # envelopes of all loaded devices between two kills
    serving_s: float = 2.0  # the longest life behind the first message
    most_s: float = 900.0
    seed: int = 4711


class Campaign:
    """One installation, its devices, and its server's many lives."""

    def __init__(self, home: Path, plan: Plan, stores: dict[str, Place] | None = None) -> None:
        """`stores`: where telemetry and keys lie, if not in files of `home`."""
        self._plan, self._chance = plan, random.Random(plan.seed)
        (home / "stores").mkdir()
        (home / "broker").mkdir()
        config = Config.in_directory(home / "stores", policy=POLICY)
        self._config = replace(config, **(stores or {}))  # type: ignore[arg-type]
        self._senders: dict[str, Sender] = {}
        self._heard = 0
        self._orders: list[str] = []  # who is to be erased next; the first one's erasure may be under way
        self._gone: set[str] = set()
        self.figures: Counter[str] = Counter()
        self._starts_s: list[float] = []
        self._prepare()
        self._broker = Broker(home / "broker", persistent=False).start()  # it is not the broker that dies here
        self._publisher = Publisher(self._broker.port)
        self._config = replace(self._config, broker=BrokerConfig("127.0.0.1", self._broker.port))
        self._clock = RunningClock(time.time())
        self._forks = multiprocessing.get_context("forkserver")
        self._forks.set_forkserver_preload(["tests.faults.killed_server"])

    # Before

    def _prepare(self) -> None:
        """Everybody is enrolled and has agreed two hours ago; some of the oldest envelopes are about to expire."""
        plan, clock = self._plan, FakeClock(NOON - TERM_S - EPOCH_SECONDS)
        with CloudSync.open(replace(self._config, broker=None), clock=clock, link=ListLink()) as cloud:
            old = self._enrol(cloud, EXPIRING)
            clock.at = NOON - 7200
            cloud.sweep(clock_confirmed=True)
            cloud.database.add_envelopes([self._old(old, n) for n in range(plan.expiring)])
            cloud.groups.found(GROUP, HOLDER)
            for name, count in ((LOADED, plan.loaded), (CHANGING, plan.changing), (ERASED, plan.erased)):
                for n in range(count):
                    self._enrol(cloud, f"{name}{n}")
            for n in range(plan.changing):
                join(cloud.groups, GROUP, f"{CHANGING}{n}", HOLDER)

    def _enrol(self, cloud: CloudSync, subject: str) -> Sender:
        enrolment = cloud.enrol(subject=subject, settings={})
        _, device, root, _, first_epoch, _, _ = codec.unpack(enrolment.file)
        cloud.consent.give(subject, T, evidence(subject), precision=Precision.CELL_100M)
        sender = self._senders[device] = Sender(Tracker(device, first_epoch, root), subject)
        return sender

    @staticmethod
    def _old(sender: Sender, n: int) -> StoredEnvelope:
        capture = int(NOON) - TERM_S + n
        payload = sender.tracker.fixes([capture], counter=n)
        sender.sent += 1
        number = EnvelopeId(sender.tracker.name, 0, Stream.LOCATION, capture // EPOCH_SECONDS, n)
        return StoredEnvelope(number, digest8(payload), VERSION, payload, capture + 60.0, float(capture))

    # The lives

    def run(self) -> dict[str, Any]:
        """Kill as often as planned, or as the time allows; the figures. AssertionError for anything that does not add up."""
        began = time.monotonic()
        try:
            life = self._start()
            self._until_serving(life)  # the persistent session is there before anything is published
            for turn in range(self._plan.times):
                self._live(life, turn)
                life.kill()
                self._take(life)  # what it still said
                self.figures["kills"] += 1
                if turn + 1 == self._plan.times or time.monotonic() - began > self._plan.most_s:
                    break
                life = self._start()
            self._drain()
        except BaseException as error:
            error.add_note(f"so far: {dict(self.figures)}")
            raise
        finally:
            self._publisher.close()
            self._broker.kill()
        seconds = time.monotonic() - began
        return {**self._count(), "seconds": round(seconds), "start_ms": round(1000 * statistics.median(self._starts_s))}

    def _start(self, *, quiet: bool = False) -> _Life:
        return _Life(self._forks, self._config, self._clock, self._chance.randrange(1 << 30), quiet)

    def _live(self, life: _Life, turn: int) -> None:
        """One life under load, until the moment that chance has chosen."""
        self._send(turn)
        if turn and self._chance.random() < OPENING_SHARE:
            self.figures["kills while opening"] += 1
            self._listen(life, self._chance.uniform(0, OPENING_S))
            return
        self._until_serving(life)
        if self._orders:
            life.pipe.send(self._orders[0])
        self._listen(life, self._chance.uniform(0, self._plan.serving_s))

    def _send(self, turn: int) -> None:
        """A burst of all kinds; every tenth time everything that waits once more."""
        now = self._clock.now()
        for sender in self._senders.values():
            name, client = sender.subject, self._publisher.client
            count = {"l": self._plan.burst // self._plan.loaded, "c": 10}.get(name[0], 0)
            if name == f"{ERASED}{turn // 2}" and not sender.sent:
                count = OF_ONE_ERASED
                self._orders.append(name)
            report = sender.tracker.status(down_next=sender.down_next, time=int(now), challenge=turn.to_bytes(8, "big"))
            due = [report, *(sender.next(now - self._chance.uniform(0, 2)) for _ in range(count))]
            if turn % 10 == 9:
                due += sender.waiting.values()
            if name in self._gone:
                due += sender.again  # what was erased comes once more
                sender.again = []
            elif name.startswith(ERASED):
                sender.again += due[1:]
            for payload in due if len(due) > 1 else ():
                client.publish(sender.tracker.topic, payload, qos=1)
            self.figures["messages"] += len(due) if len(due) > 1 else 0

    def _listen(self, life: _Life, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 0.02))
            self._take(life)

    def _until_serving(self, life: _Life) -> None:
        def serving() -> bool:
            self._take(life)
            return life.serving

        until(serving, 60)
        self._starts_s.append(time.monotonic() - life.began)

    def _take(self, life: _Life) -> None:
        """What has come from the server by its pipe, and from the broker."""
        for what, *more in life.said():
            assert what != "failed", more[0]
            if what == "checked":
                self.figures["lives that were checked"] += 1
            if what == "erased":
                self._gone.add(more[0])
                self._orders.remove(more[0])
                if self._orders:
                    life.pipe.send(self._orders[0])
        for topic, sealed in self._publisher.heard[self._heard :]:
            self._heard += 1
            if sealed:  # nothing: what the broker may have kept of a person who is erased is taken back
                self._senders[topic.split("/")[2]].hear(sealed)

    # After

    def _drain(self) -> None:
        """One undisturbed life: erasures are ended, and every device sends what it has no verdict of until it has one."""
        life = self._start(quiet=True)
        self._until_serving(life)
        if self._orders:
            life.pipe.send(self._orders[0])
        until(lambda: not self._take(life) and not self._orders, 60)  # type: ignore[func-returns-value]
        for _ in range(20):
            waiting = [(s.tracker.topic, payload) for s in self._senders.values() for payload in s.waiting.values()]
            if not waiting:
                break
            for sender in self._senders.values():
                report = sender.tracker.status(down_next=sender.down_next, time=int(self._clock.now()))
                self._publisher.publish(sender.tracker.topic, report, *sender.waiting.values())
            self._listen(life, 1.0)
        assert not any(sender.waiting for sender in self._senders.values()), "envelopes without a verdict"
        life.pipe.send("stop")
        life.process.join(30)
        assert life.process.exitcode == 0

    def _count(self) -> dict[str, Any]:
        """What is stored against what was sealed and acknowledged."""
        clock = FakeClock(self._clock.now())
        with CloudSync.open(replace(self._config, broker=None), clock=clock, link=ListLink()) as cloud:
            cloud.sweep()
            figures = Count(cloud, self._senders, self._gone).all()
        return {**figures, **self.figures}


class _Life:
    """One server process."""

    def __init__(self, forks: Any, config: Config, clock: RunningClock, seed: int, quiet: bool) -> None:
        self.began = time.monotonic()
        self.pipe: Connection
        self.pipe, theirs = multiprocessing.Pipe()
        self.process = forks.Process(
            target=serve, args=(config, clock, theirs, seed), kwargs={"quiet": quiet}, daemon=True
        )
        self.process.start()
        theirs.close()
        self.serving = False

    def said(self) -> list[tuple[Any, ...]]:
        """What has come; of a process that was killed in the middle of a word nothing."""
        found: list[tuple[Any, ...]] = []
        try:
            while self.pipe.poll():
                found.append(self.pipe.recv())
        except (EOFError, OSError):
            pass
        self.serving = self.serving or ("serving",) in found
        return found

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.join(10)
        assert self.process.exitcode == -9, "it had ended before it was killed"
