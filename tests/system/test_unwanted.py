"""A tracker that moves with somebody who does not know of it: what that person hears, sees and finds on the simulated board.

The firmware runs unmodified in the real interpreter; who hid it owns the server, and uses it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from hw_sim.errors import NoInterpreter
from hw_sim.network.broker import Broker, NoBroker
from hw_sim.world.drive import Drive, Sample
from tests.system.rig import patched_firmware
from tests.unit.firmware.app.conftest import START_S, Rigged

pytestmark = [pytest.mark.micropython, pytest.mark.mosquitto]

HOUR_S = 3600
FAULT = 1024
SERVICE_DATA = bytes((5, 0x16, 0xB2, 0xFC, 0, 0))  # DULT's, of no registered network, separated


def alone(due_s: int) -> list[int]:
    """Settings of a tracker that was alone for twenty hours when the test begins, and is due so many seconds later; the last
    number says that its access point travels along."""
    return [START_S - 20 * HOUR_S, START_S + due_s, 0, 1]


def driving(*legs: tuple[float, float]) -> Drive:
    """At 36 km/h north from one to the other second since the start, for each leg, parked between."""
    samples, metres = [Sample(START_S - 100, 53.0, -2.9)], 0.0
    for begin_s, end_s in legs:
        for at_s in range(int(begin_s), int(end_s), 60):  # in pieces that count as one way, not as a gap
            samples.append(Sample(START_S + at_s, 53.0 + metres / 111_200, -2.9))
            metres += 600
    return Drive(samples, "with somebody")


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    """One broker for the module."""
    try:
        with Broker.start() as running:
            yield running
    except (NoBroker, NoInterpreter) as missing:
        pytest.skip(str(missing))


def away(rigged: Rigged) -> None:
    """Out of reach of its access point."""
    rigged.net.wifi.clear()


def home(rigged: Rigged) -> None:
    """In its reach."""
    rigged.net.wifi["depot"] = "wifi-key"


def lit(rigged: Rigged, seconds: int) -> list[bool]:
    """The LED, each second."""
    found = []
    for _ in range(seconds):
        rigged.run(1)
        found.append(rigged.board.led)
    return found


def hears(rigged: Rigged, within_s: float) -> bool:
    """Somebody beside it hears a tone within this time."""
    rigged.board.run(for_s=within_s, until=lambda: rigged.board.buzzer.sounds)
    return rigged.board.buzzer.sounds


def test_a_day_with_somebody_else(broker: Broker) -> None:
    """Set up at home, then moved half an hour's way now and then: sleeping deeply, it is heard, seen and found within a day."""
    with Rigged(broker) as rigged:
        board = rigged.board
        rigged.server.permit(1, interval=3600, batch=64, batch_age=86_400, heartbeat=86_400)
        rigged.run(120)
        away(rigged)
        board.gnss.drive = driving(*[(hour * HOUR_S, hour * HOUR_S + 300) for hour in range(1, 30)])
        assert not hears(rigged, 9 * HOUR_S) and board.buzzer.tones == [] and board.bluetooth.seen == []
        assert hears(rigged, 17 * HOUR_S)
        alone_s = board.buzzer.tones[0].begin_s - HOUR_S
        assert 8 * HOUR_S <= alone_s <= 26 * HOUR_S and board.counters["deep sleeps"] > 8
        states = lit(rigged, 60)
        assert board.buzzer.tones[0].end_s is not None
        assert 5 <= board.buzzer.tones[0].end_s - board.buzzer.tones[0].begin_s <= 8
        assert 20 <= sum(states) <= 40 and sum(a != b for a, b in pairwise(states)) >= 30
        found = board.bluetooth.advertising
        assert found is not None and found.data[3:9] == SERVICE_DATA and found.interval_us <= 2_000_000
        assert found.address[0] >= 0xC0 and b"hold its button" in found.response
        assert rigged.server.device.encode() not in found.data + found.response + found.address
        slept = board.counters["deep sleeps"]
        rigged.run(300)
        assert board.counters["deep sleeps"] == slept and board.bluetooth.advertising == found
        # Whoever has found it holds its button: nothing is sensed any more, and all is quiet.
        board.press_button()
        rigged.run(4)
        board.release_button()
        rigged.run(4)
        assert not board.gnss.powered and not board.buzzer.sounds and board.bluetooth.advertising is None
        tones, fixes = len(board.buzzer.tones), len(board.gnss.emitted)
        rigged.run(HOUR_S)
        assert (len(board.buzzer.tones), len(board.gnss.emitted)) == (tones, fixes)


