"""A device whose only way out is an LTE-M modem: attach, PPP, sealed envelopes, gaps in the network, PSM; nothing is lost.

The unmodified firmware, the simulated SIM7080G behind its UART and its two pins, a real broker and the real server.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hw_sim.chips.sim7080g import ModemFaults, Sim, Sim7080g
from hw_sim.demo import story
from hw_sim.demo.stage import BROKER_NAME, INSTALL, Stage
from hw_sim.silicon.description import ModemWiring
from hw_sim.world.cell import Cell
from tests.system.rig import (
    LONGEST_PAUSE_S,
    a_stage,
    arrived,
    between_contacts,
    in_contact,
    locations,
    run,
    statuses,
)
from tests.unit.firmware.app.cellular import PSM, WIRING

pytestmark = pytest.mark.micropython

FAULT_MODEM = 8192


@contextlib.contextmanager
def enrolled(
    folder: Path,
    section: dict[str, Any] | None = None,
    *,
    wiring: ModemWiring = WIRING,
    sim: Sim | None = None,
    **device: object,
) -> Iterator[tuple[Stage, Sim7080g]]:
    """A stage with a device that has a modem in place of an access point, and the person's leave; it is not on yet."""
    with a_stage(folder, **device) as stage:
        stage.network.wifi.clear()
        modem = stage.board.attach_modem(wiring)
        modem.sim = sim or Sim()
        settings = {
            "board": "esp32s3",
            "broker": {"host": BROKER_NAME, "port": 1883},
            "modem": {"chip": "sim7080g", "apn": "iot.example", **(section or {})},
        }
        enrolment = stage.cloud.enrol(subject=stage.subject, settings=settings)
        stage.device = enrolment.device
        stage.board.execute(INSTALL, files={"enrolment": enrolment.file})
        story.consent(stage)
        stage.board.power_on()
        yield stage, modem
        assert stage.board.radio.active_s == 0
        assert modem.counts["PINs tried"] == 0 or sim is not None


@contextlib.contextmanager
def a_drive(folder: Path, section: dict[str, Any] | None = None, **device: object) -> Iterator[tuple[Stage, Sim7080g]]:
    """On its way, the first batch stored."""
    with enrolled(folder, section, **device) as (stage, modem):  # type: ignore[arg-type]
        run(stage, 400, until_stored=1)
        between_contacts(stage)
        assert locations(stage) >= 1
        yield stage, modem


def test_it_delivers_and_speaks_to_its_broker_alone(tmp_path: Path) -> None:
    """Attach, PPP, consent, fixes and verdicts: the drive is at the store once; one name was resolved, one address dialled."""
    with a_drive(tmp_path) as (stage, modem):
        run(stage, 600, until_stored=8)
        arrived(stage)
        assert set(stage.network.asked) == {BROKER_NAME} and {port for _, port in stage.network.dialled} == {1883}
        assert modem.counts["calls"] == modem.counts["attaches"] > 3  # without PSM one for each contact
        assert {report.faults for report in statuses(stage) if report.time} == {0}
        between_contacts(stage)
        stage.board.run(for_s=30)
        assert modem.state == "off"


def test_a_bad_cell(tmp_path: Path) -> None:
    """Half a second of delay, and a tenth of what comes has to be said again: all arrives, once."""
    with a_drive(tmp_path) as (stage, modem):
        modem.cell = Cell(latency_ms=500, loss=0.1)
        run(stage, 600, until_stored=8)
        arrived(stage)


def test_coverage_that_goes_in_the_middle_of_a_contact(tmp_path: Path) -> None:
    """Into a tunnel for ten minutes, from a subscription on: the device gives up, keeps all, and sends it behind the tunnel."""
    with a_drive(tmp_path, {"psm": PSM}) as (stage, modem):
        in_contact(stage)
        modem.cell = Cell(covered=False)
        stored = locations(stage)
        stage.board.run(for_s=600)
        assert locations(stage) <= stored + 1 and modem.registration != 1
        modem.cell = Cell()
        run(stage, LONGEST_PAUSE_S, until_stored=stored + 6)
        arrived(stage)
        assert {report.faults for report in statuses(stage) if report.time} == {0}  # a tunnel is no fault of the modem


def test_between_contacts_it_rests_and_stays_registered(tmp_path: Path) -> None:
    """PSM: one attach for a drive of contacts, in each a start of the device behind deep sleep too."""
    with a_drive(tmp_path, {"psm": PSM}, batch=12) as (stage, modem):
        run(stage, 900, until_stored=6)
        arrived(stage)
        assert modem.counts["attaches"] == 1 and modem.counts["starts out of PSM"] >= 4
        stage.board.run(for_s=60)
        assert modem.state == "psm"


