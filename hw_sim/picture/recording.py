"""What happened in a run, as plain data: saved as JSON, loaded again, drawn, compared.

    recording = recorder.recording()
    recording.save(Path("run.json"))
    Recording.load(Path("run.json")).parts

Times are seconds since the world began; `start_unix_s` is its beginning. Long runs do not make long files: what came over time
lies in bins, whose width doubles when there are too many, and lists of single events are cut at a stated length.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import accumulate
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hw_sim.errors import HwSimError

VERSION = 1
SIZE_LIMIT_BYTES = 32 << 20  # all lists at their limits make less than 10 MiB
MOST_BINS = 1440  # a day by the minute; a picture is no wider
MOST_PARTS, MOST_STATES = 64, 64  # a board has about ten of each
MOST_EVENTS = 5000  # single events of one kind; the first half and the last half are kept
MOST_TRACK = 4000
MOST_SPOOL = 5000
MOST_FIGURES = 500
TEXT_CHARS = 200
MC_PER_MAH = 3600.0

Text = Annotated[str, Field(max_length=TEXT_CHARS)]
Time = Annotated[float, Field(ge=0, le=1e12)]
Amount = Annotated[float, Field(ge=0, le=1e18)]
Count = Annotated[int, Field(ge=0, le=1 << 60)]
Value = bool | int | float | Text


class _Plain(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class LedgerRow(_Plain):
    """One state of one part over the whole run: time in it, charge in µC, single acts, and how far the current can be trusted."""

    part: Text
    state: Text
    seconds: Amount
    microcoulomb: Amount
    events: Count
    basis: Text


class Event(_Plain):
    """Something at one time, in words."""

    at_s: Time
    text: Text


class FaultSpan(_Plain):
    """A fault as it happened; `until_s` None: it had not ended."""

    name: Text
    part: Text = ""
    detail: Text = ""
    at_s: Time
    until_s: Time | None = None


class Packet(_Plain):
    """What left the device, or came: one MQTT packet, or bytes of another stream."""

    at_s: Time
    up: bool
    kind: Text
    size: Count


class Place(_Plain):
    """A true place at a time."""

    at_s: Time
    lat_deg: Annotated[float, Field(ge=-90, le=90)]
    lon_deg: Annotated[float, Field(ge=-180, le=180)]


class Level(_Plain):
    """A number that holds from a time on."""

    at_s: Time
    value: Count


class Partition(_Plain):
    """What the flash of one partition went through; `most_worn` is the erase count of its most erased sector."""

    label: Text
    sectors: Count
    programs: Count
    erases: Count
    programmed_bytes: Count
    most_worn: Count


Series = Annotated[dict[Text, Annotated[list[Amount], Field(max_length=MOST_BINS)]], Field(max_length=MOST_STATES)]


class Over(_Plain):
    """Sums in bins of equal width, by name; a name's missing bins at the end are 0."""

    width_s: Annotated[float, Field(gt=0, le=1e12)]
    states_s: Series = {}  # seconds in a state of the processor, sleep among them
    charge_uc: Series = {}  # by part
    bytes_up: Series = {}  # by kind of packet
    bytes_down: Series = {}
    flash_operations: Series = {}  # by kind

    @property
    def bins(self) -> int:
        """How many there are."""
        every = (self.states_s, self.charge_uc, self.bytes_up, self.bytes_down, self.flash_operations)
        return max((len(row) for series in every for row in series.values()), default=0)


def _events(most: int) -> object:
    return Field(max_length=most)


