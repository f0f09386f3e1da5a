"""The doctor: what is wrong with a board at a cable, and what to do. Nothing about a person is measured, shown or kept.

It asks at the prompt, part after part, and ends with everything unpowered and a hard reset, which starts the board's program.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from agent.board import programs, typed
from agent.board.console import Console
from agent.errors import AgentError, BoardRefused, Garbled, LinkLost
from agent.examination import chip, links, sensors, storage
from agent.examination.findings import (
    BOARD,
    NOT_ASKED,
    WRONG,
    Device,
    Finding,
    Prompt,
    Unanswered,
    ask,
    meant,
    not_asked,
    wrong,
)

# Which board, whether it is a device, the day of its keys; of the settings what no one keeps secret: which parts, which link.
KNOWN = """
from firmware.flash.recordlog import RecordLog
from firmware.keystore import SLOT_BYTES, KeyStore
k = KeyStore(RecordLog(board.region("keys"), SLOT_BYTES))
s = board.settings()
t = {n: s[n] for n in ("parts", "battery") if n in s}
for n in ("wifi", "modem", "serial", "broker"):
 if n in s: t[n] = {}
print(json.dumps([board.NAME, k.enrolled, k.epoch, t]))
"""
# Making a board cuts its supplies; Wi-Fi is the chip's.
UNPOWERED = """
import network
n = network.WLAN(network.STA_IF)
if n.active():
 try: n.disconnect()
 except OSError: pass
 n.active(False)
for n in ("s", "d", "c"): globals().pop(n, None)
print("null")
"""
# Hard, which ends the watchdog too; a board marks it as its own [an RP2 would take it for the watchdog's, and count a crash].
RESET = """
try:
 from firmware import boards
 boards.active().reset()
except Exception:
 import machine
 machine.reset()
"""
UNREADABLE = "the same command again; where it says so again, flash the board anew: `byleave agent flash`"
PARTS = "keys rules spool files memory clock battery button led temperature light motion receiver radio".split()  # noqa: SIM905


@dataclass(frozen=True)
class Wish:
    """`settings` in place of the board's, {} for these; `quick` leaves out receiver and link; `receiver`: also on a device."""

    settings: dict[str, Any] = field(default_factory=dict, repr=False)
    quick: bool = False
    receiver: bool = False


def examine(port: str, wish: Wish, told: Callable[[Finding], None] = lambda finding: None) -> list[Finding]:
    """Findings of the board at `port`, each told as it comes. PortError, PortBusy, NoPrompt; LinkLost if it goes away, and then
    it restarts by itself within two minutes.
    """
    found = []
    with closing(Console(port)) as console:
        try:
            for finding in examined(console, wish, time.time()):
                told(finding)
                found.append(finding)
        except BaseException as error:
            if isinstance(error, Garbled) or not isinstance(error, LinkLost):
                with suppress(AgentError):
                    _stopped(console)
                    left(console)
                    console.leave(RESET)
            raise
        try:
            left(console)
        finally:
            console.leave(RESET)
    return found


def left(prompt: Prompt) -> None:
    """Everything without power, and no settings in memory."""
    with suppress(BoardRefused, Garbled):
        meant(lambda: prompt.run(BOARD + UNPOWERED))
    with suppress(BoardRefused):  # whatever became of the supplies: a Wi-Fi key may lie there
        meant(lambda: prompt.run(typed.WIPE))


def _stopped(console: Console) -> None:
    """At the prompt again, wherever it was interrupted: a part's program may still run, with the power on of what it asks."""
    console.interrupt()
    with suppress(BoardRefused):
        meant(lambda: console.run(programs.REACH))


def examined(prompt: Prompt, wish: Wish, now_s: float) -> Iterator[Finding]:
    """One finding after another, in the order in which one fault would hide the next."""
    with suppress(BoardRefused):  # what is no board of ours, as the next steps tell
        # A device that was at work has its watchdog running. Where none runs this starts one, so that a board whose cable is
        # pulled comes back by itself, and without what was switched on.
        meant(prompt.hold)
        meant(lambda: prompt.run(programs.REACH))
    first = _read("board", lambda: chip.board(prompt))
    yield from first
    if first[-1].part != "release" or first[-1].seen == chip.NO_FIRMWARE:
        yield from _read("memory", lambda: [chip.memory(prompt)])
        yield from (not_asked(part, "byleave's firmware has to be there for it") for part in PARTS if part != "memory")
        return
    kept = _read("keys", lambda: storage.logs(prompt))
    yield from kept
    try:
        device, epoch = known(ask(prompt, BOARD + KNOWN))
    except Unanswered as failed:
        explained = any(finding.state == WRONG for finding in (*first, *kept)) and not failed.cable
        yield wrong("device", failed.said, "the findings above say why") if explained else failed.finding("device")
        yield from _read("memory", lambda: [chip.memory(prompt)])
        return
    device = replace(device, now_s=now_s, floor_s=epoch * 86_400 if device.enrolled else 0)
    if wish.settings:
        device = replace(device, settings=wish.settings, given=True)
    yield from _read("spool", lambda: [storage.spool(prompt, device)])
    yield from _read("files", lambda: [storage.files(prompt, device)])
    yield from _read("memory", lambda: [chip.memory(prompt)])
    yield from _read("clock", lambda: [chip.clock(prompt, device, epoch, now_s)])
    yield from _read("battery", lambda: [chip.battery(prompt, device)])
    yield from _read("button", lambda: chip.pins(prompt))
    for part in sensors.FITTED:
        yield from _read(part, functools.partial(_sensor, prompt, device, part))
    yield from _slow(prompt, device, wish)


def known(answer: Any) -> tuple[Device, int]:
    """What KNOWN said: the device, and the day of its keys; Unanswered for anything else."""
    kinds: tuple[Any, ...] = (str, (bool, int), int, dict)
    if not isinstance(answer, list) or len(answer) != len(kinds):
        raise Unanswered("the board's answer cannot be read")
    if not all(isinstance(value, kind) for value, kind in zip(answer, kinds, strict=True)):
        raise Unanswered("the board's answer cannot be read")
    name, enrolled, epoch, settings = answer
    return Device(name, bool(enrolled), settings), epoch


def _read(part: str, work: Callable[[], list[Finding]]) -> list[Finding]:
    """Findings of what was asked; where the board says something of another form than was asked for, that is one."""
    try:
        return work()
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
        return [wrong(part, "the board's answer cannot be read", UNREADABLE)]


def _sensor(prompt: Prompt, device: Device, part: str) -> list[Finding]:
    found = sensors.sensor(prompt, device, part)
    # Wrong, twice [an address or a pin that the cable changed: another sensor answers, or none].
    return [sensors.sensor(prompt, device, part) if found.state == WRONG else found]


def _slow(prompt: Prompt, device: Device, wish: Wish) -> Iterator[Finding]:
    if wish.quick:
        yield not_asked("receiver", "--quick leaves it out")
        yield not_asked("radio", "--quick leaves it out")
        return
    if device.enrolled and not wish.receiver:
        yield sensors.receiver_spared()
    else:
        yield from _read("receiver", lambda: [sensors.receiver(prompt, device)])
    yield from _read("radio", lambda: links.link(prompt, device))


def summary(found: Iterable[Finding]) -> dict[str, int]:
    """How many of each state."""
    states = [finding.state for finding in found]
    return {
        "wrong": states.count(WRONG),
        "not_asked": states.count(NOT_ASKED),
        "asked": len(states) - states.count(NOT_ASKED),
    }
