"""Faults of the supply: cuts, sags, a battery that is nearly empty."""

from __future__ import annotations

from collections.abc import Callable

from hw_sim.errors import FaultError
from hw_sim.faults.fault import Effect, Parameter, fault
from hw_sim.faults.site import Site
from hw_sim.network.traffic import Direction
from hw_sim.silicon.flash import PowerLost

MOST_OPERATIONS = (
    10_000_000  # more than a chip of 4 MiB lives to see: 1024 sectors, 100 000 cycles each are 10^8 of all
)
COUNT = Parameter("which operation from now on, 1 the next", 1, least=1, most=MOST_OPERATIONS)


def _back(site: Site) -> Callable[[], None]:
    """Power comes back, if it went."""
    board = site.board

    def undo() -> None:
        board.flash.disarm()
        if board.powered and board.reset_pending:
            board.do_pending_reset()  # a supply that gave out a moment ago
        if not board.powered:
            board.power_on()

    return undo


def _went(site: Site) -> Callable[[], bool]:
    """Whether the power has gone since, whatever has brought it back."""
    board = site.board
    before = board.counters["boots after power_on"]
    return lambda: not board.powered or board.counters["boots after power_on"] > before


@fault(
    "power-cut",
    "power",
    "The supply goes at once, and comes back when the fault ends.",
    "IEC 61000-4-29 (interruptions of a DC supply); a plug that is pulled",
    example={},
)
def power_cut(site: Site) -> Effect:
    """Power goes now; a board that is off stays so until the end."""
    if site.board.powered:
        site.board.cut_power()
    return Effect(_back(site), no_power=True)


@fault(
    "power-cut-in-flash",
    "power",
    "The supply goes at a flash operation: before it, or in the middle of it.",
    "linux-mtd, July 2009 (two phases of an erase); UBI, 'fix NOR flash recovery'",
    operation=COUNT,
    torn=Parameter("that operation happens in part: some of its bits have changed", False),
    unstable=Parameter(
        "with torn: bits under way read differently from one read to the next, until their sector is erased", False
    ),
    example={"operation": 3, "torn": True},
)
def power_cut_in_flash(site: Site, operation: int, torn: bool, unstable: bool) -> Effect:
    """Armed until that operation; the end disarms it, or brings the power back."""
    board = site.board
    if unstable and not torn:
        raise FaultError("unstable = true needs torn = true: only what is torn has bits under way")
    if not board.powered:
        raise FaultError("the board is off, so that no flash operation will come; power_on() it first")
    if unstable:
        board.arm_power_cut(operation, torn=True, unstable=True)
    else:
        board.arm_power_cut(operation, torn=torn)
    return Effect(_back(site), _went(site))


@fault(
    "power-cut-in-link",
    "power",
    "The supply goes when so many more bytes have left: the peer has them, and its answer is never read.",
    "the two generals' problem: the peer has acted, the board cannot know (Gray 1978, Notes on Data Base Operating Systems)",
    bytes_up=Parameter("bytes that still leave, whole sends at a time", 100, "bytes", 1, 1 << 30),
    example={"bytes_up": 250},
)
def power_cut_in_link(site: Site, bytes_up: int) -> Effect:
    """Armed; the next byte either way behind that many finds no board any more."""
    board, network = site.board, site.network
    if not board.powered:
        raise FaultError("the board is off, so that no byte will leave; power_on() it first")
    before = network.on_air
    left, happened = bytes_up, False

    def carry(way: Direction, n_bytes: int) -> None:
        nonlocal left, happened
        if left <= 0:
            happened = True
            network.on_air = before
            raise PowerLost(f"power cut when {bytes_up} bytes had left")
        before(way, n_bytes)
        left -= n_bytes if way == "up" else 0

    network.on_air = carry
    back = _back(site)

    def undo() -> None:
        if network.on_air is carry:
            network.on_air = before
        back()

    return Effect(undo, lambda: happened)


@fault(
    "brown-out",
    "power",
    "The supply sags below the brown-out detector, until the fault ends: what the capacitors hold bears the request under way.",
    "ESP-IDF, CONFIG_ESP_BROWNOUT_DET: the detector resets the chip, at about 2.4 V by default",
)
def brown_out(site: Site) -> Effect:
    """A flash operation that has begun is finished, the next one does not begin."""
    if not site.board.powered:
        raise FaultError("the board is off: there is no supply that could sag")
    site.board.brown_out()
    return Effect(_back(site), _went(site))


@fault(
    "brown-out-on-sending",
    "power",
    "A weak battery: the supply sags below the brown-out detector whenever the board sends, and recovers soon after.",
    "ESP32-S3 data sheet, current in active mode: some 340 mA peak when it sends",
    times=Parameter("how often, until the battery has recovered", 3, "", 1, 10_000),
    recovers_ms=Parameter("from each sag until the supply is back", 500, "ms", 1, 3_600_000),
    example={"times": 2},
)
def brown_out_on_sending(site: Site, times: int, recovers_ms: int) -> Effect:
    """Armed until the board sends; at most so many times."""
    board, network, clock = site.board, site.network, site.world.clock
    before = network.on_air
    left = times

    def recover() -> None:
        if not board.powered:
            board.power_on()

    def carry(way: Direction, n_bytes: int) -> None:
        nonlocal left
        before(way, n_bytes)
        if way == "up" and n_bytes and left and board.powered and not board.reset_pending:
            left -= 1
            board.brown_out()
            clock.after(recovers_ms * 1000, recover)

    network.on_air = carry
    back = _back(site)

    def undo() -> None:
        nonlocal left
        left = 0
        if network.on_air is carry:
            network.on_air = before
        back()

    return Effect(undo, lambda: left < times, look_s=recovers_ms / 1000)


@fault(
    "battery-low",
    "power",
    "The battery reads so many millivolts.",
    "a lithium-ion cell is empty at about 3.0 V",
    millivolts=Parameter("at the cell", 3100, "mV", 0, 6000),
    example={"millivolts": 3050},
)
def battery_low(site: Site, millivolts: int) -> Effect:
    """What the ADC behind the divider sees. FaultError on a board that reads no battery."""
    if site.board.description.battery is None:
        raise FaultError(f"{site.board.name} has no battery: its description has no table [battery]")
    return Effect(site.turn(site.board, "battery_mv", millivolts))
