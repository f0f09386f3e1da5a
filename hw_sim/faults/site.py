"""Where something goes wrong: the parts of one simulated installation that a fault can reach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from hw_sim.board import Board
    from hw_sim.network.net import Network
    from hw_sim.world.clock import World


class BrokerSwitch(Protocol):
    """Stops and starts the broker of an installation, with all that hangs on it."""

    def stop_broker(self) -> None:
        """The broker dies with all that it had in memory; returns when its clients have seen it."""
        ...

    def start_broker(self) -> None:
        """One that knows nothing, on the same port; returns when its clients are there again."""
        ...


class _Switch:
    """A setting of a part that faults have turned: as it was before, and what those still under way want of it."""

    def __init__(self, before: Any, put: Callable[[Any], None]) -> None:
        self.before, self.put = before, put
        self.wanted: list[list[Any]] = []  # each in a list of its own, so that equal values stay apart


@dataclass
class Site:
    """One board in its network and world; `broker` where there is one that can be stopped.

    `server_offset_s(seconds)` makes the server's clock wrong by so much, where there is a server.
    """

    board: Board
    network: Network
    world: World
    broker: BrokerSwitch | None = None
    server_offset_s: Callable[[float], None] | None = None
    _switches: dict[tuple[int, str], _Switch] = field(default_factory=dict, repr=False, compare=False)

    def turn(self, part: object, name: str, value: Any) -> Callable[[], None]:
        """Sets `part.name`, dots allowed; the function returned sets it back, or to what a later fault wants."""
        *path, last = name.split(".")

        def owner() -> Any:  # found anew each time: a test may have put other faults in place of these
            found = part
            for step in path:
                found = getattr(found, step)
            return found

        return self._turn(
            (id(part), name), getattr(owner(), last), lambda wanted: setattr(owner(), last, wanted), value
        )

    def turn_cell(self, modem: Any, **changes: Any) -> Callable[[], None]:
        """The same for the network around a modem, whose conditions are replaced as a whole."""

        def put(name: str) -> Callable[[Any], None]:
            return lambda wanted: setattr(modem, "cell", replace(modem.cell, **{name: wanted}))

        undone = [
            self._turn((id(modem), f"cell.{name}"), getattr(modem.cell, name), put(name), value)
            for name, value in changes.items()
        ]

        def undo() -> None:
            for each in reversed(undone):
                each()

        return undo

    def _turn(self, key: tuple[int, str], before: Any, put: Callable[[Any], None], value: Any) -> Callable[[], None]:
        switch = self._switches.setdefault(key, _Switch(before, put))
        mine = [value]
        switch.wanted.append(mine)
        put(value)

        def undo() -> None:
            where = next((n for n, other in enumerate(switch.wanted) if other is mine), None)
            if where is not None:
                del switch.wanted[where]
            switch.put(switch.wanted[-1][0] if switch.wanted else switch.before)
            if not switch.wanted:
                self._switches.pop(key, None)

        return undo


_OF_BOARDS: WeakKeyDictionary[Board, Site] = WeakKeyDictionary()


def site_of(where: Site | Board) -> Site:
    """The site itself, or the one of a board alone: the same one each time, since it knows what was turned."""
    if isinstance(where, Site):
        return where
    if where not in _OF_BOARDS:
        _OF_BOARDS[where] = Site(where, where.network, where.world)
    return _OF_BOARDS[where]
