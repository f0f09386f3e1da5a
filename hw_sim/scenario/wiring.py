"""What the marker `@pytest.mark.board` of the pytest plugin says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from hw_sim.errors import HwSimError
from hw_sim.faults.fault import near
from hw_sim.scenario.folder import BROKER, endpoint, install
from hw_sim.world.drive import Drive

if TYPE_CHECKING:
    from hw_sim.board import Board
    from hw_sim.network.broker import Broker
    from hw_sim.network.net import Endpoint


@dataclass(frozen=True)
class Wiring:
    """A board's description, its firmware, and what is around it."""

    description: str | Path = "esp32s3"
    firmware: Path | None = None
    wifi: Mapping[str, str] | None = None
    hosts: Mapping[str, str] = field(default_factory=dict)
    drive: Drive | None = None

    @classmethod
    def of(cls, args: Sequence[Any], named: Mapping[str, Any], root: Path) -> Self:
        """From the marker's arguments, with paths from `root`; HwSimError for one that does not exist."""
        there = [each.name for each in fields(cls)]
        for name in named:
            if name not in there:
                raise HwSimError(f"no argument {name!r}{near(name, there)}; there are {', '.join(there)}")
        if len(args) > 1 or (args and "description" in named):
            raise HwSimError("give the description alone without a name, and everything else by its name")
        given = {**dict(zip(there, args, strict=False)), **named}
        return cls(
            description=_description(given.get("description", "esp32s3"), root),
            firmware=root / given["firmware"] if given.get("firmware") else None,
            wifi=given.get("wifi"),
            hosts=dict(given.get("hosts") or {}),
            drive=_drive(given.get("drive"), root),
        )

    @property
    def needs_broker(self) -> bool:
        """A host leads to it."""
        return BROKER in self.hosts.values()

    def endpoints(self, broker: Broker | None) -> dict[str, Endpoint | list[Endpoint | None]]:
        """Where names lead."""
        return {name: endpoint(where, broker) for name, where in self.hosts.items()}

    def equip(self, board: Board) -> None:
        """Firmware and drive."""
        if self.drive is not None:
            board.gnss.drive = self.drive
        if self.firmware is not None:
            install(board, self.firmware)


def _description(given: str | Path, root: Path) -> str | Path:
    return root / given if str(given).endswith(".toml") else given


def _drive(given: str | Path | Drive | None, root: Path) -> Drive | None:
    if given is None or isinstance(given, Drive):
        return given
    return Drive.demo() if given == "demo" else Drive.from_file(root / given)
