"""What can be wrong with an M10, and what a damaged line makes of its words."""

import datetime as dt
from dataclasses import dataclass


@dataclass(slots=True)  # a misspelt fault is an error, not a test that is green for nothing
class GnssFaults:
    """What is wrong with the receiver at present; assign `GnssFaults()` for nothing.

    `silent`: no byte. `garbage`: that many random bytes before each epoch. `bad_checksum`: each checksum damaged.
    `jump_m`: so far north of the truth. `date`: time since power-on counts from this UTC. `no_sky`: no satellite.
    `refuse`: every VALSET is refused. `pdop`: satellites in one part of the sky only, so that their dilution is this.
    """

    silent: bool = False
    garbage: int = 0
    bad_checksum: bool = False
    jump_m: float = 0.0
    date: dt.datetime | None = None
    no_sky: bool = False
    refuse: bool = False
    pdop: float | None = None


def damaged(data: bytes) -> bytes:
    """The same frames, each with one bit of its checksum turned."""
    if data.startswith(b"\xb5\x62"):
        return data[:-1] + bytes((data[-1] ^ 0x01,))
    lines = data.split(b"\r\n")
    turned = [line[:-1] + (b"1" if line[-1:] != b"1" else b"2") if b"*" in line[-4:] else line for line in lines]
    return b"\r\n".join(turned)
