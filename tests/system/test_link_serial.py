"""A device without a radio delivers over a serial line to a gateway: noise, cut frames, a pulled cable; nothing is lost."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from hw_sim.demo import story
from hw_sim.demo.stage import INSTALL, Stage
from hw_sim.network.gateway import ACCEPTED, DOWN, STATE, TAKEN, UP, Gateway, WireFaults
from tests.system.rig import (
    BATCH,
    LONGEST_PAUSE_S,
    a_stage,
    arrived,
    between_contacts,
    drain,
    fixes,
    locations,
    missing,
    nothing_doubled,
    park,
    run,
    solutions,
    statuses,
)

pytestmark = pytest.mark.micropython


@contextlib.contextmanager
def a_wired_drive(folder: Path) -> Iterator[tuple[Stage, Gateway]]:
    """A device on its drive whose only link is UART 2, and the gateway there; the first batch is stored."""
    with a_stage(folder) as stage:
        gateway = Gateway(stage.world, stage.network, ("127.0.0.1", stage.port))
        stage.board.attach_uart(2, 12, 13, gateway)
        stage.network.associated = True  # the gateway's way out; the board's radio never has power
        enrolment = stage.cloud.enrol(
            subject=stage.subject, settings={"board": "esp32s3", "serial": {"baudrate": gateway.baudrate}}
        )
        stage.device = enrolment.device
        stage.board.execute(INSTALL, files={"enrolment": enrolment.file})
        stage.network.associated = True
        story.consent(stage)
        stage.board.power_on()
        stage.network.associated = True
        run(stage, 300, until_stored=1)
        between_contacts(stage)
        assert locations(stage) == 1
        yield stage, gateway
        assert stage.board.radio.active_s == 0


def test_a_device_without_a_radio_delivers(tmp_path: Path) -> None:
    """Consent, fixes and verdicts pass the line; the drive is at the store once, and all crossed the line once."""
    with a_wired_drive(tmp_path) as (stage, gateway):
        run(stage, 600, until_stored=6)
        arrived(stage)
        assert gateway.counts[f"heard {UP}"] == gateway.counts[f"said {ACCEPTED}"] == stage.network.up.publishes
        assert gateway.counts["noise"] == 0
        # Flash is written when the line rests: no frame is cut by an erase, so each downlink is said once, and taken once,
        # and none comes to the sealer a second time, or behind a later one, to be refused there.
        assert stage.board.uarts[2].lost_bytes == 0
        assert gateway.counts[f"said {DOWN}"] == gateway.counts[f"heard {TAKEN}"] == stage.network.down.publishes > 10
        assert {report.refused for report in statuses(stage)} == {0}


@pytest.mark.parametrize(
    "fault",
    [WireFaults(noise=0.0007), WireFaults(lose=0.0007), WireFaults(burst_bytes=1500)],
    ids=["noise", "lost bytes", "bursts"],
)
def test_a_bad_line(tmp_path: Path, fault: WireFaults) -> None:
    """Bytes that change, vanish or come from nowhere, both ways, for ten minutes: what was cut is said again, all arrives once."""
    with a_wired_drive(tmp_path) as (stage, gateway):
        gateway.fault = fault
        stage.board.run(for_s=600)
        assert gateway.counts["noise"] > 0
        gateway.fault = WireFaults()
        arrived(stage)


def test_a_pulled_cable(tmp_path: Path) -> None:
    """Nothing passes for ten minutes, from the middle of a contact on: the device notices, keeps all, and sends it later."""
    with a_wired_drive(tmp_path) as (stage, gateway):
        heard = gateway.counts[f"heard {UP}"]
        stage.board.run(for_s=300, until=lambda: gateway.counts[f"heard {UP}"] > heard)
        gateway.fault = WireFaults(pulled=True)
        stored = locations(stage)
        stage.board.run(for_s=600)
        assert locations(stage) <= stored + 1
        assert "link: " in str(stage.board.console)
        gateway.fault = WireFaults()
        run(stage, LONGEST_PAUSE_S, until_stored=stored + 5)
        arrived(stage)


def test_a_gateway_without_its_broker(tmp_path: Path) -> None:
    """The broker is away: the gateway says so at once, the device goes to rest, and all arrives when it is back."""
    with a_wired_drive(tmp_path) as (stage, gateway):
        stage.stop_broker()
        said = gateway.counts[f"said {STATE}"]
        stage.board.run(for_s=400)
        assert gateway.counts[f"said {STATE}"] > said
        assert "the gateway has no broker" in str(stage.board.console)
        stage.start_broker()
        run(stage, LONGEST_PAUSE_S, until_stored=5)
        park(stage)
        drain(stage)
        assert missing(stage) == [] and len(fixes(stage)) >= len(solutions(stage)) - BATCH
        nothing_doubled(stage)
