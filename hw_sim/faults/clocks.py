"""Faults of clocks, of the heap and of pins."""

from __future__ import annotations

from hw_sim.errors import FaultError
from hw_sim.faults.fault import Effect, Parameter, fault, happened
from hw_sim.faults.site import Site

WRAP_MS = 1 << 30  # MicroPython: ticks_ms wraps at 2**30 on the ports that are simulated


@fault(
    "server-clock-wrong",
    "clock",
    "The server's clock is wrong by so much.",
    "RFC 8633 (NTP, best practice: falsetickers); a virtual machine that was resumed",
    seconds=Parameter("ahead; negative: behind", 3600.0, "s", -3.2e9, 3.2e9),
    example={"seconds": -86_400.0},
)
def server_clock_wrong(site: Site, seconds: float) -> Effect:
    """FaultError where there is no server."""
    if site.server_offset_s is None:
        raise FaultError("this site has no server whose clock could be wrong")
    turn = site.server_offset_s
    turn(seconds)
    return Effect(lambda: turn(0.0))


@fault(
    "clock-step",
    "clock",
    "The board's own clock steps by so much.",
    "machine.RTC of the ESP32 port; a wrong server that was believed",
    seconds=Parameter("ahead; negative: back", 3600.0, "s", -3.2e9, 3.2e9),
    lasts=False,
    example={"seconds": 31_536_000.0},
)
def clock_step(site: Site, seconds: float) -> Effect:
    """Once, now; ticks go on. FaultError where the board is off: power-on begins a new clock."""
    if not site.board.powered:
        raise FaultError("the board is off, and its clock begins anew when the power comes; power_on() it first")
    site.board.rtc.us += round(seconds * 1e6)
    return happened()


@fault(
    "clock-drift",
    "clock",
    "The board's clock is fast in deep sleep, where an RC oscillator keeps it.",
    "ESP-IDF, system time: the RC oscillator drifts with temperature",
    ppm=Parameter("fast; negative: slow", 50_000, "ppm", -200_000, 200_000),
    example={"ppm": -30_000},
)
def clock_drift(site: Site, ppm: int) -> Effect:
    """From the next sleep on."""
    return Effect(site.turn(site.board.rtc, "asleep_ppm", ppm))


@fault(
    "ticks-wrap",
    "clock",
    "The board starts anew, and its ticks_ms wraps to 0 soon after.",
    "MicroPython, time.ticks_diff: values wrap at TICKS_PERIOD, 2**30 ms on these ports, 12.4 days",
    after_s=Parameter("from the start to the wrap", 60.0, "s", 1.0, 1_000_000.0),
    example={"after_s": 30.0},
)
def ticks_wrap(site: Site, after_s: float) -> Effect:
    """A board that is off begins so with its next start; the end counts from the start after it."""
    undo = site.turn(site.board, "ticks_start_ms", WRAP_MS - round(after_s * 1000))
    if site.board.powered:
        site.board.reset()
    return Effect(undo)


@fault(
    "heap-squeeze",
    "heap",
    "The program has a smaller heap, from the next start on; a board that is on starts anew at once.",
    "MicroPython, gc: a C library or another task has taken memory that the program counted on",
    kib=Parameter("what is left", 128, "KiB", 16, 65_536),
    restart=Parameter("start anew at once", True),
    example={"kib": 96},
)
def heap_squeeze(site: Site, kib: int, restart: bool) -> Effect:
    """FaultError if that would be more than there is."""
    board = site.board
    if kib * 1024 > board.heap_bytes:
        raise FaultError(f"kib = {kib}: the board's heap has {board.heap_bytes // 1024} KiB as it is")
    undo = site.turn(board, "heap_bytes", kib * 1024)
    if restart and board.powered:
        board.reset()
    return Effect(undo)


@fault(
    "reset",
    "power",
    "The reset button, or noise on its line: the program starts anew, deep sleep or not.",
    "ESP32-S3 data sheet (CHIP_PU: low, it powers the chip off); ESP-IDF, esp_reset_reason",
    kind=Parameter(
        "the button; hard, which keeps memory and clock; soft, as Ctrl-D at the prompt",
        "button",
        choices=("button", "hard", "soft"),
    ),
    lasts=False,
    example={"kind": "soft"},
)
def reset(site: Site, kind: str) -> Effect:
    """FaultError where the board is off."""
    if not site.board.powered:
        raise FaultError("the board is off; power_on() it first")
    board = site.board
    {"button": board.press_reset, "hard": board.reset, "soft": board.soft_reset}[kind]()
    return happened()


@fault(
    "button-stuck",
    "pins",
    "The button is held down, by a bag or by frost.",
    "a switch under load (estimate)",
)
def button_stuck(site: Site) -> Effect:
    """Until the end."""
    site.board.press_button()
    return Effect(site.board.release_button)
