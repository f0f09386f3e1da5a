"""Between a scenario, or a sweep, and what it tests: a product brings its firmware, its server and its promises.

A product is found by its name among the entry points of the group `hw_sim.products`. The value is an object with this protocol,
or a class of such objects that takes no arguments:

    [project.entry-points."hw_sim.products"]
    byleave = "hw_sim.demo.product:Byleave"

What a caller does:

    with product.open(folder, Plan(seed=1)) as running:      # everything stands ready, the board is off
        running.site.board.power_on()
        running.run(for_s=3600)
        saved = running.save()                               # as if the power were cut now
        findings = running.check()                           # empty: every invariant holds
    with product.resume(other_folder, saved) as running:     # the same moment again, the board is off
        running.site.board.arm_power_cut(17, torn=True)
        running.site.board.power_on()
        ...
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from hw_sim.errors import HwSimError
from hw_sim.faults.site import Site

if TYPE_CHECKING:
    from hw_sim.interpreter.engine import RunEnd
    from hw_sim.world.drive import Drive

GROUP = "hw_sim.products"
Figure = int | float | str | bool


@dataclass(frozen=True)
class Plan:
    """What a run begins with. The same plan gives the same run, to the byte; it can be pickled.

    `board`: the name of a board or its TOML file. `drive`: where the board goes, None for the product's own choice; the world
    begins with it. `options`: the scenario's table `[product]`, which the product alone understands and must refuse where it
    does not (HwSimError).
    """

    seed: int = 0
    board: str | Path = "esp32s3"
    drive: Drive | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """An invariant that does not hold, by the name it has in `Product.invariants`, and what was seen."""

    invariant: str
    detail: str


@dataclass(frozen=True)
class Saved:
    """All that outlives a power cut at one moment; it can be pickled, and resumed any number of times.

    `clock_us`: virtual time since the world of `plan` began. `flash`: the whole chip. `files`: what the server has on disk, by
    path relative to its folder. `state`: what else the product needs to go on, the witnesses of its checks among it.
    """

    plan: Plan
    clock_us: int
    flash: bytes
    files: Mapping[str, bytes] = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict)


class Running(Protocol):
    """A product at work. All of it is taken down when its context is left."""

    on_event: Callable[[str], None]  # the caller sets it; hears the names of `Product.events` as they happen

    @property
    def site(self) -> Site:
        """Board, network, world and broker, for faults. `site.board` may be another one after a call."""
        ...

    def run(self, *, for_s: float, until: Callable[[], bool] | None = None) -> RunEnd:
        """Virtual time passes: for so many seconds, or until the condition holds, or the board's power or program ends.

        While the board is off, time passes all the same, for the server too, and the end is TIME.
        """
        ...

    def figures(self) -> dict[str, Figure]:
        """What the product counts, by names that begin with its own: `byleave.sealed_lost`. A scenario's bounds may name them."""
        ...

    def save(self) -> Saved:
        """What would be left if the power were cut now; the run itself can go on."""
        ...

    def check(self) -> list[Finding]:
        """The invariants that do not hold. It may let time pass first, so that what waits is delivered; empty: all hold."""
        ...


class Product(Protocol):
    """What is tested: byleave, or anybody's. It holds no state of a run."""

    @property
    def name(self) -> str:
        """As a scenario's `firmware` names it."""
        ...

    @property
    def events(self) -> Mapping[str, str]:
        """What `on_event` may tell, beside the events that any board has: name and one sentence each."""
        ...

    @property
    def invariants(self) -> Mapping[str, str]:
        """What `check` looks at: name and one sentence each."""
        ...

    def open(self, folder: Path, plan: Plan) -> AbstractContextManager[Running]:
        """Everything stands ready for the first power-on, with files in `folder`: enrolled, asked, allowed. The board is off."""
        ...

    def resume(self, folder: Path, saved: Saved) -> AbstractContextManager[Running]:
        """The same as at that moment, in another folder, with the board off. HwSimError for a `Saved` of another product."""
        ...


def names() -> list[str]:
    """Products that are installed."""
    return sorted(point.name for point in entry_points(group=GROUP))


def find(name: str) -> Product:
    """The installed product of that name; HwSimError that names those there are."""
    for point in entry_points(group=GROUP):
        if point.name == name:
            try:
                found = point.load()
            except ImportError as error:
                raise HwSimError(f"product {name} cannot be loaded: {error}") from error
            return cast(Product, found() if isinstance(found, type) else found)
    raise HwSimError(
        f"no product {name}: there are {', '.join(names()) or 'none'}; for a firmware of your own name its folder"
    )
