"""Power, days and hangs on the simulated board."""

from __future__ import annotations

import ast
import re

import pytest

from firmware.drivers import nmea, ubx
from tests.unit.firmware.app.conftest import FIRMWARE, START_S, Rigged
from tests.unit.firmware.app.toy_server import DAY_S
from tests.unit.firmware.drivers.recordings import DATA, nmea_bytes

pytestmark = [pytest.mark.micropython, pytest.mark.mosquitto]

BROKEN = """
import gc
gc.threshold(32 * 1024)
import asyncio
from firmware import app, sampler
async def broken(self):
    {body}
sampler.Sampler.run = broken
app.main()
"""
MEASURED = """
import asyncio
import micropython
from firmware import app
run = app.App.run
async def measure():
    await asyncio.sleep(3600)
    gc.collect()
    micropython.mem_info()
async def run_and_measure(self):
    asyncio.create_task(measure())
    await run(self)
app.App.run = run_and_measure
app.main()
"""
BLOCK_BYTES = 32  # of the collector in the 64-bit interpreter
PARSE = """
from firmware.drivers import ubx, nmea
fixes = [ubx.decode_pvt(p) for m, p in ubx.Parser().feed(files["ubx"]) if m == ubx.NAV_PVT]
epochs = nmea.Epochs()
print(repr((fixes, epochs.feed(files["nmea"]), epochs.errors)))
"""


def test_a_power_cut_costs_the_open_batch_alone(rigged: Rigged) -> None:
    """Cut and restarted four times: no number twice, no fix twice, gaps no longer than a batch and a start."""
    rigged.server.permit(1)
    for _ in range(4):
        rigged.run(500)
        rigged.board.cut_power()
        rigged.board.power_on()
    rigged.run(500)
    assert len(rigged.server.fixes) > 100
    assert min(rigged.server.gaps()) > 0 and max(rigged.server.gaps()) < 300
    assert rigged.server.statuses[-1].boots == 5 and rigged.server.statuses[-1].lost == 0
    assert rigged.server.conflicts == 0


def test_a_batch_closes_at_midnight(rigged: Rigged) -> None:
    """Across 0:00 UTC no fix is missing, and each envelope opens under its own day's key."""
    rigged.run(2500)  # midnight is 3200 s after the start
    rigged.server.permit(1)
    rigged.run(1300)
    assert {number[2] for number in rigged.server.numbers} == {START_S // DAY_S, START_S // DAY_S + 1}
    times = [fix.time for fix in rigged.server.fixes]
    assert rigged.server.gaps() == {10} and times[0] < (START_S // DAY_S + 1) * DAY_S < times[-1]


@pytest.mark.parametrize(
    ("body", "cause", "text", "within_s"),
    [
        ("raise ValueError('52.1, 13.2')", "hard", "ValueError main.py:7 broken", 5),
        ("await asyncio.Event().wait()", "hard", "Hang sampler", 130),
        ("while True: pass", "watchdog", "Watchdog", 60),
    ],
)
def test_a_task_that_dies_hangs_or_spins_resets_the_device(
    rigged: Rigged, body: str, cause: str, text: str, within_s: int
) -> None:
    """The sampler ends by an exception, waits for ever, or takes the processor: the device restarts and tells which."""
    rigged.board.silence_s = 1.0
    rigged.board.program(BROKEN.format(body=body))
    rigged.board.cut_power()
    rigged.board.power_on()
    rigged.board.run(for_s=within_s, until=lambda: rigged.board.counters[f"boots after {cause}"] > 0)
    assert rigged.board.counters[f"boots after {cause}"] == 1
    assert not rigged.board.gnss.powered
    # One that spins from its first moment says nothing before safe mode.
    rigged.board.run(for_s=240, until=lambda: any(status.crash for status in rigged.server.statuses))
    assert rigged.server.statuses[-1].crash == text


def test_the_heap_stays_in_one_piece(rigged: Rigged) -> None:
    """After an hour of sealing and sending, more than 16 KiB are free in a row: a collector that waits leaves 4."""
    start = (FIRMWARE / "main.py").read_text(encoding="utf-8")
    begin, _, _ = start.partition("try:")
    assert "gc.threshold" in begin
    rigged.board.program(begin + MEASURED)
    rigged.board.cut_power()
    rigged.board.power_on()
    rigged.server.permit(1)
    rigged.run(3700)
    longest = re.search(r"max free sz: (\d+)", str(rigged.board.console))
    assert longest is not None and int(longest[1]) * BLOCK_BYTES > 16 * 1024
    assert rigged.server.statuses[-1].spooled <= 1


def test_a_device_without_keys_returns_to_its_prompt(rigged: Rigged) -> None:
    """Not enrolled: the program says so and ends, and nothing is sent."""
    rigged.board.cut_power()
    keys = rigged.board.partitions["bl_keys"]
    rigged.board.flash.erase(keys.offset, keys.size)
    rigged.board.power_on()
    rigged.run(120)
    assert "not enrolled" in str(rigged.board.console)
    assert rigged.net.up.publishes == 0 and rigged.board.counters["boots after watchdog"] == 0


def test_the_parsers_read_the_same_in_both_interpreters(rigged: Rigged) -> None:
    """Recorded logs of both protocols give the same fixes under MicroPython as under CPython."""
    ubx_log = (DATA / "ubx" / "gpsd" / "ublox-zed-f9p-hp.log").read_bytes()
    nmea_log = nmea_bytes(DATA / "nmea" / "gpsd" / "tr737A+.log")
    rigged.board.cut_power()
    printed = rigged.board.execute(PARSE, files={"ubx": ubx_log, "nmea": nmea_log})
    epochs = nmea.Epochs()
    frames = ubx.Parser().feed(ubx_log)
    expected = ([ubx.decode_pvt(p) for m, p in frames if m == ubx.NAV_PVT], epochs.feed(nmea_log), epochs.errors)
    assert ast.literal_eval(printed.strip()) == expected and len(expected[0]) == 29
