"""A scenario: from a TOML file or from Python, and run as often as wanted.

run = Scenario.load("tunnel.toml").run()
assert run.ok, run.broken
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Self

from hw_sim.errors import HwSimError, ScenarioError
from hw_sim.faults.fault import near
from hw_sim.picture import attach
from hw_sim.picture.recording import Recording, told
from hw_sim.scenario.figures import check_names
from hw_sim.scenario.folder import FolderProduct
from hw_sim.scenario.model import ScenarioFile, WorldTable, checked
from hw_sim.scenario.product import Plan, Product, Running, find
from hw_sim.scenario.run import Run, Runner, judged
from hw_sim.silicon import tomlfile
from hw_sim.world.drive import Drive
from hw_sim.world.surroundings import Surroundings

SHIPPED = "shipped"


@dataclass(frozen=True)
class Scenario:
    """What is tested, where, with what going wrong, and what must come out. `folder`: where its relative paths begin."""

    tables: ScenarioFile
    folder: Path

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """From a TOML file, or by the name of one that comes with the package; ScenarioError says what is wrong with it."""
        if isinstance(path, str) and path in shipped():
            with resources.as_file(resources.files("hw_sim.scenario") / SHIPPED / f"{path}.toml") as file:
                return cls.load(file)
        path = Path(path)
        try:
            tables = tomlfile.tables(path)
        except FileNotFoundError:
            raise ScenarioError(
                f"no scenario {path}{near(str(path), shipped())}: name a TOML file, or one of {', '.join(shipped())}"
            ) from None
        except HwSimError as error:
            raise ScenarioError(f"{path.name}: {error}") from error
        return cls.of(tables, folder=path.parent, name=path.name)

    @classmethod
    def of(cls, tables: Mapping[str, Any], *, folder: Path | str = ".", name: str = "scenario") -> Self:
        """From the same words as tables of Python; relative paths begin in `folder`."""
        file = checked(name, tables)
        check_names(name, file.expect)
        scenario = cls(file, Path(folder))
        if not file.of_a_product:
            file.check_events(())
        return scenario

    @property
    def name(self) -> str:
        """As its file names it."""
        return self.tables.name

    def run(
        self,
        folder: Path | str | None = None,
        *,
        seed: int | None = None,
        keep: Callable[[Recording], None] | None = None,
    ) -> Run:
        """One run, with what it writes in `folder`, or in one that is gone afterwards; another seed than the file's by `seed`.

        `keep` is handed the recording of the run, to save or to draw. HwSimError where it cannot be run at all; what came out
        otherwise is in the Run.
        """
        with contextlib.ExitStack() as stack:
            place = Path(folder or stack.enter_context(tempfile.TemporaryDirectory(prefix="scenario-")))
            runner, plan = stack.enter_context(self.opened(place, seed=seed))
            runner.recorder = attach(runner.site, title=self.name) if keep else None
            ended = runner.go()
            recording = runner.recorder.recording() if runner.recorder else None
            done = judged(runner, ended, self.name, plan.seed, self.tables.expect)
            if keep and recording:
                keep(recording.model_copy(update={"figures": told(done.figures)}))
            return done

    @contextlib.contextmanager
    def opened(self, folder: Path, *, seed: int | None = None) -> Iterator[tuple[Runner, Plan]]:
        """Everything is there and the board is off: for those who want to hang something on it before `go()`."""
        tables = self.tables
        product = self._product()
        tables.check_events(product.events)
        plan = self._plan(seed)
        folder.mkdir(parents=True, exist_ok=True)
        with product.open(folder, plan) as running:
            self._surround(running, plan.drive)
            with self._covered(running, plan.drive):
                yield Runner(running, tables.fault, tables.run), plan

    def _product(self) -> Product:
        tables = self.tables
        if tables.of_a_product:
            return find(tables.firmware)
        firmware = (self.folder / tables.firmware).resolve()
        return FolderProduct(firmware, wifi=tables.network.wifi, hosts=tables.network.hosts)

    def _plan(self, seed: int | None) -> Plan:
        tables = self.tables
        board: str | Path = tables.board
        if tables.board.endswith(".toml"):
            board = self.folder / tables.board
        return Plan(tables.seed if seed is None else seed, board, self._drive(tables.world), tables.product)

    def _drive(self, world: WorldTable) -> Drive | None:
        """Where the board is; None for nowhere in particular, which is a product's own choice."""
        drive: Drive | None = None
        if world.drive == "demo":
            drive = Drive.demo()
        elif world.drive:
            drive = Drive.from_file(self.folder / world.drive)
        elif world.at is not None:
            drive = Drive.parked(*world.at)
        if world.start is None:
            return drive
        if drive is None:
            raise ScenarioError(f"{self.name}: world.start needs world.drive or world.at")
        return drive.shifted(world.start.timestamp())

    def _surround(self, running: Running, drive: Drive | None) -> None:
        world, site = self.tables.world, running.site
        if not world.surroundings:
            return
        drive = drive or (site.board.gnss.drive if site.board.has_gnss else None)
        if drive is None:
            raise ScenarioError(f"{self.name}: world.surroundings needs world.drive or world.at")
        _surroundings(world, drive, site.world.seed).around(site.board.sensors)

    @contextlib.contextmanager
    def _covered(self, running: Running, drive: Drive | None) -> Iterator[None]:
        """Access points and cells by place, where the scenario has a map."""
        if not self.tables.network.coverage:
            yield
            return
        from hw_sim.network.coverage import Coverage

        site = running.site
        where = drive or (site.board.gnss.drive if site.board.has_gnss else None)
        if where is None:
            raise ScenarioError(f"{self.name}: network.coverage needs world.drive or world.at")
        following = Coverage.load(self.folder / self.tables.network.coverage).follow(site.board, where)
        try:
            yield
        finally:
            following.end()


def _surroundings(world: WorldTable, drive: Drive, seed: int) -> Surroundings:
    if world.surroundings == "constant":
        least = Surroundings.constant()
        celsius = least.temperature_c(0) if world.temperature_c is None else world.temperature_c
        lux = least.illuminance_lx(0) if world.illuminance_lx is None else world.illuminance_lx
        return Surroundings.constant(celsius, lux)
    if world.surroundings == "recorded":
        return Surroundings.recorded(drive)
    from hw_sim.world.enclosure import PARCEL, VAN

    kinds = {"weather": None, "parcel": PARCEL, "van": VAN}
    return Surroundings.modelled(drive, seed, within=kinds[world.surroundings])


def shipped() -> list[str]:
    """Names of the scenarios that come with the package."""
    folder = resources.files("hw_sim.scenario") / SHIPPED
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def about(name: str) -> str:
    """What a shipped scenario is about."""
    return Scenario.load(name).tables.about


__all__ = ["HwSimError", "Run", "Scenario", "about", "shipped"]