def test_a_restart_in_a_call_finds_the_modem_there(tmp_path: Path) -> None:
    """A reset in the middle of a contact: the modem is still in data mode, and is brought out of it without being reset."""
    with a_drive(tmp_path, {"psm": PSM}) as (stage, modem):
        in_contact(stage)
        assert modem.call
        stage.board.reset()
        run(stage, LONGEST_PAUSE_S, until_stored=locations(stage) + 3)
        arrived(stage)
        assert modem.counts["resets"] == 0


def test_a_modem_that_talks_noise_is_told_when_it_does_not(tmp_path: Path) -> None:
    """A quarter of an hour of noise, no answer: the device goes on, the next status has the fault, the one behind it not."""
    with a_drive(tmp_path) as (stage, modem):
        modem.fault = ModemFaults(silent=True)
        noise = stage.world.random("noise")
        for second in range(900):
            stage.world.clock.after(second * 1_000_000, lambda: modem.emit(noise.randbytes(60)))
        stage.board.run(for_s=900)
        modem.fault = ModemFaults()
        run(stage, LONGEST_PAUSE_S, until_stored=locations(stage) + 6)
        arrived(stage)
        stage.board.run(for_s=1200)  # to the next heartbeat
        told = [report.faults & FAULT_MODEM for report in statuses(stage)]
        assert told[-1] == 0 and FAULT_MODEM in told
        assert stage.board.counters["boots after watchdog"] == 0 and statuses(stage)[-1].crash == ""


def test_a_modem_that_hangs_is_reset(tmp_path: Path) -> None:
    """In the middle of a contact: the next one resets it by its key, and nothing is lost."""
    with a_drive(tmp_path) as (stage, modem):
        in_contact(stage)
        modem.fault = ModemFaults(hung=True)
        run(stage, LONGEST_PAUSE_S, until_stored=locations(stage) + 4)
        arrived(stage)
        assert modem.counts["resets"] == 1


def test_a_network_that_denies_is_told_when_it_does_not(tmp_path: Path) -> None:
    """A contract that was blocked for a quarter of an hour."""
    with a_drive(tmp_path) as (stage, modem):
        modem.cell = Cell(takes="nobody")
        stage.board.run(for_s=900)
        assert modem.counts["denied"] > 2 and "denies" in str(stage.board.console)
        modem.cell = Cell()
        run(stage, LONGEST_PAUSE_S, until_stored=locations(stage) + 6)
        arrived(stage)
        assert FAULT_MODEM in [report.faults & FAULT_MODEM for report in statuses(stage)]


def test_a_wrong_pin_is_tried_once_over_restarts_and_power_cuts(tmp_path: Path) -> None:
    """Hours, a reset and two power cuts: the card still has two of its three tries."""
    with enrolled(tmp_path, {"pin": "1111"}, sim=Sim(pin="4321")) as (stage, modem):
        stage.board.run(for_s=1800)
        stage.board.reset()
        stage.board.run(for_s=1800)
        for _ in range(2):
            stage.board.cut_power()
            stage.board.power_on()
            stage.board.run(for_s=1800)
        assert modem.counts["PINs tried"] == 1 and modem.sim.tries == 2
        assert "PIN was tried before" in str(stage.board.console)


def test_a_right_pin_opens_the_card(tmp_path: Path) -> None:
    """And is never printed."""
    with enrolled(tmp_path, {"pin": "4321"}, sim=Sim(pin="4321")) as (stage, _):
        run(stage, 600, until_stored=4)
        arrived(stage)
        assert "4321" not in str(stage.board.console)


def test_key_material_is_drawn_with_wifi_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ESP32's random bytes are true ones while its own radio is on; for 32 of them it is, and for less it stays off."""
    with a_stage(tmp_path) as stage:
        radio, seen = stage.board.radio, list[bool]()
        draw = stage.board.rng.randbytes
        monkeypatch.setattr(stage.board.rng, "randbytes", lambda n: (seen.append(radio.active), draw(n))[1])
        program = "from firmware import boards\nprint(len(boards.active().random(%d)))"
        for n in (16, 32):
            assert stage.board.execute(program % n).strip() == str(n)
        assert seen == [False, True] and not radio.active


def test_the_modem_fits_its_heap(tmp_path: Path) -> None:
    """In 192 KiB with all that a contact loads, as each status tells it; nothing grows."""
    with a_drive(tmp_path, {"psm": PSM}) as (stage, _):
        stage.board.run(for_s=1200)
        free = [report.heap_free for report in statuses(stage)]
        assert len(free) > 10 and min(free) > 16_384
        assert abs(free[-1] - free[len(free) // 2]) < 2048
