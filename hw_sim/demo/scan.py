"""Search what passed the broker for positions and names, in every form in which a program would write them.

A needle of seven bytes or more (text, doubles, names) is a find wherever it stands. A needle of four bytes turns up in
random bytes by chance: thousands of needles in tens of kilobytes of ciphertext meet one in some per cent of the runs.
So four-byte needles count where a latitude and a longitude in one encoding stand in the same packet, or where one axis in
one encoding stands in two packets or more: a real leak repeats with every fix, chance does so once in some thousand runs.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

TEXT_DECIMALS = (4, 5, 6, 7)  # 11 m … 1 cm: fewer decimals are what cell_100m may say anyway
PIECE_BYTES = 256  # about what an envelope and its topic take
SCALES = (100_000, 1_000_000, 10_000_000)  # 1e-5°, 1e-6°, 1e-7°: the scaled integers of trackers and receivers


@dataclass(frozen=True)
class Find:
    """One needle in one packet."""

    packet: int
    what: str


@dataclass
class Needles:
    """What to look for: `long` anywhere, `short` (four bytes) by the rule above; each maps bytes to what they say."""

    long: dict[bytes, str] = field(default_factory=dict)
    short: dict[bytes, set[tuple[str, str]]] = field(default_factory=dict)  # (axis, encoding), several for one value

    def add_word(self, word: str) -> None:
        """A name or serial number, in UTF-8, as hexadecimal text and in UTF-16."""
        for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
            self.long[word.encode(encoding)] = f"{word!r} as {encoding}"
        self.long[word.encode().hex().encode()] = f"{word!r} as hex text"

    def add_position(self, lat: float, lon: float) -> None:
        """A true position in degrees, as text, float, double and scaled integers in both byte orders."""
        for axis, value in (("lat", lat), ("lon", lon)):
            for decimals in TEXT_DECIMALS:
                text = f"{value:.{decimals}f}"
                self.long[text.encode()] = f"{axis} {text} as text"
            for order in "<>":
                self.long[struct.pack(order + "d", value)] = f"{axis} {value:.6f} as double {order}"
                self._add_short(struct.pack(order + "f", value), axis, f"float {order}")
                for scale in SCALES:
                    for scaled in {int(value * scale), round(value * scale)}:
                        self._add_short(
                            struct.pack(order + "i", scaled), axis, f"integer e{len(str(scale)) - 1} {order}"
                        )

    def _add_short(self, needle: bytes, axis: str, how: str) -> None:
        self.short.setdefault(needle, set()).add((axis, how))


def find(packets: Sequence[bytes], needles: Needles) -> list[Find]:
    """Every find in `packets`, by the rule of this module; empty if nothing leaks."""
    finds = [
        Find(index, what)
        for index, packet in enumerate(packets)
        for needle, what in needles.long.items()
        if needle in packet
    ]
    short = [_short_hits(packet, needles.short) for packet in packets]
    seen = Counter(kind for hits in short for kind in hits)
    for index, hits in enumerate(short):
        finds += [Find(index, f"{axis} as {how}") for axis, how in sorted(hits) if seen[axis, how] >= 2]
        finds += [
            Find(index, f"position as {how}") for axis, how in sorted(hits) if axis == "lat" and ("lon", how) in hits
        ]
    return finds


def find_in_stream(data: bytes, needles: Needles) -> list[Find]:
    """The same in a stream of bytes that has no packets: short needles are looked for in pieces of a packet's size."""
    pieces = [data[at : at + PIECE_BYTES] for at in range(0, len(data), PIECE_BYTES)]
    return find([data], Needles(long=needles.long)) + find(pieces, Needles(short=needles.short))


def _short_hits(packet: bytes, short: dict[bytes, set[tuple[str, str]]]) -> set[tuple[str, str]]:
    """(axis, encoding) of every short needle in a packet."""
    windows = (packet[at : at + 4] for at in range(len(packet) - 3))
    return {kind for window in windows if window in short for kind in short[window]}


def plants(lat: float, lon: float) -> dict[str, bytes]:
    """One packet for each encoding that the scan claims to see, with the position planted among other bytes."""
    pad = bytes(range(32, 64))
    made = {f"text {d}": f"{lat:.{d}f},{lon:.{d}f}".encode() for d in TEXT_DECIMALS}
    for order in "<>":
        made[f"double {order}"] = struct.pack(order + "dd", lat, lon)
        made[f"float {order}"] = struct.pack(order + "ff", lat, lon)
        for scale in SCALES:
            made[f"integer {scale} {order}"] = struct.pack(order + "ii", round(lat * scale), round(lon * scale))
    return {name: pad + body + pad for name, body in made.items()}
