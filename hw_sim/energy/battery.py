"""Batteries as data: capacity, voltage, resistance and what the cold takes of them. TOML in `hw_sim/energy/batteries/`.

Every table of a battery says where it comes from and how far that can be trusted, as the currents do: "data sheet", "quoted" for
a maker's figure known at second hand, "estimate" for what is read off a curve or worked out.
"""

from __future__ import annotations

import tomllib
from bisect import bisect_right
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hw_sim.errors import HwSimError

MONTH_S = 365.25 / 12 * 86_400
DOUBLES_EACH_K = (
    10.0  # self-discharge, as reactions do by the rule of van 't Hoff; an estimate, not a figure of a data sheet
)
SIZE_LIMIT_BYTES = 64 << 10  # a battery is a page of text
Basis = Literal["data sheet", "quoted", "estimate"]
Celsius = Annotated[float, Field(ge=-60, le=100)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Sourced(_Strict):
    basis: Basis
    source: str = Field(min_length=1)


class Capacity(_Sourced):
    """What a fresh, full pack gives at 20 °C and a small current, down to the cut-off."""

    mah: float = Field(gt=0, le=1e6)
    cut_off_mv: float = Field(gt=0, le=60_000)


class SelfDischarge(_Sourced):
    """What goes by itself in a month at 20 °C, in percent of the capacity."""

    percent_month: float = Field(ge=0, le=100)


class Warmth(_Strict):
    """At this temperature: the share of the capacity that can be had, the internal resistance over that at 20 °C."""

    celsius: Celsius
    capacity: float = Field(gt=0, le=1.2)
    resistance: float = Field(gt=0, le=100)


class Cold(_Sourced):
    """How temperature changes the pack, straight lines between the rows; outside of them it does not work."""

    row: list[Warmth] = Field(min_length=2, max_length=50)


class Curve(_Sourced):
    """Voltage at rest, in mV, at equal steps of the charge drawn: full first, empty last; resistance in mΩ at 20 °C."""

    rest_mv: list[float] = Field(min_length=2, max_length=200)
    resistance_mohm: float = Field(gt=0, le=100_000)


class Regulator(_Sourced):
    """Between battery and board. A linear one takes the board's current; a switching one its power over `efficiency`.

    `least_mv` is the battery's voltage below which the board loses its supply; parts in `direct` hang on the battery itself.
    """

    kind: Literal["linear", "switching"]
    output_mv: float = Field(default=3300, gt=0, le=60_000)
    efficiency: float = Field(default=1.0, gt=0, le=1)
    quiescent_ua: float = Field(ge=0, le=100_000)
    least_mv: float = Field(gt=0, le=60_000)
    direct: list[str] = ["modem", "battery divider"]

    def battery_ua(self, currents: dict[str, float], battery_mv: float) -> float:
        """What the battery gives, in µA, for these currents of parts at this voltage of the battery."""
        direct = sum(ua for part, ua in currents.items() if part in self.direct)
        rest = sum(ua for part, ua in currents.items() if part not in self.direct)
        factor = 1.0 if self.kind == "linear" else self.output_mv / (max(battery_mv, 1.0) * self.efficiency)
        return direct + rest * factor + self.quiescent_ua


class Battery(_Strict):
    """A pack of cells with its regulator. It is a description: `hw_sim.energy.pack.Pack` is one that runs empty."""

    name: str = Field(min_length=1, max_length=64)
    summary: str
    rechargeable: bool
    capacity: Capacity
    self_discharge: SelfDischarge
    curve: Curve
    temperature: Cold
    regulator: Regulator

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if any(later > before for before, later in pairwise(self.curve.rest_mv)):
            raise ValueError("curve.rest_mv rises while charge is drawn: write it from full to empty")
        warmth = [row.celsius for row in self.temperature.row]
        if any(later <= before for before, later in pairwise(warmth)):
            raise ValueError("temperature.row: write the rows from cold to warm, each temperature once")
        return self

    def at(self, celsius: float) -> Warmth:
        """What the pack is at that temperature; HwSimError where its maker does not let it work."""
        rows = self.temperature.row
        if not rows[0].celsius <= celsius <= rows[-1].celsius:
            raise HwSimError(
                f"{self.name} works from {rows[0].celsius:g} to {rows[-1].celsius:g} °C, not at {celsius:g}"
            )
        i = min(bisect_right([row.celsius for row in rows], celsius), len(rows) - 1)
        a, b = rows[i - 1], rows[i]
        share = (celsius - a.celsius) / (b.celsius - a.celsius)
        return Warmth(
            celsius=celsius,
            capacity=a.capacity + share * (b.capacity - a.capacity),
            resistance=a.resistance + share * (b.resistance - a.resistance),
        )

    def rest_mv(self, drawn: float) -> float:
        """Voltage at rest with that share of the charge drawn, in mV."""
        curve = self.curve.rest_mv
        at = min(max(drawn, 0.0), 1.0) * (len(curve) - 1)
        i = min(int(at), len(curve) - 2)
        return curve[i] + (at - i) * (curve[i + 1] - curve[i])

    def under_load_mv(self, drawn: float, ua: float, celsius: float = 20.0) -> float:
        """Voltage at its ends while so many µA flow."""
        ohm = self.curve.resistance_mohm / 1000 * self.at(celsius).resistance
        return self.rest_mv(drawn) - ua / 1000 * ohm

    def lost_ua(self, celsius: float = 20.0) -> float:
        """Self-discharge as a current, in µA."""
        hours = MONTH_S / 3600
        lost_mah = self.capacity.mah * self.self_discharge.percent_month / 100
        return float(lost_mah / hours * 1000 * 2 ** ((celsius - 20.0) / DOUBLES_EACH_K))

    @property
    def nominal_mv(self) -> float:
        """Mean voltage at rest over the whole charge, in mV."""
        curve = self.curve.rest_mv
        return sum((a + b) / 2 for a, b in pairwise(curve)) / (len(curve) - 1)

    @property
    def least_mv(self) -> float:
        """Below this the board has no supply: the cell's cut-off, or the regulator's least, whichever is higher."""
        return max(self.capacity.cut_off_mv, self.regulator.least_mv)


def names() -> list[str]:
    """Batteries that come with the package."""
    folder = resources.files("hw_sim") / "energy" / "batteries"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load(battery: str | Path) -> Battery:
    """A battery by the name of one that comes with the package, or by the path of a TOML file; HwSimError says what is wrong."""
    try:
        return Battery.model_validate(tomllib.loads(_text(battery)))
    except OSError as error:
        raise HwSimError(f"no battery {battery}: there are {', '.join(names())}, or name a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as error:
        raise HwSimError(f"battery {battery}: {_said(error)}") from error


def _text(battery: str | Path) -> str:
    if isinstance(battery, str) and battery in names():
        return (resources.files("hw_sim") / "energy" / "batteries" / f"{battery}.toml").read_text(encoding="utf-8")
    path = Path(battery)
    if path.is_file() and path.stat().st_size > SIZE_LIMIT_BYTES:
        raise HwSimError(f"battery {battery}: larger than {SIZE_LIMIT_BYTES >> 10} KiB")
    return path.read_text(encoding="utf-8")


def _said(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc'])) or 'it'}: {first['msg']}"
