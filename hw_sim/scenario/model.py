"""The words of a scenario file, checked one by one: TOML in, tables out, or one sentence that says which key is wrong."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from hw_sim.errors import FaultError, ScenarioError
from hw_sim.faults import find
from hw_sim.faults.fault import near
from hw_sim.scenario.events import EVENTS

MOST_S = 400 * 86_400.0  # a year and a month: longer runs are a matter of days in real time
MOST_FAULTS = 10_000  # of one file
Seconds = Annotated[float, Field(ge=0, le=MOST_S)]
Count = Annotated[int, Field(ge=1, le=1_000_000_000)]


Text = Annotated[str, Field(min_length=1)]  # the empty one is in everything


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class WorldTable(_Strict):
    """Where the board is, when, and what is around it. A product has surroundings of its own unless some are named."""

    drive: str = ""  # a file, "demo", or nothing
    at: tuple[Annotated[float, Field(ge=-90, le=90)], Annotated[float, Field(ge=-180, le=180)]] | None = None
    start: dt.datetime | None = None
    surroundings: Literal["", "recorded", "constant", "weather", "parcel", "van"] = ""
    temperature_c: float | None = Field(default=None, ge=-100, le=200)
    illuminance_lx: float | None = Field(default=None, ge=0, le=200_000)

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.drive and self.at is not None:
            raise ValueError("drive and at: a board that stands at one place is on no drive; leave one out")
        constants = self.temperature_c is not None or self.illuminance_lx is not None
        if constants and self.surroundings != "constant":
            raise ValueError('temperature_c and illuminance_lx need surroundings = "constant"')
        return self


class NetworkTable(_Strict):
    """What the board finds in the air: access points with their keys, names and where they lead, coverage by place.

    A host is "broker", "nobody", or HOST:PORT of a real one. A product brings its own access points and hosts.
    """

    wifi: dict[str, str] = {}
    hosts: dict[str, str] = {}
    coverage: str = ""


class FaultRow(_Strict):
    """One fault: when it begins, after the start of the run or after an event, for how long, with which parameters."""

    name: str
    at_s: Seconds | None = None
    after: str | None = None
    count: Count = 1
    delay_s: Seconds = 0.0
    for_s: Seconds | None = None
    optional: bool = False  # the run is well too if it never happens
    parameters: dict[str, Any] = {}

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.at_s is None) == (self.after is None):
            raise ValueError("give either at_s, seconds after the start, or after, the name of an event")
        if self.after is None and (self.count != 1 or self.delay_s):
            raise ValueError("count and delay_s belong to after")
        try:
            fault = find(self.name)
            fault.checked(self.parameters)
        except FaultError as error:
            raise ValueError(str(error)) from None
        if not fault.lasts and self.for_s is not None:
            raise ValueError(f"{self.name} is over as soon as it happens: leave for_s out")
        return self


class RunTable(_Strict):
    """How long: so many seconds of virtual time, or less when an event has come so often."""

    for_s: Annotated[float, Field(gt=0, le=MOST_S)]  # a run of no time tests nothing
    until: str | None = None
    count: Count = 1


class Range(_Strict):
    """A figure between two bounds, both allowed."""

    least: float | None = None
    most: float | None = None

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.least is None and self.most is None:
            raise ValueError("give least, most, or both")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise ValueError(f"least = {self.least:g} is above most = {self.most:g}: no figure can be both")
        return self


class ConsoleTable(_Strict):
    """What the program must have printed, and what it must not."""

    has: list[Text] = []
    lacks: list[Text] = []


class ScenarioFile(_Strict):
    """A whole scenario. `firmware` with a slash is a folder beside the file, without one an installed product."""

    name: str = Field(min_length=1, max_length=200)
    about: str = ""
    seed: int = Field(default=0, ge=0, le=2**63)
    board: str = "esp32s3"
    firmware: str = Field(min_length=1)
    world: WorldTable = WorldTable()
    network: NetworkTable = NetworkTable()
    product: dict[str, Any] = {}
    fault: list[FaultRow] = Field(default=[], max_length=MOST_FAULTS)
    run: RunTable
    expect: dict[str, bool | int | float | str | Range | ConsoleTable] = {}

    @model_validator(mode="after")
    def _paths(self) -> Self:
        named = {
            "board": self.board,
            "firmware": self.firmware,
            "world.drive": self.world.drive,
            "network.coverage": self.network.coverage,
        }
        for key, path in named.items():
            if "\0" in path:
                raise ValueError(f"{key}: no file has a name with a zero byte")
        return self

    @field_validator("expect", mode="before")
    @classmethod
    def _tables(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {
            name: _bound(str(name), bound) if isinstance(bound, Mapping) else bound for name, bound in value.items()
        }

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.of_a_product and (self.network.wifi or self.network.hosts):
            raise ValueError(
                f"network.wifi and network.hosts are {self.firmware}'s own: they are for firmware in a folder"
            )
        if not self.of_a_product and self.product:
            raise ValueError("product: this table is for an installed product, and the firmware is a folder")
        for row in self.fault:
            if row.at_s is not None and row.at_s >= self.run.for_s:
                raise ValueError(
                    f"fault {row.name}: at_s = {row.at_s:g} is no earlier than the end, run.for_s = {self.run.for_s:g}"
                )
        return self

    @property
    def of_a_product(self) -> bool:
        """The firmware is an installed product, not a folder."""
        return "/" not in self.firmware and "\\" not in self.firmware

    def check_events(self, more: Iterable[str]) -> None:
        """ScenarioError for an event that neither any board nor this product has."""
        there = [*EVENTS, *more]
        for where, event in [("run.until", self.run.until), *((f"fault {r.name}", r.after) for r in self.fault)]:
            if event is not None and event not in there:
                raise ScenarioError(
                    f"{self.name}: {where}: no event {event!r}{near(event, there)}; there are {', '.join(there)}"
                )


def _bound(name: str, bound: Mapping[str, Any]) -> Range | ConsoleTable:
    try:
        return ConsoleTable.model_validate(bound) if name == "console" else Range.model_validate(bound)
    except ValidationError as error:
        raise ValueError(f"{name}: {said(error, ConsoleTable if name == 'console' else Range)}") from None


def checked(name: str, tables: Mapping[str, Any]) -> ScenarioFile:
    """A scenario out of what a TOML file holds; ScenarioError with the file's name and what is wrong, key by key."""
    try:
        return ScenarioFile.model_validate(tables)
    except ValidationError as error:
        raise ScenarioError(f"{name}: {said(error, ScenarioFile)}") from None


TABLES: Mapping[str, type[BaseModel]] = {
    "world": WorldTable,
    "network": NetworkTable,
    "fault": FaultRow,
    "run": RunTable,
}


def said(error: ValidationError, model: type[BaseModel]) -> str:
    """What pydantic found, in one line: the place of each, and names that resemble one that does not exist."""
    return "; ".join(_said(row["loc"], row["msg"], row["type"], model) for row in error.errors()[:5])


def _said(place: tuple[int | str, ...], message: str, kind: str, model: type[BaseModel]) -> str:
    where = ".".join(str(step) for step in place)
    text = message.removeprefix("Value error, ")
    if kind == "extra_forbidden":
        there = TABLES.get(str(place[0]), model) if len(place) > 1 else model
        text = f"no such key{near(str(place[-1]), there.model_fields)}"
    elif kind == "missing":
        text = "is missing"
    return f"{where}: {text}" if where else text
