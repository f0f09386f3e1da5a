"""One line an event, and never more than a person can read."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

from agent.gateway.log import BURST, BURST_OF_ALL, EACH_S, EVENTS, MOST_PAIRS, Log
from tests.unit.agent.gateway.bench import Clock

PAGE = Path(__file__).parents[4] / "docs" / "gateway.md"


def test_one_line_an_event() -> None:
    """Time, event, port and text; in the journal a level and no time. What is not printable is replaced."""
    out = io.StringIO()
    Log(out).say("port-gone", "unplugged\nstarted all is well\x1b[2J", port="/dev/ttyUSB0")
    assert out.getvalue().count("\n") == 1
    assert out.getvalue().partition(" ")[2] == "port-gone /dev/ttyUSB0: unplugged?started all is well?[2J\n"
    out = io.StringIO()
    Log(out, journal=True).say("spool-failing", "x" * 1000)
    assert out.getvalue().startswith("<3>spool-failing xxx")
    assert len(out.getvalue()) < 310


def test_rate() -> None:
    """Of one event at one port five lines at once and one a minute; what was left out is counted, and no other port's."""
    out, clock = io.StringIO(), Clock()
    log = Log(out, journal=True, now_s=clock)
    for _ in range(100):
        log.say("port-noise", "bad", port="a")
    log.say("port-noise", "bad", port="b")
    lines = out.getvalue().splitlines()
    assert lines == ["<4>port-noise a: bad"] * BURST + ["<4>port-noise b: bad"]
    clock.pass_s(EACH_S)
    log.say("port-noise", "bad", port="a")
    log.say("port-noise", "bad", port="a")
    assert out.getvalue().splitlines()[len(lines) :] == ["<4>port-noise a: bad (95 such lines before were left out)"]


def a_day(log: Log, clock: Clock, port: Callable[[int], str]) -> None:
    """A line each two seconds for a day."""
    for n in range(43_200):
        log.say("port-noise", "3 pieces were no frame, or beyond the limits", port=port(n))
        clock.pass_s(2.0)


def test_a_port_that_babbles_for_a_day_fills_no_journal() -> None:
    """Some forty lines, each counting what was left out; after a day of silence it is news again."""
    out, clock = io.StringIO(), Clock()
    log = Log(out, journal=True, now_s=clock)
    a_day(log, clock, lambda _: "/dev/ttyUSB0")
    lines = out.getvalue().splitlines()
    assert 20 < len(lines) < 45
    assert len(out.getvalue()) < 6000
    told = sum(int(line.rpartition("(")[2].split()[0]) for line in lines if line.endswith("left out)"))
    assert told + len(lines) > 43_200 - 1900  # all but those behind the last line
    clock.pass_s(86_400)
    for _ in range(BURST + 1):
        log.say("port-noise", "bad", port="/dev/ttyUSB0")
    assert len(out.getvalue().splitlines()) == len(lines) + BURST


def test_ports_with_ever_new_names_fill_no_journal() -> None:
    """An adapter that comes back under another name each time is bounded with all others, and the memory of names is too."""
    out, clock = io.StringIO(), Clock()
    log = Log(out, journal=True, now_s=clock)
    a_day(log, clock, lambda n: f"/dev/ttyUSB{n}")
    assert BURST_OF_ALL < len(out.getvalue().splitlines()) <= BURST_OF_ALL + 1441
    assert len(log._room) == MOST_PAIRS
    log.say("broker-gone", "another event has room")
    assert out.getvalue().splitlines()[-1] == "<4>broker-gone another event has room"


def test_every_port_of_a_full_gateway_is_said_at_the_start() -> None:
    """64 of them at once."""
    out, clock = io.StringIO(), Clock()
    log = Log(out, now_s=clock)
    for n in range(64):
        log.say("port-open", "at 115200 baud", port=f"/dev/ttyUSB{n}")
    assert out.getvalue().count("\n") == 64


def test_nobody_reads() -> None:
    """A stream that fails, as a terminal that was closed, costs nothing."""
    out = io.StringIO()
    out.close()
    Log(out).say("started", "x")


def test_every_event_is_explained() -> None:
    """docs/gateway.md has a row for each event, and for no other."""
    rows = [line.split("`")[1] for line in PAGE.read_text().splitlines() if line.startswith("| `") and "`" in line[3:]]
    events = set(EVENTS)
    assert events <= set(rows)
    assert {
        row for row in rows if row.partition("-")[0] in {"port", "spool", "broker", "downlinks", "status"}
    } <= events
