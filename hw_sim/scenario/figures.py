"""What is counted in every run, and bounds on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from hw_sim.errors import ScenarioError
from hw_sim.faults.fault import near
from hw_sim.faults.site import Site
from hw_sim.scenario.model import ConsoleTable, Range
from hw_sim.scenario.product import Figure

if TYPE_CHECKING:
    from hw_sim.interpreter.console import Console

Bound = bool | int | float | str | Range | ConsoleTable


def figures_of(site: Site) -> dict[str, Figure]:
    """Figures of board and network since they were made; all of them depend on the seed alone, never on the host."""
    board, network = site.board, site.network
    return {
        "virtual_s": round(site.world.clock.now_us / 1e6, 3),
        "boots": board.counters["boots"],
        "power_ons": board.counters["boots after power_on"],
        "watchdog_resets": board.counters["boots after watchdog"],
        "deep_sleeps": board.counters["deep sleeps"],
        "fixes": len(board.gnss.emitted) if board.has_gnss else 0,
        "receiver_powered_s": round(board.gnss.powered_s, 3) if board.has_gnss else 0.0,
        "radio_powered_s": round(board.radio.active_s, 3),
        "charge_mc": round(board.meter.report().millicoulomb, 3),
        "connects": network.up.packets["CONNECT"],
        "publish_packets": network.up.publishes,
        "publish_bytes": network.up.bytes["PUBLISH"],
        "publish_acknowledged": network.down.packets["PUBACK"],
        "messages_received": network.down.publishes,
        "bytes_up": network.up.total_bytes,
        "bytes_down": network.down.total_bytes,
        "flash_programs": board.flash.programs,
        "flash_erases": board.flash.erases,
        "flash_wear_most": max(board.flash.wear, default=0),
        "uart_lost_bytes": sum(port.lost_bytes + port.overrun_bytes for port in board.uarts.values()),
        "heap_free_min_bytes": min((reading.free_bytes for reading in board.heap), default=0),
    }


RUNNERS = ("exits", "crashes", "findings")  # figures that the run itself adds
NAMES = (
    *("virtual_s", "boots", "power_ons", "watchdog_resets", "deep_sleeps", "fixes", "receiver_powered_s"),
    *("radio_powered_s", "charge_mc", "connects", "publish_packets", "publish_bytes", "publish_acknowledged"),
    *("messages_received", "bytes_up", "bytes_down", "flash_programs", "flash_erases", "flash_wear_most"),
    *("uart_lost_bytes", "heap_free_min_bytes"),
    *RUNNERS,
)


def check_names(scenario: str, expect: Mapping[str, Bound]) -> None:
    """ScenarioError for a bound on a figure that nobody has; those of a product have a dot and are seen at the end."""
    for name in expect:
        if "." not in name and name not in NAMES and name != "console":
            raise ScenarioError(
                f"{scenario}: expect.{name}: no such figure{near(name, NAMES)}; there are {', '.join(NAMES)}"
            )


def broken(expect: Mapping[str, Bound], figures: Mapping[str, Figure], console: Console) -> list[str]:
    """A sentence for each bound that does not hold: which figure, what it was, what was allowed."""
    found: list[str] = []
    for name, bound in expect.items():
        if isinstance(bound, ConsoleTable):
            found += [f"console: {text!r} was not printed" for text in bound.has if text not in console]
            found += [f"console: {text!r} was printed, and must not be" for text in bound.lacks if text in console]
        elif name not in figures:
            found.append(f"{name}: no such figure{near(name, figures)}; the product counts {_own(figures)}")
        elif not _holds(bound, figures[name]):
            found.append(f"{name}: was {figures[name]!r}, allowed is {_allowed(bound)}")
    return found


def _own(figures: Mapping[str, Figure]) -> str:
    return ", ".join(name for name in figures if "." in name) or "none"


def _holds(bound: Bound, figure: Figure) -> bool:
    if not isinstance(bound, Range):
        return figure == bound and isinstance(figure, bool) == isinstance(bound, bool)
    if isinstance(figure, str | bool):
        return False
    return (bound.least is None or figure >= bound.least) and (bound.most is None or figure <= bound.most)


def _allowed(bound: Bound) -> str:
    if not isinstance(bound, Range):
        return f"{bound!r} only"
    if bound.least is None:
        return f"at most {bound.most:g}"
    return f"at least {bound.least:g}" if bound.most is None else f"{bound.least:g} to {bound.most:g}"
