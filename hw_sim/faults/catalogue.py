"""The catalogue: every fault by its name, in the order of the parts."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from hw_sim.errors import FaultError
from hw_sim.faults import clocks, flash, links, modems, power, receiver, sensors
from hw_sim.faults.fault import PARTS, SHELF, Fault, near

__all__ = ["CATALOGUE", "find"]
ROOMS = (clocks, flash, links, modems, power, receiver, sensors)  # importing them fills the shelf

CATALOGUE: Mapping[str, Fault] = MappingProxyType(
    dict(sorted(SHELF.faults.items(), key=lambda entry: (PARTS.index(entry[1].part), entry[0])))
)


def find(name: str) -> Fault:
    """The fault of that name; FaultError that names near ones."""
    if name not in CATALOGUE:
        raise FaultError(f"no fault {name!r}{near(name, CATALOGUE)}; `byleave sim faults` lists all {len(CATALOGUE)}")
    return CATALOGUE[name]