class Recording(_Plain):
    """One run of one board."""

    format: Literal["byleave-run"] = "byleave-run"
    version: Literal[1] = 1
    title: Text = ""
    board: Text = ""
    seed: int = 0
    start_unix_s: Annotated[float, Field(ge=-1e11, le=1e12)] = 0.0
    begin_s: Time = 0.0  # when recording began
    end_s: Time = 0.0
    rows: Annotated[list[LedgerRow], Field(max_length=MOST_PARTS * MOST_STATES)] = []
    over: Over = Over(width_s=1.0)
    boots: Annotated[list[Event], _events(MOST_EVENTS)] = []
    faults: Annotated[list[FaultSpan], _events(MOST_EVENTS)] = []
    marks: Annotated[list[Event], _events(MOST_EVENTS)] = []
    packets: Annotated[list[Packet], _events(MOST_EVENTS)] = []
    contacts: Annotated[list[Time], _events(MOST_EVENTS)] = []
    spool: Annotated[list[Level], _events(MOST_SPOOL)] = []
    heap_free: Annotated[list[Level], _events(MOST_EVENTS)] = []
    track: Annotated[list[Place], _events(MOST_TRACK)] = []
    flash: Annotated[list[Partition], _events(MOST_PARTS)] = []
    counts: Annotated[
        dict[Text, Count], Field(max_length=MOST_FIGURES)
    ] = {}  # of all that the lists above may have left out
    figures: Annotated[dict[Text, Value], Field(max_length=MOST_FIGURES)] = {}  # what the run's owner told

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end_s < self.begin_s:
            raise ValueError("end_s lies before begin_s")
        for name in ("boots", "marks", "packets", "spool", "heap_free", "track"):
            times = [each.at_s for each in getattr(self, name)]
            if times != sorted(times):
                raise ValueError(f"{name}: times go back")
        if self.contacts != sorted(self.contacts):
            raise ValueError("contacts: times go back")
        if any(fault.until_s is not None and fault.until_s < fault.at_s for fault in self.faults):
            raise ValueError("faults: one ends before it begins")
        return self

    # --- sums

    @property
    def seconds(self) -> float:
        """How long it took, in virtual time."""
        return self.end_s - self.begin_s

    @property
    def millicoulomb(self) -> float:
        """All charge, in mC."""
        return math.fsum(row.microcoulomb for row in self.rows) / 1000

    @property
    def average_ua(self) -> float:
        """Mean current in µA, 0 over no time."""
        return self.millicoulomb * 1000 / self.seconds if self.seconds else 0.0

    @property
    def parts(self) -> dict[str, float]:
        """mC by part, the largest first."""
        sums: dict[str, float] = {}
        for row in self.rows:
            sums[row.part] = sums.get(row.part, 0.0) + row.microcoulomb / 1000
        return dict(sorted(sums.items(), key=lambda item: (-item[1], item[0])))

    def unix_s(self, at_s: float) -> float:
        """Unix time of a time of the run."""
        return self.start_unix_s + at_s

    def charge_until(self, part: str) -> list[float]:
        """Charge of a part in mC at the end of each bin."""
        row = self.over.charge_uc.get(part, [])
        padded = [*row, *[0.0] * (self.over.bins - len(row))]
        return [uc / 1000 for uc in accumulate(padded)]

    # --- the file

    def to_json(self) -> str:
        """All of it, as one JSON object."""
        return self.model_dump_json()

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """What `to_json` wrote; HwSimError names the place that is wrong."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise HwSimError(f"{where + ': ' if where else ''}{first['msg']}") from error

    def save(self, path: Path) -> int:
        """Writes it, in a new folder if need be; its size in bytes."""
        data = self.to_json().encode()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        except OSError as error:
            raise HwSimError(f"cannot write the recording to {path}: {error.strerror}") from error
        return len(data)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads one; HwSimError for what is none, of another version, or too large."""
        try:
            if path.stat().st_size > SIZE_LIMIT_BYTES:
                raise HwSimError(f"{path}: larger than {SIZE_LIMIT_BYTES >> 20} MiB, which no recording is")
            data = path.read_bytes()
        except OSError as error:
            raise HwSimError(f"{path}: {error.strerror}") from error
        try:
            return cls.from_json(data)
        except HwSimError as error:
            raise HwSimError(f"{path} is no recording of a run (version {VERSION}): {error}") from error


def told(figures: Mapping[str, object]) -> dict[str, Value]:
    """Figures as a recording has them, the first so many; what is no number is told as text."""
    found: dict[str, Value] = {}
    for name, value in list(figures.items())[:MOST_FIGURES]:
        plain = isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value))
        found[name[:TEXT_CHARS]] = value if plain else str(value)[:TEXT_CHARS]  # type: ignore[assignment]  # narrowed above
    return found
