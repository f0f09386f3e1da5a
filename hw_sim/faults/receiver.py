"""Faults of the satellite receiver and of the UARTs."""

from __future__ import annotations

import datetime as dt

from hw_sim.errors import FaultError
from hw_sim.faults.fault import Effect, Parameter, fault, happened
from hw_sim.faults.site import Site

ROLLOVER = "2006-06-18T00:00:00"  # 1024 weeks before 2026-02-01: what a receiver of an older firmware says then


def _turned(site: Site, switch: str, value: object) -> Effect:
    return Effect(site.turn(site.board.gnss, f"fault.{switch}", value))


@fault(
    "gnss-silent",
    "gnss",
    "The receiver sends no byte.",
    "a torn wire, a receiver that hangs",
)
def gnss_silent(site: Site) -> Effect:
    """It computes, and nobody hears of it."""
    return _turned(site, "silent", True)


@fault(
    "gnss-no-sky",
    "gnss",
    "No satellite: a garage, a tunnel, a container.",
    "u-blox MAX-M10S data sheet UBX-20035208, table 1: times to first fix hold for an open sky only",
)
def gnss_no_sky(site: Site) -> Effect:
    """It goes on telling the time once it knows it."""
    return _turned(site, "no_sky", True)


@fault(
    "gnss-poor-sky",
    "gnss",
    "Satellites in one part of the sky only: fixes with a large dilution of precision.",
    "u-blox M10 interface description UBX-21035062, UBX-NAV-PVT (pDOP)",
    pdop=Parameter("position dilution of precision", 12.0, "", 1.0, 99.9),
    example={"pdop": 25.0},
)
def gnss_poor_sky(site: Site, pdop: float) -> Effect:
    """A firmware with a quality gate leaves these out."""
    return _turned(site, "pdop", pdop)


@fault(
    "gnss-jump",
    "gnss",
    "Fixes lie so far north of the truth.",
    "multipath between buildings; spoofing",
    metres=Parameter("to the north, negative to the south", 500.0, "m", -20_000_000.0, 20_000_000.0),
    example={"metres": 2000.0},
)
def gnss_jump(site: Site, metres: float) -> Effect:
    """The receiver believes in it: accuracy and fix mode stay good."""
    return _turned(site, "jump_m", metres)


@fault(
    "gnss-garbage",
    "gnss",
    "So many random bytes come before each epoch.",
    "noise on a long line; two chips on one UART",
    n_bytes=Parameter("before each epoch", 64, "bytes", 1, 65_536),
    example={"n_bytes": 200},
)
def gnss_garbage(site: Site, n_bytes: int) -> Effect:
    """A parser has to find the beginning of the next message."""
    return _turned(site, "garbage", n_bytes)


@fault(
    "gnss-bad-checksum",
    "gnss",
    "The checksum of each message is damaged.",
    "u-blox M10 interface description UBX-21035062, UBX checksum; NMEA 0183",
)
def gnss_bad_checksum(site: Site) -> Effect:
    """Every message must be refused."""
    return _turned(site, "bad_checksum", True)


@fault(
    "gnss-wrong-date",
    "gnss",
    "The receiver tells a wrong date, 1024 weeks back say, and means it.",
    "IS-GPS-200, 20.3.3.3.1.1 (10-bit week number); u-blox: week rollover of a firmware",
    date=Parameter("from which its time counts, ISO 8601, UTC", ROLLOVER),
    example={"date": "2038-01-20T00:00:00"},
)
def gnss_wrong_date(site: Site, date: str) -> Effect:
    """FaultError for what is no date."""
    try:
        when = dt.datetime.fromisoformat(date)
    except ValueError:
        raise FaultError(f"date = {date!r}: must be an ISO 8601 time, {ROLLOVER} say") from None
    return _turned(site, "date", when if when.tzinfo else when.replace(tzinfo=dt.UTC))


@fault(
    "gnss-refuses",
    "gnss",
    "The receiver answers every configuration with UBX-ACK-NAK.",
    "u-blox M10 interface description UBX-21035062, UBX-ACK-NAK; keys that another firmware does not know",
)
def gnss_refuses(site: Site) -> Effect:
    """It keeps the configuration that it has."""
    return _turned(site, "refuse", True)


@fault(
    "gnss-lost-configuration",
    "gnss",
    "The receiver has lost what was configured, in RAM and in battery-backed RAM, and says what it says from the factory.",
    "u-blox M10 integration manual UBX-20053088: BBR is lost without V_BCKP",
    lasts=False,
)
def gnss_lost_configuration(site: Site) -> Effect:
    """Once, now; also the speed of its UART is the factory's again."""
    from hw_sim.chips import m10_config

    site.board.gnss.config.forget(m10_config.RAM)
    site.board.gnss.config.forget(m10_config.BBR)
    return happened()


@fault(
    "uart-overflow",
    "uart",
    "A burst of noise on the receiver's line, more than a buffer takes.",
    "MicroPython, machine.UART(rxbuf=256): what comes beyond is dropped",
    n_bytes=Parameter("in one burst", 4096, "bytes", 1, 1_000_000),
    lasts=False,
    example={"n_bytes": 10_000},
)
def uart_overflow(site: Site, n_bytes: int) -> Effect:
    """Random bytes by the seed, at the speed of the line."""
    site.board.gnss.emit(site.world.random(f"uart-overflow/{site.world.clock.now_us}").randbytes(n_bytes))
    return happened()


@fault(
    "uart-neglected",
    "uart",
    "Interrupts are off for so long: what the UART's FIFO does not hold is lost.",
    "RP2040 data sheet, 4.2 (32 bytes); micropython #17236 (flash writes on an RP2)",
    milliseconds=Parameter("without interrupts", 50.0, "ms", 0.1, 60_000.0),
    lasts=False,
    example={"milliseconds": 400.0},
)
def uart_neglected(site: Site, milliseconds: float) -> Effect:
    """All UARTs of the board, from now on; FaultError where it has none."""
    if not site.board.uarts:
        raise FaultError(f"{site.board.name} has nothing on a UART: its description has no [gnss], [modem] or [[uart]]")
    for port in site.board.uarts.values():
        port.neglect(round(milliseconds * 1000))
    return happened()
