"""What opens what: all values of the ladders that lead to a sealed envelope, and an attacker who knows none of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cloud_sync.errors import SealBroken
from cloud_sync.model import Envelope
from cloud_sync.wire import ladder
from cloud_sync.wire.envelope import open_uplink, parse_uplink
from hw_sim.demo.exhibits import Exhibits

KEY_BYTES = 32
LEAST_DISTINCT = 16  # different bytes: a random key has fewer once in a billion; text, zeros and ones are no keys


def ancestors(exhibits: Exhibits) -> dict[bytes, str]:
    """Every value from which the key of an envelope that was sealed can be derived, with its name."""
    found = {exhibits.root: "root"}
    last: dict[tuple[int, int], dict[int, int]] = {}  # generation and stream → epoch → highest counter
    for envelope in exhibits.sealed_then:
        header = parse_uplink(envelope).header
        days = last.setdefault((header.generation, int(header.stream)), {})
        days[header.epoch] = max(days.get(header.epoch, 0), header.counter)
    for (generation, stream), days in last.items():
        found |= _of_stream(exhibits, generation, stream, days)
    return found


def _of_stream(exhibits: Exhibits, generation: int, stream: int, days: dict[int, int]) -> dict[bytes, str]:
    found = {}
    first, spine = exhibits.spine(generation, stream)
    for epoch in range(first, max(days) + 1):
        day = f"of generation {generation}, stream {stream}, day {epoch}"
        found[spine] = f"spine {day}"
        found[ladder.day_key(spine, stream)] = f"day key {day}"
        chain = ladder.day_chain(spine, stream)
        for counter in range(days.get(epoch, -1) + 1):
            found[chain] = f"chain {day}, number {counter}"
            found[ladder.seal_key(chain, stream)] = f"key {day}, number {counter}"
            chain = ladder.step(chain, stream)
        spine = ladder.next_spine(spine, stream)
    return found


def live(exhibits: Exhibits, ahead: int) -> dict[bytes, str]:
    """Values of numbers not yet used: the day's next `ahead` chains and the next day's spine. A device must hold such."""
    past, found = ancestors(exhibits), {}
    headers = [parse_uplink(envelope).header for envelope in exhibits.sealed_then]
    newest = max(header.generation for header in headers)
    headers = [header for header in headers if header.generation == newest]
    for stream in {int(header.stream) for header in headers}:
        days = [header for header in headers if header.stream == stream]
        today = max(header.epoch for header in days)
        first, spine = exhibits.spine(newest, stream)
        for _ in range(first, today):
            spine = ladder.next_spine(spine, stream)
        found[ladder.next_spine(spine, stream)] = "next spine"
        chain = ladder.day_chain(spine, stream)
        for _ in range(max(header.counter for header in days if header.epoch == today) + ahead):
            chain = ladder.step(chain, stream)
            found[chain] = "chain of a number to come"
    return {value: name for value, name in found.items() if value not in past}


def windows(memory: bytes) -> Iterator[bytes]:
    """Every 32 bytes in a row, at every offset."""
    return (memory[at : at + KEY_BYTES] for at in range(len(memory) - KEY_BYTES + 1))


@dataclass
class Attacker:
    """Knows what anybody at the broker can: device name, envelopes, their headers. Tries any 32 bytes as any kind of key."""

    device: str
    envelopes: list[bytes]
    tried: int = 0  # openings

    def __post_init__(self) -> None:
        self._parsed = [parse_uplink(envelope) for envelope in self.envelopes]
        # The last envelope of each stream, generation and day: what leads to an earlier one of the day leads to it as well.
        self._days: dict[int, dict[tuple[int, int], Envelope]] = {}
        for each in self._parsed:
            days, day = self._days.setdefault(int(each.header.stream), {}), (each.header.generation, each.header.epoch)
            known = days.get(day)
            if known is None or known.header.counter < each.header.counter:
                days[day] = each

    def opens(self, window: bytes) -> bool:
        """Whether the window opens anything, as key, chain, day key, spine or root of any stream, stepped forward."""
        return any(self._unseals(window, each) for each in self._parsed) or any(
            self._leads(window, stream) for stream in self._days
        )

    def _leads(self, window: bytes, stream: int) -> bool:
        chains = [window, ladder.derive(window, stream, "chain")]  # as chain, as day key
        for value in (window, ladder.spine(window, stream)):  # as spine, as root
            spine = value
            for _ in range(len(self._days[stream]) + 1):
                chains.append(ladder.day_chain(spine, stream))
                spine = ladder.next_spine(spine, stream)
        return any(self._walks(chain, stream) for chain in chains)

    def _walks(self, chain: bytes, stream: int) -> bool:
        """Forward from a chain value as far as any number of the stream goes, trying each day's last envelope."""
        lasts = self._days[stream].values()
        for _ in range(max(each.header.counter for each in lasts) + 1):
            key = ladder.seal_key(chain, stream)
            if any(self._unseals(key, each) for each in lasts):
                return True
            chain = ladder.step(chain, stream)
        return False

    def _unseals(self, key: bytes, envelope: Envelope) -> bool:
        self.tried += 1
        try:
            open_uplink(self.device, envelope, key)
        except SealBroken:
            return False
        return True


def plausible(candidates: Iterable[bytes]) -> list[bytes]:
    """Those that may be a key: random bytes, not text, zeros or ones; each once."""
    return list(dict.fromkeys(window for window in candidates if len(set(window)) >= LEAST_DISTINCT))
