"""What is written down along the story: plain data that a report can be drawn from, and nothing else.

    chronicle = Chronicle.begun(stage)           # whose tracker it is then, it stays about
    chronicle.sample(stage)                      # in each slice of virtual time
    chronicle.event(stage, "power cut")          # when something happens
    chronicle.read(fixes)                        # what the lawful read of the drive returned
    chronicle.outcome(outcome)                   # at the end of a step: what came since the last one belongs to it

Times are Unix seconds of the virtual world. Nothing here asks the board or the link for anything.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from itertools import islice
from typing import TYPE_CHECKING, Any, Self

from cloud_sync.errors import WireFormatError
from cloud_sync.model import Fix, Precision, Stream
from cloud_sync.wire.envelope import parse_uplink
from hw_sim.demo import gauges
from hw_sim.demo.cells import CELL_STEP_E7, cell_of, widening
from hw_sim.errors import HwSimError
from hw_sim.world.drive import Drive

if TYPE_CHECKING:
    from hw_sim.demo.stage import Stage
    from hw_sim.demo.steps.outcome import Outcome

MOST_SAMPLES = 20_000  # ninety-one days by the hour are 2184; a story that samples more is thinned
MOST_SEALED = 20_000  # an hour of a device is about thirty
MOST_SOLUTIONS = 20_000  # of the receiver: two days at one in ten seconds
MC_PER_MAH = 3600.0
SPECIMEN_BYTES = 1024  # an envelope is no longer (wire format, section 4)


@dataclass
class Sealed:
    """One envelope as an eavesdropper at the broker saw it first: time to within a sample, stream, bytes of it, of its PUBLISH."""

    time: float
    stream: str
    bytes: int
    publish_bytes: int


@dataclass
class Seen:
    """One fix as a reader gets it: centre in degrees × 10⁷ and half the sides of its cell, 0 where it is exact."""

    time: float
    lat_e7: int
    lon_e7: int
    half_lat_e7: int
    half_lon_e7: int
    precision: str


@dataclass
class Specimen:
    """One location envelope in full: what its header tells anybody, and its bytes."""

    hex: str
    header_bytes: int
    stream: str
    epoch: int
    counter: int
    directive: int


@dataclass
class Told:
    """The outcome of a step, and from when to when it ran."""

    step: str
    title: str
    holds: bool
    figures: dict[str, Any]
    broken: list[str]
    start: float
    end: float


@dataclass
class Happening:
    """Something that happened, in words."""

    time: float
    step: str
    label: str


@dataclass
class Chronicle:
    """The story so far. `to_json` and `from_json` are each other's inverse."""

    drive: str = ""
    own_drive: bool = False  # the user's own, whose track should not be passed on unthinkingly
    seed: int = 0
    subject: str = ""
    device: str = ""  # the first that is enrolled: of another person's, later, only the rows are counted
    track: list[tuple[float, float, float]] = field(default_factory=list)  # time, degrees north, degrees east
    solutions: list[tuple[float, float, float]] = field(default_factory=list)  # what the receiver told the firmware
    sealed: list[Sealed] = field(default_factory=list)
    specimen: Specimen | None = None
    fixes: list[Seen] = field(default_factory=list)
    read_at: float = 0.0  # when they were read
    samples: list[dict[str, gauges.Value]] = field(default_factory=list)  # "time", "step" and the gauges
    events: list[Happening] = field(default_factory=list)
    outcomes: list[Told] = field(default_factory=list)
    charge: dict[str, dict[str, float]] = field(default_factory=dict)  # part → state → mC, until the drive was read
    seconds: float = 0.0  # real time that the story took
    _flash: gauges.FlashGauge = field(default_factory=gauges.FlashGauge, repr=False, compare=False)
    _power: gauges.PowerGauge = field(default_factory=gauges.PowerGauge, repr=False, compare=False)
    _numbers: set[tuple[str, bytes]] = field(default_factory=set, repr=False, compare=False)
    _heard: int = field(default=0, repr=False, compare=False)  # messages of the observer that are taken in

    @classmethod
    def begun(cls, stage: Stage, *, own_drive: bool = False) -> Self:
        """A chronicle of a stage on which nothing has happened yet."""
        chronicle = cls(
            drive=stage.drive.description, own_drive=own_drive, seed=stage.world.seed, subject=stage.subject
        )
        chronicle.drove(stage.drive)
        return chronicle

    def drove(self, drive: Drive) -> None:
        """The true track; again when the drive is begun anew at another time."""
        self.track = [(s.t_s, s.lat_deg, s.lon_deg) for s in drive.samples]

    def sample(self, stage: Stage) -> None:
        """Read all gauges now. Cheap, and safe while server or broker are away."""
        self.device = self.device or stage.device
        if not self.read_at:  # the story drives again later; the map is about this one
            self.drove(stage.drive)
        self._listen(stage)
        gauged: dict[str, gauges.Value] = {"time": stage.world.clock.unix_s, "step": ""}
        gauged |= self._of_device(stage) | gauges.of_server(stage, self.subject, self.device)
        self.samples.append(gauged)
        if len(self.samples) > MOST_SAMPLES:
            half = MOST_SAMPLES // 2
            kept = [each for at, each in enumerate(self.samples[:half]) if at % 2 or "event" in each]
            self.samples = kept + self.samples[half:]

    def _of_device(self, stage: Stage) -> dict[str, gauges.Value]:
        """The gauges at the device; nothing while another person's tracker is on the stage."""
        flash = self._flash.read(stage.board)
        if flash.device and flash.device != self.device:
            return {}
        charge = gauges.charge_of(stage.board)
        self.charge = self.charge if self.read_at else charge
        used_mc = sum(sum(states.values()) for states in charge.values())
        read: dict[str, gauges.Value] = {**flash._asdict(), "charge_mah": round(used_mc / MC_PER_MAH, 4)}
        del read["device"]
        return read | self._power.read(stage.board)

    def event(self, stage: Stage, label: str) -> None:
        """Something has happened now: it is written down, with the gauges after it."""
        self.sample(stage)
        self.samples[-1]["event"] = len(self.events) + 1
        self.events.append(Happening(stage.world.clock.unix_s, "", label))

    def read(self, fixes: Iterable[Fix]) -> None:
        """What a reader was given by a lawful read of the drive: with the last sample before it the map ends."""
        self.fixes = [_seen(fix) for fix in fixes]
        self.read_at = float(self.samples[-1]["time"] or 0) if self.samples else 0.0

    @property
    def mapped(self) -> list[Sealed]:
        """Envelopes that had passed the broker when the drive was read; all of them where it never was."""
        return [each for each in self.sealed if not self.read_at or each.time <= self.read_at]

    @property
    def bytes_a_fix(self) -> float | None:
        """Bytes of PUBLISH packets of positions for each fix that was read, None without one."""
        size = sum(each.publish_bytes for each in self.mapped if each.stream == "location")
        return size / len(self.fixes) if self.fixes and size else None

    def outcome(self, outcome: Outcome) -> None:
        """The end of a step: samples and events since the last one are its own."""
        samples = [sample for sample in self.samples if not sample["step"]]
        for sample in samples:
            sample["step"] = outcome.step
        for happening in self.events:
            happening.step = happening.step or outcome.step
        before = self.outcomes[-1].end if self.outcomes else 0.0
        times = [float(sample["time"] or 0) for sample in samples] or [before]
        told = Told(outcome.step, outcome.title, outcome.holds, _plain(outcome.figures), list(outcome.broken), 0, 0)
        told.start, told.end = before or times[0], times[-1]
        self.outcomes.append(told)

    @property
    def held(self) -> bool:
        """Whether every step that ran held; a story without steps shows nothing."""
        return bool(self.outcomes) and all(told.holds for told in self.outcomes)

    def to_json(self) -> str:
        """All of it as one JSON object."""
        told = [each.name for each in fields(self) if each.compare]
        plain = {name: value for name, value in asdict(self).items() if name in told}
        return json.dumps(plain, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `to_json` wrote."""
        plain: dict[str, Any] = json.loads(text)
        for name, kind in {"sealed": Sealed, "fixes": Seen, "events": Happening, "outcomes": Told}.items():
            plain[name] = [kind(**row) for row in plain[name]]
        for name in ("track", "solutions"):
            plain[name] = [tuple(row) for row in plain[name]]
        plain["specimen"] = Specimen(**plain["specimen"]) if plain["specimen"] else None
        return cls(**plain)

    def _listen(self, stage: Stage) -> None:
        """Take in what passed the broker since the last sample, each number once.

        [A step injects changed envelopes and repeats: they bear numbers that were seen before, and never left the device.]
        """
        emitted = islice(stage.board.gnss.emitted, len(self.solutions), MOST_SOLUTIONS)
        self.solutions += [(each.time, each.lat, each.lon) for each in emitted]
        try:
            messages = stage.observer.messages
        except HwSimError:
            return
        new, self._heard = messages[self._heard :], len(messages)
        for topic, payload in new:
            if topic == f"bl/1/{self.device}/up" and len(self.sealed) < MOST_SEALED:
                self._heard_one(stage.world.clock.unix_s, topic, payload)

    def _heard_one(self, now: float, topic: str, payload: bytes) -> None:
        try:
            parsed = parse_uplink(payload)
        except WireFormatError:
            return
        if (topic, parsed.header_bytes) in self._numbers:
            return
        self._numbers.add((topic, parsed.header_bytes))
        stream = Stream(parsed.header.stream)
        self.sealed.append(Sealed(now, stream.name.lower(), len(payload), publish_bytes(topic, payload)))
        if stream is Stream.LOCATION and self.specimen is None and len(payload) <= SPECIMEN_BYTES:
            header = parsed.header
            self.specimen = Specimen(
                payload.hex(),
                1 + len(parsed.header_bytes),
                stream.name.lower(),
                header.epoch,
                header.counter,
                header.directive_version,
            )


def publish_bytes(topic: str, payload: bytes) -> int:
    """Bytes of the MQTT 3.1.1 PUBLISH packet with QoS 1 that carries it (sections 2.2.3 and 3.3)."""
    body = 2 + len(topic.encode()) + 2 + len(payload)
    return 1 + (1 if body < 128 else 2 if body < 16_384 else 3) + body


def _seen(fix: Fix) -> Seen:
    step = CELL_STEP_E7.get(Precision(fix.precision), 0)
    wide = step * widening(cell_of(fix.lat_e7, fix.lon_e7, step)[0], step) if step else 0
    return Seen(fix.time, fix.lat_e7, fix.lon_e7, step // 2, wide // 2, Precision(fix.precision).name.lower())


def _plain(figures: dict[str, object]) -> dict[str, Any]:
    """Figures as JSON has them; what it has no word for is told as text."""
    return {str(name): json.loads(json.dumps(value, default=str)) for name, value in figures.items()}
