"""byleave at work in one process: board, broker and server in one virtual time, without threads, sockets or waits.

It is what a scenario and the sweep drive. All that outlives a cut of the power is plain data, so that any moment of it can
be kept and gone on from. A composition root: it imports the products.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import cast

from cloud_sync.errors import CloudSyncError
from cloud_sync.ingest.outcome import Outcome
from cloud_sync.model import PERSONAL_STREAMS, VerdictCode
from cloud_sync.service import CloudSync
from firmware.errors import FirmwareError
from hw_sim.board import Board, RunEnd
from hw_sim.demo.exhibits import Exhibits
from hw_sim.demo.flashcopy import waiting
from hw_sim.demo.sealed import digest_of, number_of
from hw_sim.demo.stage import SUBJECT, WorldClock
from hw_sim.demo.steps.acts import HOLD_S, answer, give
from hw_sim.demo.witnessing import Recovery
from hw_sim.errors import HwSimError
from hw_sim.faults.site import Site
from hw_sim.network.traffic import name_of, payload_of, topic_of
from hw_sim.scenario.product import Figure, Finding, Plan, Saved
from hw_sim.silicon.flash import Operation
from hw_sim.sweep.local import LocalNetwork
from hw_sim.world.clock import World

HANDLING_US = 50_000  # from the broker to the commit: what a server takes, and time in which the board goes on
SWEEP_US = 3600 * 1_000_000
# What SQLite makes anew, and locks: not part of what a killed server leaves behind.
NOT_KEPT = ("-shm", ".lock")
EVENTS = {
    "sealed": "an envelope has reached the spool whole",
    "contact": "the board's client reached the broker",
    "stored": "the server has committed what came",
    "parked": "the person at the board pressed its button",
}


@dataclass
class Byleaving:
    """One board of one person, its broker and its server. `hw_sim.demo.product` opens it."""

    plan: Plan
    folder: Path
    world: World
    network: LocalNetwork
    board: Board
    clock: WorldClock
    cloud: CloudSync
    exhibits: Exhibits
    acts: list[tuple[int, str]]  # at which virtual µs somebody does what
    batch: int
    sent: list[bytes] = field(default_factory=list)
    dropped: set[bytes] = field(default_factory=set)
    kinds: Counter[str] = field(default_factory=Counter)
    measured: list[int] = field(default_factory=list)  # times of solutions of boards before this one
    inbox: list[tuple[str, bytes]] = field(default_factory=list)  # the broker has given it, the server has not taken it
    early: int = 0
    cuts: int = 0  # in lives before this one
    since: int = 0
    last_word: Mapping[str, bytes] = field(
        default_factory=dict
    )  # the server's files when the broker said what the board heard last
    _knows_time: bool = False  # something told the device the time since its last start without one
    _boots: int = 0  # starts that were no wake
    _solutions: int = 0  # of the receiver before the last of them
    _starts: int = 0  # that lost the memory, before the caller's first power-on

    def __post_init__(self) -> None:
        """Whoever wants to hear of events sets `on_event`."""
        self.on_event: Callable[[str], None] = lambda name: None

    # --- wiring

    def begin(self) -> None:
        """Listen to everything, and let what is planned come."""
        self.network.broker.on_publish = self._published
        self.network.broker.on_word = self.files
        self.network.broker.on_heard = self._heard_word
        self.network.on_step = self._step
        self.board.flash.hooks.append(self._looked)
        self._starts = self._cold_starts
        clock = self.world.clock
        for at_us, act in self.acts:
            if at_us >= clock.now_us:
                clock.at(at_us, lambda act=act: self.act(act))  # type: ignore[misc]
        clock.after(SWEEP_US, self._sweep)
        if self.inbox:
            clock.after(HANDLING_US, self._handle)
        self.last_word = self.files()

    @property
    def _cold_starts(self) -> int:
        counters = self.board.counters
        return counters["boots"] - counters["boots after deep_sleep"]

    @property
    def all_cuts(self) -> int:
        """How often the board has lost its memory so far: cuts of the power, and resets that a fault made."""
        return self.cuts + max(0, self._cold_starts - self._starts - 1)

    @property
    def device(self) -> str:
        """The pseudonym of the board."""
        return self.exhibits.device

    @cached_property
    def site(self) -> Site:
        """For faults, which leave notes in it."""
        return Site(self.board, self.network, self.world, self, self._clock_offset)

    def _clock_offset(self, offset_s: float) -> None:
        self.clock.offset_s = offset_s

    def stop_broker(self) -> None:
        """The broker dies with all that it had in memory."""
        self.network.broker.stop()

    def start_broker(self) -> None:
        """One that knows nothing."""
        self.network.broker.start()

    def send(self, device: str, envelope: bytes) -> None:
        """`cloud_sync.stores.Downlinks`."""
        self.network.broker.publish(f"bl/1/{device}/down", envelope)

    # --- what happens

    def act(self, name: str) -> None:
        """`park`: the button; `allow PURPOSE`, `withdraw PURPOSE`: the person's answer."""
        verb, _, purpose = name.partition(" ")
        if verb == "park":
            self.on_event("parked")
            self.board.press_button()
            self.world.clock.after(HOLD_S * 1_000_000, self.board.release_button)
        elif verb == "allow":
            give(self, SUBJECT, purpose)
        else:
            answer(self, verb, purpose)

    def _step(self, way: str, packet: bytes) -> None:
        self.hear(way, packet)

    def hear(self, way: str, packet: bytes) -> None:
        """A network step: what the wire tap notes of it."""
        if way == "connect":
            self.on_event("contact")
        elif packet and name_of(packet) == "PUBLISH":
            if way == "down":
                self._knows_time = (
                    True  # or it is none that the device believes; then it has no time, and seals nothing
                )
            elif topic_of(packet) == f"bl/1/{self.device}/up":
                self.sent.append(payload_of(packet))

    def _looked(self, operation: Operation) -> None:
        if self.board.partitions["bl_spool"].holds(operation):
            self.look()

    def look(self) -> None:
        """Take in what is in the spool now, and whether it may be there already."""
        watch, board = self.exhibits.sealed, self.board
        starts = self._cold_starts
        if starts != self._boots:  # memory is gone, and the time with it
            self._boots, self._knows_time, self._solutions = starts, False, len(board.gnss.emitted)
        before = len(watch.envelopes)
        watch.look()
        for envelope in list(watch.envelopes.values())[before:]:
            self.on_event("sealed")
            self.early += number_of(envelope)[1] in PERSONAL_STREAMS and not self._has_time()

    def _has_time(self) -> bool:
        return self._knows_time or len(self.board.gnss.emitted) > self._solutions

    def _published(self, topic: str, payload: bytes) -> None:
        if not self.inbox:
            self.world.clock.after(HANDLING_US, self._handle)
        self.inbox.append((topic, payload))

    def _handle(self) -> None:
        messages, self.inbox = self.inbox, []
        if messages:
            self._heard(self.handle(messages))
            self.on_event("stored")

    def handle(self, messages: list[tuple[str, bytes]]) -> list[Outcome]:
        """The server takes messages."""
        return self.cloud.handle(messages)

    def _heard(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            self.kinds[outcome.kind] += 1
            if outcome.verdict is not None and outcome.verdict.code is not VerdictCode.STORED:
                self.dropped.add(outcome.verdict.digest)

    def _sweep(self) -> None:
        self.cloud.sweep()
        self.world.clock.after(SWEEP_US, self._sweep)

    # --- `Running`

    def run(self, *, for_s: float, until: Callable[[], bool] | None = None) -> RunEnd:
        """`Running.run`."""
        clock = self.world.clock
        limit_us = clock.now_us + round(for_s * 1e6)
        with products_fail():
            if self.board.powered:
                return self.board.run(for_s=for_s, until=until)
            while not (until and until()) and clock.step(limit_us):
                pass
        return RunEnd.TIME if clock.now_us >= limit_us else RunEnd.PREDICATE

    def save(self) -> Saved:
        """`Running.save`."""
        exhibits = self.exhibits
        return Saved(
            self.plan,
            self.world.clock.now_us,
            bytes(self.board.flash.data),
            self.files(),
            {
                "exhibits": (exhibits.device, exhibits.root, exhibits.generation, exhibits.first_epoch),
                "begun": dict(exhibits.begun),
                "sealed": dict(exhibits.sealed.envelopes),
                "sent": list(self.sent),
                "dropped": set(self.dropped),
                "kinds": dict(self.kinds),
                "measured": self.solutions(),
                "inbox": list(self.inbox),
                "broker": self.network.broker.state(),
                "early": self.early,
                "cuts": self.all_cuts,
                "last_word": self.last_word,
            },
        )

    def files(self) -> dict[str, bytes]:
        """What the server has on disk now, as a kill would leave it: what is not committed is not there.

        Read beneath an open database, which is harmless while nobody else has it open [a POSIX lock ends with any close].
        """
        found = {}
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and not path.name.endswith(NOT_KEPT):
                found[str(path.relative_to(self.folder))] = path.read_bytes()
        return found

    def _heard_word(self, files: object) -> None:
        self.last_word = cast(Mapping[str, bytes], files)

    def solutions(self) -> list[int]:
        """Times of the receiver's solutions at the rate of the directive, over all lives of the board."""
        step_s = int(self.cloud.policy.device.interval_s)
        return self.measured + [each.time for each in self.board.gnss.emitted if each.time % step_s == 0]

    def spooled(self) -> set[bytes]:
        """Digests of what waits in flash."""
        return {digest_of(entry.envelope) for entry in waiting(self.board)}

    def figures(self) -> dict[str, Figure]:
        """`Running.figures`."""
        return Recovery(self).figures()

    def check(self) -> list[Finding]:
        """`Running.check`: the board goes on, seals something new, is parked, and all that waits arrives."""
        with products_fail():
            return Recovery(self).findings()


@contextlib.contextmanager
def products_fail() -> Iterator[None]:
    """What the products raise is a failure of what is tested, and says so: HwSimError."""
    try:
        yield
    except (CloudSyncError, FirmwareError) as error:
        raise HwSimError(f"the product failed: {type(error).__name__}: {error}") from error
