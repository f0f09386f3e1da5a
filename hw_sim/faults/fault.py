"""What a fault is: a name, what it does, where that is known from, its parameters; and one that is under way.

    ongoing = CATALOGUE["gnss-silent"].begin(site)
    ...
    ongoing.end()

A fault only turns a switch of a simulated part; what the part then does is the part's own matter. Where several faults turn one
switch, the one begun last holds, and with the last of them gone it stands as before.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from hw_sim.errors import FaultError, HwSimError
from hw_sim.faults.site import Site, site_of

if TYPE_CHECKING:
    from hw_sim.board import Board

LARGEST_BITS = 1024  # an integer beyond has no float
Value = bool | int | float | str
Undo = Callable[[], None]
PARTS = ("power", "flash", "bus", "sensor", "gnss", "uart", "network", "modem", "clock", "heap", "pins")


@dataclass(frozen=True)
class Parameter:
    """One setting of a fault: what it means, what it is unless told otherwise, and within which bounds it makes sense.

    Its type is that of `default`; `least` and `most` are in `unit`; `choices` are all that a text may be, if there are any.
    """

    about: str
    default: Value
    unit: str = ""
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """Name of its type, as a TOML file has it."""
        return {bool: "boolean", int: "integer", float: "number", str: "text"}[type(self.default)]

    @property
    def bounds(self) -> str:
        """What it may be, in words; empty where anything goes."""
        if self.choices:
            return ", ".join(self.choices)
        if self.least is None and self.most is None:
            return ""
        if self.most is None:
            return f"at least {self.least:.15g}"
        return f"{self.least or 0:.15g} to {self.most:.15g}"

    def checked(self, name: str, value: object) -> Value:
        """The value as it is used; FaultError that says what it must be."""
        wanted = type(self.default)
        if wanted is float and type(value) is int:
            value = float(value) if value.bit_length() < LARGEST_BITS else math.inf
        if type(value) is not wanted or (isinstance(value, float) and not math.isfinite(value)):
            raise FaultError(f"{name} = {value!r}: must be {self.kind}{f' in {self.unit}' if self.unit else ''}")
        self._check_bounds(name, value)
        return value

    def _check_bounds(self, name: str, value: object) -> None:
        unit = f" {self.unit}" if self.unit else ""
        if isinstance(value, str) and self.choices and value not in self.choices:
            raise FaultError(f"{name} = {value!r}: must be one of {', '.join(self.choices)}{near(value, self.choices)}")
        if isinstance(value, bool | str) or not isinstance(value, int | float):
            return
        if self.least is not None and value < self.least:
            raise FaultError(f"{name} = {value}: must be {self.least:.15g}{unit} or more")
        if self.most is not None and value > self.most:
            raise FaultError(f"{name} = {value}: must be {self.most:.15g}{unit} or less")


@dataclass(frozen=True)
class Effect:
    """What is to be done at the end, and whether the fault has taken hold yet: one that is armed waits for its moment.

    `look_s`: it brings the board's power back by itself; who lets time pass while the board is off looks so often. `no_power`:
    until its end nobody is to switch the board on.
    """

    undo: Undo
    holds: Callable[[], bool] = lambda: True
    look_s: float = math.inf
    no_power: bool = False


@dataclass(frozen=True)
class Fault:
    """One thing that can go wrong. `source`: data sheet, standard or report that says that it does; `example` of parameters.

    `lasts` is False for what is over as soon as it has happened, so that its end undoes nothing.
    """

    name: str
    part: str
    summary: str
    source: str
    does: Callable[..., Effect] = field(repr=False, compare=False)
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    lasts: bool = True
    example: Mapping[str, Value] = field(default_factory=dict)

    def checked(self, given: Mapping[str, object]) -> dict[str, Value]:
        """All parameters, those not given by their defaults; FaultError for one that does not exist or is out of bounds."""
        for name in given:
            if name not in self.parameters:
                there = ", ".join(self.parameters) or "none"
                raise FaultError(
                    f"{self.name} has no parameter {name!r}{near(name, self.parameters)}; its parameters: {there}"
                )
        try:
            return {name: p.checked(name, given.get(name, p.default)) for name, p in self.parameters.items()}
        except FaultError as error:
            raise FaultError(f"{self.name}: {error}") from None

    @staticmethod
    def named(name: str) -> Fault:
        """The one of the catalogue; FaultError that names near ones."""
        from hw_sim.faults.catalogue import find

        return find(name)

    def begin(self, where: Site | Board, **parameters: Value) -> Ongoing:
        """It begins, now, at a site or on a board with its network and world.

        FaultError for bad parameters, or where the site has not the part that would fail.
        """
        values, site = self.checked(parameters), site_of(where)
        try:
            return Ongoing(self, values, site.world.clock.now_us, self.does(site, **values))
        except HwSimError as error:  # a board without that part says so itself
            raise FaultError(f"{self.name}: {error}") from None


class Ongoing:
    """A fault that has begun; as a context manager it ends with the block. `end` may be called again."""

    def __init__(self, fault: Fault, parameters: Mapping[str, Value], begun_us: int, effect: Effect) -> None:
        self.fault, self.parameters, self.begun_us = fault, dict(parameters), begun_us
        self._effect = effect
        self.over = self._held = False

    @property
    def look_s(self) -> float:
        """How often to look whether a board without power has it again."""
        return self._effect.look_s

    @property
    def no_power(self) -> bool:
        """The board is to stay off until it ends."""
        return self._effect.no_power and not self.over

    @property
    def holds(self) -> bool:
        """It has happened: False while an armed one, a power cut at an operation say, waits for its moment, or never met it."""
        self._held = self._held or (not self.over and self._effect.holds())
        return self._held

    def end(self) -> None:
        """All is well again, as far as its switch goes; a board that it left without power gets it back."""
        if not self.over:
            self._held = self.holds
            self.over = True
            self._effect.undo()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.end()

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in self.parameters.items())
        return f"<{self.fault.name}({values}){', over' if self.over else ''}>"


def near(name: str, there: Iterable[str]) -> str:
    """ "; near it: a, b" of the names that resemble it, or nothing."""
    similar = difflib.get_close_matches(name, list(there), n=3, cutoff=0.5)
    return f"; near it: {', '.join(similar)}" if similar else ""


class Shelf:
    """Where the modules of this folder put their faults, each by `@shelf.fault(...)` above the function that begins it."""

    def __init__(self) -> None:
        self.faults: dict[str, Fault] = {}

    def fault(
        self,
        name: str,
        part: str,
        summary: str,
        source: str,
        *,
        lasts: bool = True,
        example: Mapping[str, Value] | None = None,
        **parameters: Parameter,
    ) -> Callable[[Callable[..., Effect]], Callable[..., Effect]]:
        """The function below gets the site and the checked parameters."""
        if name in self.faults or part not in PARTS:
            raise FaultError(f"{name}: there already, or its part {part} is none of {', '.join(PARTS)}")

        def keep(does: Callable[..., Effect]) -> Callable[..., Effect]:
            self.faults[name] = Fault(name, part, summary, source, does, parameters, lasts, dict(example or {}))
            return does

        return keep


SHELF = Shelf()
fault = SHELF.fault


def nothing() -> None:
    """The undoing of what cannot be undone."""


def happened() -> Effect:
    """Of a fault that was over as soon as it began."""
    return Effect(nothing)
