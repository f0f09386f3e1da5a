"""The mobile network around a board: what it covers, whom it takes, what it grants."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)  # a misspelt condition is an error, not a test that is green for nothing
class Cell:
    """What the network is like at present; assign another to `modem.cell`.

    `covered`: a cell is in reach. `takes`: "home", "roaming", or "nobody", which denies registration. `psm`: it grants power
    saving; `edrx`: it grants that an idle modem listens once in a cycle only. `latency_ms`: from the peer to the board (an
    estimate). `loss`: share of what comes down that has to be said again, `again_ms` later, as TCP does it; order stays.
    """

    covered: bool = True
    takes: str = "home"
    psm: bool = True
    edrx: bool = True
    latency_ms: int = 100
    loss: float = 0.0
    again_ms: int = 1_500
