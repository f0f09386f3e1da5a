"""What is wrong with the network at present: the one description, and how it delays what comes down a connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal, get_args

from hw_sim.errors import HwSimError
from hw_sim.network.portal import Portal
from hw_sim.network.traffic import Direction

if TYPE_CHECKING:
    from hw_sim.network.net import Network

Dns = Literal["", "silent", "nxdomain", "stale"]
DAY_MS = 86_400_000
# Bounds of what may be assigned: a share is a probability, and nothing takes longer than a day.
SHARES = ("loss", "reorder", "duplicate")
TIMES_MS = ("latency_ms", "jitter_ms", "again_ms", "reorder_ms")
RATES = ("up_bytes_s", "down_bytes_s")
COUNTS = ("cut_after_bytes", "cut_down_after_bytes")
SEGMENT_BYTES = 1_440  # CONFIG_LWIP_TCP_MSS of ESP-IDF
AGAIN_MS = 1_500  # CONFIG_LWIP_TCP_RTO_TIME of ESP-IDF: after so long TCP first says a segment again; doubled each time
MOST_TIMES = 6  # lwIP's TCP_SYNMAXRTX; beyond it the share of loss is no longer a delay but half-open


class _Watched:
    """It says when there is a network or none any more."""

    __slots__ = ("changed",)
    changed: Callable[[], None]


@dataclass(slots=True)  # a misspelt fault is an error, not a test that is green for nothing
class Faults(_Watched):
    """What is wrong with the network at present; assign `Faults()` for nothing, or use `set` and `clear`.

    `down`: no access point, no route. `refuse`: connections are refused. `half_open`: bytes vanish both ways and no
    close is seen. `drop(direction, packet)`: True loses that MQTT packet. `latency_ms`: virtual time from the peer to
    the board; `jitter_ms`: up to so much more, even shares.

    `loss`, `reorder`, `duplicate`: shares of the segments. Under TCP they are delays, since it hands over each byte once and in
    order: a lost segment comes `again_ms` later, doubled if it is lost again, a late one `reorder_ms` later, and what is
    behind it waits; a second copy costs air time. Questions to DNS are truly lost, and asked again.

    `up_bytes_s`, `down_bytes_s`: what the link carries. `cut_after_bytes`, `cut_down_after_bytes`: the connection breaks
    after so many more bytes up or down. `dns`: "silent", "nxdomain", or "stale", an old address. `portal`: a captive one.
    HwSimError for values out of bounds.
    """

    down: bool = False
    refuse: bool = False
    half_open: bool = False
    latency_ms: int = 0
    drop: Callable[[Direction, bytes], bool] | None = None
    cut_after_bytes: int | None = None
    cut_down_after_bytes: int | None = None
    jitter_ms: int = 0
    loss: float = 0.0
    again_ms: int = AGAIN_MS
    reorder: float = 0.0
    reorder_ms: int = 50
    duplicate: float = 0.0
    up_bytes_s: int | None = None
    down_bytes_s: int | None = None
    dns: Dns = ""
    portal: Portal | None = None

    def __setattr__(self, name: str, value: object) -> None:
        """A value within its bounds; AttributeError for a name that is none."""
        good, wanted = _allowed(name, value)
        if not good:
            raise HwSimError(f"network fault {name} = {value!r}: {wanted}")
        object.__setattr__(self, name, value)
        if name == "down" and hasattr(self, "changed"):
            self.changed()

    def cut_after(self, n_bytes: int) -> None:
        """The connection breaks after this many more bytes up, in the middle of a packet if it falls so."""
        self.cut_after_bytes = n_bytes

    def set(self, **values: object) -> None:
        """These are wrong too, from now on; HwSimError for a name that is none."""
        names = [field.name for field in fields(self)]
        for name, value in values.items():
            if name not in names:
                raise HwSimError(f"no network fault {name}: there are {', '.join(names)}")
            setattr(self, name, value)

    def clear(self, *names: str) -> None:
        """These are as they should be; without names, all."""
        sound = Faults()
        self.set(**{name: getattr(sound, name, None) for name in names or [field.name for field in fields(self)]})


def _allowed(name: str, value: object) -> tuple[bool, str]:
    """Whether that fault takes the value, and what it takes."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    whole = isinstance(value, int) and not isinstance(value, bool)
    if name in SHARES:
        return number and 0 <= float(value) <= 1, "a share from 0 to 1"  # type: ignore[arg-type]
    if name in TIMES_MS:
        return whole and 0 <= int(value) <= DAY_MS, "whole ms from 0 to a day"  # type: ignore[call-overload]
    if name in RATES:
        return value is None or (whole and int(value) > 0), "whole bytes a second above 0, or None"  # type: ignore[call-overload]
    if name in COUNTS:
        return value is None or (whole and int(value) >= 0), "whole bytes from 0 up, or None"  # type: ignore[call-overload]
    if name == "dns":
        return value in get_args(Dns), "one of " + ", ".join(repr(each) for each in get_args(Dns))
    return True, ""


