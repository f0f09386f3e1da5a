"""From a board without a radio to its server: a serial line, a gateway process, a real broker; and nothing is read on the way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_sync.config import BrokerConfig, Config
from cloud_sync.model import Stream
from cloud_sync.service import CloudSync, SystemClock
from hw_sim.demo.stage import INSTALL, POLICY, SUBJECT
from hw_sim.network.broker import Broker
from hw_sim.network.gateway import ACCEPTED, DOWN, HELLO, STATE, TAKEN, UP, WELCOME
from tests.system.gateways import a_gateway
from tests.system.rig import (
    fixes,
    locations,
    missing,
    nothing_doubled,
    park,
    solutions,
    spooled,
)
from tests.system.shells import running
from tests.system.wired import HOUR_S, WAIT_S, Wired, a_wired_drive
from tests.unit.cloud_sync.mqtt.mqtt_broker import until

DAY_S = 86_400
pytestmark = [pytest.mark.micropython, pytest.mark.mosquitto]


@pytest.fixture(scope="module")
def wired(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wired]:
    """One drive for the two tests that follow, in their order or each alone."""
    with a_wired_drive(tmp_path_factory.mktemp("wired"), batch=5, heartbeat='"PT6H"') as drive:
        yield drive


def test_the_whole_way(wired: Wired) -> None:
    """Status, fixes, consent and verdicts pass a gateway byte for byte, and it keeps none of them."""
    stage, tap = wired.stage, wired.tap
    stage.board.run(for_s=300, until=lambda: locations(stage) >= 3)
    wired.between_contacts()
    nothing_doubled(stage)
    seen = stage.observer.messages
    assert {p for t, p in seen if t == stage.up_topic} == set(tap.bodies(UP))
    said = [p for t, p in seen if t == stage.down_topic]
    assert set(tap.bodies(DOWN)) <= set(said)
    assert len(set(tap.bodies(DOWN))) > 5  # directives, a healing, verdicts
    assert len(tap.bodies(ACCEPTED)) >= len(set(tap.bodies(UP))) > 5
    assert len(tap.bodies(TAKEN)) >= len(set(tap.bodies(DOWN)))
    assert set(tap.bodies(WELCOME)) == {b"\1"}
    assert solutions(stage) and len(fixes(stage)) >= len(solutions(stage)) - 10  # an open batch, and one on its way
    until(lambda: not wired.gateway.waiting(), WAIT_S)


def holds_nothing(wired: Wired) -> None:
    """No key of what passed lies in the gateway's memory or files; an envelope that waits does, so the search sees."""
    keys, waits, device = wired.opened_by(), wired.tap.bodies(UP)[-1], wired.stage.device.encode()
    assert len(keys) > 5
    found = {waits: 0, device: 0}
    for where, data in [*(("memory", piece) for piece in wired.gateway.memory()), *wired.gateway.files().items()]:
        for key in keys:
            assert key not in data, where
            assert key.hex().encode() not in data, where
        for each in found:
            found[each] += data.count(each)
    assert all(found.values())
    assert wired.stage.device not in wired.gateway.said()


def test_a_broker_that_is_away_for_a_day(wired: Wired) -> None:
    """Contacts end well meanwhile, and the gateway keeps what it accepted and cannot open; afterwards each fix is stored, once.

    The board has power for two hours of it, and looks for its server in each.
    """
    stage, tap = wired.stage, wired.tap
    stored, began_s = locations(stage), stage.world.clock.unix_s
    stage.stop_broker()
    until(lambda: "broker-gone" in wired.gateway.said(), WAIT_S)
    before, failed = len(tap.frames), str(stage.board.console).count("link: ")
    stage.board.run(for_s=110)
    park(stage)
    stage.board.run(for_s=2 * HOUR_S)
    wired.between_contacts()
    since = [kind for kind, _, _ in tap.frames[before:]]
    assert since.count(HELLO) == since.count(WELCOME) >= 4
    assert since.count(ACCEPTED) > since.count(WELCOME)
    assert b"\0" not in [body for kind, _, body in tap.frames[before:] if kind in (WELCOME, STATE)]
    assert str(stage.board.console).count("link: ") == failed
    assert locations(stage) == stored
    assert spooled(stage) > 3
    assert wired.gateway.waiting() > 3
    holds_nothing(wired)
    stage.board.cut_power()
    stage.pass_time(began_s + DAY_S)
    with wired.gateway.held():  # this broker keeps no sessions: what came before the server would be for nobody
        stage.start_broker()
    until(lambda: locations(stage) > stored + 1, WAIT_S)  # out of the gateway's spool: the board has no power
    stage.board.power_on()
    wired.drain()
    assert missing(stage) == []
    nothing_doubled(stage)
    until(lambda: not wired.gateway.waiting(), WAIT_S)


def test_a_shell_on_a_gateway(tmp_path: Path, broker: Broker) -> None:
    """`sim shell --uart` beside `agent gateway`: a board without a radio is heard at the server, and hears its verdict."""
    uart = tmp_path / "van.uart"
    config = Config.in_directory(
        tmp_path / "cloud", policy=POLICY, broker=BrokerConfig(host="127.0.0.1", port=broker.port)
    )
    with (
        CloudSync.open(config, clock=SystemClock()) as cloud,
        running("--uart", str(uart)) as shell,
        a_gateway(tmp_path, [uart], broker.port) as gateway,
    ):
        cloud.start()
        enrolment = cloud.enrol(subject=SUBJECT, settings={"board": "esp32s3", "serial": {"baudrate": 115_200}})
        shell.mpremote("exec", f"files = {{'enrolment': {enrolment.file!r}}}\n{INSTALL}", "+", "reset")
        until(lambda: cloud.database.count_envelopes(enrolment.device, Stream.STATUS) > 0, WAIT_S)
        until(lambda: not gateway.waiting(), WAIT_S)
        assert enrolment.device not in gateway.said() + gateway.status()
