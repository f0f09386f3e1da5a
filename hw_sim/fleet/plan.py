"""What a fleet is asked to do."""

from dataclasses import dataclass

from hw_sim.errors import HwSimError

MOST_DEVICES = 100_000  # some 2 KB each
MOST_RATE = 50_000  # a second; a broker on loopback takes more, this process does not
MOST_COUNTER = 4096  # envelopes of a stream and day (docs/wire-format.md, section 4)
MOST_CONNECTIONS = 10_000  # file descriptors
LEAST_WINDOW = 1000


@dataclass(frozen=True)
class Plan:
    """`devices` seal `rate` envelopes a second together, for `for_s` seconds of real time.

    They share `connections` (each its own, as real ones do, with as many connections as devices). At most `window` envelopes
    wait for their verdict; beyond that nothing is sealed until some come (0: those of five seconds). An envelope without a
    verdict goes again after `resend_s`; at the end the fleet waits `drain_s` for the last ones.
    """

    devices: int = 1000
    rate: float = 500.0
    for_s: float = 10.0
    connections: int = 20
    window: int = 0
    resend_s: float = 10.0
    drain_s: float = 60.0
    seed: int = 0

    def __post_init__(self) -> None:
        """HwSimError says which number cannot be, and what to do."""
        for name, least, most in (
            ("devices", 1, MOST_DEVICES),
            ("rate", 0.001, MOST_RATE),
            ("for_s", 0.1, 86_400),
            ("connections", 1, MOST_CONNECTIONS),
        ):
            value = getattr(self, name)
            if not least <= value <= most:
                raise HwSimError(f"{name} {value}: give {least:g} to {most:g}")
        if self.rate * self.for_s > self.devices * MOST_COUNTER:
            raise HwSimError(
                f"{self.rate * self.for_s:.0f} envelopes of {self.devices} devices: a device seals at most {MOST_COUNTER} a day; "
                "ask for more devices, or for a lower rate"
            )
        if self.window < 0 or self.resend_s <= 0 or self.drain_s <= 0:
            raise HwSimError("window, resend_s and drain_s are positive numbers")

    @property
    def in_flight(self) -> int:
        """How many envelopes may wait for their verdict."""
        return self.window or max(LEAST_WINDOW, round(5 * self.rate))