class Line:
    """How long what a peer says is under way to one connection, and how fast it takes what the board says.

    Draws are made for each packet of MQTT, else for each segment of what came in one settling: so they do not depend on
    how the host's TCP cut the stream.
    """

    def __init__(self, network: Network, number: int) -> None:
        self._network = network
        self._rng = network.world.random(f"network/{number}")
        self._settling, self._seen_bytes = -1, 0  # of a stream that is not MQTT
        self._extra_us = 0
        self._down_free_us = self._up_free_us = self._due_us = 0

    def due_us(self, n_bytes: int, *, whole: bool = True) -> int:
        """When so many bytes are at the board; `whole`: they are a segment of their own. Never before what was said earlier."""
        now_us = self._network.world.clock.now_us
        fault = self._network.fault
        starts_us = max(now_us, self._up_free_us)
        if fault.down_bytes_s and n_bytes:
            starts_us = max(starts_us, self._down_free_us) + n_bytes * 1_000_000 // fault.down_bytes_s
            self._down_free_us = starts_us
        latency_us = 1000 * (fault.latency_ms + self._network.delay_ms())
        self._due_us = max(self._due_us, starts_us + latency_us + self._extra(n_bytes, whole))
        return self._due_us

    def _extra(self, n_bytes: int, whole: bool) -> int:
        if whole or not n_bytes:
            return self._draw(n_bytes)
        if self._settling != self._network.settlings:
            self._settling, self._seen_bytes = self._network.settlings, 0
        first = -(-self._seen_bytes // SEGMENT_BYTES)
        self._seen_bytes += n_bytes
        for _ in range(first, -(-self._seen_bytes // SEGMENT_BYTES)):
            self._extra_us = self._draw(min(n_bytes, SEGMENT_BYTES))
        return self._extra_us

    def _draw(self, n_bytes: int) -> int:
        """What chance adds for one segment, in µs."""
        fault, rng = self._network.fault, self._rng
        extra_ms = rng.randint(0, fault.jitter_ms) if fault.jitter_ms else 0
        if fault.loss:
            for n in range(MOST_TIMES):
                if rng.random() >= fault.loss:
                    break
                extra_ms += fault.again_ms << n
                self._network.lost_segments += 1
        if fault.reorder and rng.random() < fault.reorder:
            extra_ms += fault.reorder_ms
        if fault.duplicate and rng.random() < fault.duplicate:
            self._network.duplicates += 1
            self._network.on_air("down", n_bytes)
        return extra_ms * 1000

    # --- up

    def took(self, n_bytes: int) -> None:
        """The board has handed over so many bytes."""
        rate = self._network.fault.up_bytes_s
        if not rate:
            return
        clock = self._network.world.clock
        self._up_free_us = max(clock.now_us, self._up_free_us) + n_bytes * 1_000_000 // rate
        clock.at(self._up_free_us, lambda: None)  # whoever waits to write looks then

    @property
    def queued_bytes(self) -> int:
        """What was handed over and is not acknowledged yet."""
        rate = self._network.fault.up_bytes_s
        left_us = self._up_free_us - self._network.world.clock.now_us
        return left_us * rate // 1_000_000 if rate and left_us > 0 else 0
