"""Faults of the LTE-M modem and of the mobile network around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hw_sim.errors import FaultError
from hw_sim.faults.fault import Effect, Parameter, fault, near
from hw_sim.faults.site import Site

if TYPE_CHECKING:
    from hw_sim.chips.sim7080g import Sim7080g


def _modem(site: Site) -> Sim7080g:
    if site.board.modem is None:
        raise FaultError(f"{site.board.name} has no modem: name one in its description, or attach_modem()")
    return site.board.modem


def _turned(site: Site, switch: str, value: object) -> Effect:
    return Effect(site.turn(_modem(site), f"fault.{switch}", value))


@fault(
    "modem-no-coverage",
    "modem",
    "No cell in reach: a tunnel, a ship, a cellar.",
    "3GPP TS 27.007, 10.1.22 (+CEREG: 2)",
)
def modem_no_coverage(site: Site) -> Effect:
    """The modem loses its registration and searches, which costs most of all."""
    return Effect(site.turn_cell(_modem(site), covered=False))


@fault(
    "modem-denied",
    "modem",
    "The network denies registration: a card that is barred, no roaming contract.",
    "3GPP TS 24.301, 5.5.1.2.5 (attach not accepted); +CEREG: 3",
)
def modem_denied(site: Site) -> Effect:
    """For searches that begin after it; a registration that stands goes on."""
    return Effect(site.turn_cell(_modem(site), takes="nobody"))


@fault(
    "modem-no-psm",
    "modem",
    "The network grants no power saving mode.",
    "3GPP TS 24.301, 5.3.11 (T3324 not included)",
)
def modem_no_psm(site: Site) -> Effect:
    """The modem stays awake and draws."""
    return Effect(site.turn_cell(_modem(site), psm=False))


@fault(
    "modem-cell-edge",
    "modem",
    "The edge of a cell: answers come late, and some have to be said again.",
    "3GPP TS 36.300 (coverage enhancement: repetitions)",
    latency_ms=Parameter("each segment", 1500, "ms", 0, 600_000),
    loss=Parameter("share that is said again", 0.3, "", 0.0, 1.0),
    example={"latency_ms": 4000, "loss": 0.5},
)
def modem_cell_edge(site: Site, latency_ms: int, loss: float) -> Effect:
    """Over the modem only; Wi-Fi has faults of its own."""
    return Effect(site.turn_cell(_modem(site), latency_ms=latency_ms, loss=loss))


@fault(
    "modem-dead",
    "modem",
    "The modem does not switch on.",
    "SIM7080G hardware design (supply)",
)
def modem_dead(site: Site) -> Effect:
    """One that runs goes on until it is switched off."""
    return _turned(site, "dead", True)


@fault(
    "modem-hung",
    "modem",
    "The modem's program stands still; holding PWRKEY for 12 s resets it.",
    "SIM7080G & SIM800C Compatible Design V1.00 (reset by PWRKEY)",
)
def modem_hung(site: Site) -> Effect:
    """It hears and says nothing."""
    return _turned(site, "hung", True)


@fault(
    "modem-silent",
    "modem",
    "The modem's line to the board is torn off: it hears, and nobody hears it.",
    "3GPP TS 27.007: a command without an answer has to be given up by time",
)
def modem_silent(site: Site) -> Effect:
    """Answers and calls are lost."""
    return _turned(site, "silent", True)


@fault(
    "modem-garbage",
    "modem",
    "So many random bytes come before each line of the modem.",
    "noise on the line; a speed that does not match (AT+IPR)",
    n_bytes=Parameter("before each line", 16, "bytes", 1, 4096),
    example={"n_bytes": 40},
)
def modem_garbage(site: Site, n_bytes: int) -> Effect:
    """The words of the modem are still there, behind it."""
    return _turned(site, "garbage", n_bytes)


@fault(
    "modem-refuses",
    "modem",
    "One command ends in ERROR.",
    "SIM7080 AT command manual V1.05: ERROR, +CME ERROR",
    command=Parameter("name of the command, without AT", "+CGDCONT"),
    example={"command": "+CPSMS"},
)
def modem_refuses(site: Site, command: str) -> Effect:
    """As a firmware of the modem that does not know it; FaultError for a command that nothing here answers anyway."""
    from hw_sim.chips import sim7080g_words as words

    _modem(site)
    name = words.known(command)
    if name is None:
        there = [f"+{each}" if len(each) > 1 else each for each in words.COMMANDS]
        raise FaultError(
            f"command = {command!r}: the modem knows no such one{near(command, there)}; {', '.join(there)}"
        )
    return _turned(site, "refuse", name)


@fault(
    "modem-wrong-model",
    "modem",
    "The modem says that it is another one.",
    "3GPP TS 27.007, 5.2 (+CGMM)",
    model=Parameter("what it says", "SIMCOM_SIM800C"),
    example={"model": "SIMCOM_SIM7000E"},
)
def modem_wrong_model(site: Site, model: str) -> Effect:
    """A driver must refuse it by name."""
    return _turned(site, "model", model)


@fault(
    "modem-no-sim",
    "modem",
    "There is no card in the modem, from its next start on.",
    "3GPP TS 27.007, 8.3 (+CPIN), 9.2 (+CME ERROR: 10)",
)
def modem_no_sim(site: Site) -> Effect:
    """As pulled out; put back at the end."""
    return Effect(site.turn(_modem(site), "sim.present", False))
