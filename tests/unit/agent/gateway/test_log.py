"""One line an event, and never more than a person can read."""

from __future__ import annotations

import io
from pathlib import Path

from agent.gateway.log import BURST, EACH_S, EVENTS, Log
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