def test_at_its_own_access_point_each_evening_it_stays_silent(broker: Broker) -> None:
    """Two days: nine hours on the way, the rest at home; nothing is heard, and nothing is on the air."""
    with Rigged(broker) as rigged:
        rigged.server.permit(1, interval=7200, batch=8, batch_age=8 * HOUR_S, heartbeat=8 * HOUR_S)
        day_s = 24 * HOUR_S
        ways = [(day * day_s + at * HOUR_S, day * day_s + at * HOUR_S + 900) for day in range(2) for at in (1, 10)]
        rigged.board.gnss.drive = driving(*ways)
        for _ in range(2):
            rigged.run(HOUR_S)
            away(rigged)
            rigged.run(9 * HOUR_S + 1000)
            home(rigged)
            rigged.run(14 * HOUR_S - 1000)
        assert len(rigged.server.fixes) >= 16
        assert rigged.board.buzzer.tones == [] and rigged.board.bluetooth.seen == []
        assert all(not status.faults & FAULT for status in rigged.server.statuses)


def test_no_directive_silences_it(broker: Broker) -> None:
    """The stalker's server permits one fix, takes the leave back, and permits the next, over a hotspot that travels along."""
    with Rigged(broker, presence=alone(400), link="always") as rigged:
        board, server = rigged.board, rigged.server
        board.gnss.drive = driving((0, 4 * HOUR_S))
        narrow: dict[str, Any] = {"interval": 10, "batch": 1, "heartbeat": 60}
        version = 0
        while not board.buzzer.sounds and version < 60:
            fixes = len(server.fixes)
            server.permit(version + 1, **narrow, hours=[[0, 1]] if version % 4 else [])
            version += 1
            board.run(for_s=150, until=lambda fixes=fixes: board.buzzer.sounds or len(server.fixes) > fixes)  # type: ignore[misc]
            server.permit(version + 1, **narrow, sensors=0)
            version += 1
            server.send_directive()
            board.run(for_s=20, until=lambda: board.buzzer.sounds or not board.gnss.powered)
        assert board.buzzer.sounds and len(server.fixes) >= 10
        assert 400 <= board.world.clock.unix_s - START_S < 600
        rigged.run(70)
        assert board.bluetooth.advertising is not None
        assert server.statuses[-1].faults & FAULT and server.statuses[-1].faults < 2 * FAULT


def test_power_cuts_put_nothing_off(broker: Broker) -> None:
    """Its supply goes each ten minutes: it goes on by the receiver's time, and is heard when it is due."""
    with Rigged(broker, presence=alone(2400)) as rigged:
        board = rigged.board
        board.gnss.drive = driving((0, 4 * HOUR_S))
        rigged.server.permit(1, interval=60)
        for _ in range(6):
            if hears(rigged, 600):
                break
            board.cut_power()
            board.power_on()
        assert board.counters["boots"] > 4
        assert board.buzzer.sounds and 2400 <= board.world.clock.unix_s - START_S < 2800


@pytest.mark.parametrize("who", ["server", "control"])
def test_firmware_that_takes_the_servers_word_is_found_out(tmp_path: Path, broker: Broker, who: str) -> None:
    """A control: were an answer of the server somebody's presence, a tracker that calls its stalker would stay silent."""
    with Rigged(broker, presence=alone(0), link="always") as rigged:
        if who == "server":
            tail = "_accept = Presence.accept\ndef accept(self, fix):\n    if self._app.heard(): self.meet(True)\n"
            tail += "    _accept(self, fix)\nPresence.accept = accept"
            rigged.board.install(patched_firmware(tmp_path, "presence.py", tail))
            rigged.board.reset()
        rigged.board.gnss.drive = driving((0, 4 * HOUR_S))
        rigged.server.permit(1, interval=60, batch=1)
        rigged.board.run(
            for_s=1200,
            until=lambda: bool(rigged.board.buzzer.tones) and rigged.server.statuses[-1].faults & FAULT > 0,
        )
        told = any(status.faults & FAULT for status in rigged.server.statuses)
        assert told is (who == "control")


def test_a_bystanders_scan_tells_two_journeys_apart_by_nothing(broker: Broker) -> None:
    """Each time it is silent and found again it has another address, and all else is the same for every tracker."""
    with Rigged(broker, presence=alone(0)) as rigged:
        board = rigged.board
        board.gnss.drive = driving((0, 6 * HOUR_S))
        rigged.server.permit(1)
        assert hears(rigged, HOUR_S)
        rigged.run(5)
        board.cut_power()
        board.power_on()
        assert hears(rigged, HOUR_S)
        rigged.run(5)
        first, *_, last = board.bluetooth.seen
        assert first.address != last.address and first[3:] == last[3:]
