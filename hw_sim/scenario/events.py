"""What happens on any board, counted: faults and the end of a run may wait for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType

from hw_sim.faults.site import Site

_Reader = Callable[[Site], int]
_ALL: dict[str, tuple[str, _Reader]] = {
    "boot": ("the program starts, after power-on or any reset", lambda site: site.board.counters["boots"]),
    "deep-sleep": ("the board goes to deep sleep", lambda site: site.board.counters["deep sleeps"]),
    "fix": ("the receiver tells a position", lambda site: len(site.board.gnss.emitted) if site.board.has_gnss else 0),
    "connect": ("an MQTT CONNECT leaves", lambda site: site.network.up.packets["CONNECT"]),
    "subscribe": ("an MQTT SUBSCRIBE leaves", lambda site: site.network.up.packets["SUBSCRIBE"]),
    "publish": ("an MQTT PUBLISH leaves", lambda site: site.network.up.packets["PUBLISH"]),
    "publish-acknowledged": ("an MQTT PUBACK comes", lambda site: site.network.down.packets["PUBACK"]),
    "message": ("an MQTT PUBLISH comes", lambda site: site.network.down.packets["PUBLISH"]),
    "lookup": ("a name is to be resolved", lambda site: len(site.network.asked)),
    "flash-program": ("a page of flash has been programmed", lambda site: site.board.flash.programs),
    "flash-erase": ("a sector of flash has been erased", lambda site: site.board.flash.erases),
}
EVENTS: Mapping[str, str] = MappingProxyType({name: about for name, (about, _) in _ALL.items()})


class Events:
    """Counts events from now on: those of any board by looking, those of a product by being told."""

    def __init__(self, site: Callable[[], Site]) -> None:
        self._site = site
        self.told: Counter[str] = Counter()
        self._before = {name: read(site()) for name, (_, read) in _ALL.items()}

    def tell(self, name: str) -> None:
        """The product says that it has happened."""
        self.told[name] += 1

    def count(self, name: str) -> int:
        """How often it has happened."""
        if name in _ALL:
            return _ALL[name][1](self._site()) - self._before[name]
        return self.told[name]
