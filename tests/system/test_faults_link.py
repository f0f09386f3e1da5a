"""Bad links through the whole chain: no broker, one that dies, broken and half-open connections, lost packets.

In each case every solution of the receiver ends as exactly one fix, and the spool is empty in the end.
"""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from cloud_sync.ingest.outcome import Kind
from cloud_sync.model import Stream
from hw_sim.demo import story
from hw_sim.demo.observer import stream_in_clear
from hw_sim.demo.stage import BROKER_NAME, Stage
from hw_sim.network.net import Faults
from hw_sim.network.traffic import Direction, name_of, payload_of, topic_of
from tests.system.rig import (
    BATCH,
    LONGEST_PAUSE_S,
    a_drive,
    a_stage,
    arrived,
    between_contacts,
    consent,
    drain,
    fixes,
    in_contact,
    locations,
    missing,
    nothing_doubled,
    park,
    run,
    solutions,
    spooled,
    statuses,
)

pytestmark = pytest.mark.micropython


class Dropped:
    """A fault of the network that loses the packets for which `matches` is true, the first `count` of them."""

    def __init__(self, matches: Callable[[Direction, bytes], bool], count: int = 1_000_000) -> None:
        self.matches, self.left, self.packets = matches, count, list[bytes]()

    def __call__(self, direction: Direction, packet: bytes) -> bool:
        lost = self.left > 0 and self.matches(direction, packet)
        if lost:
            self.left -= 1
            self.packets.append(packet)
        return lost


def test_without_a_broker_all_start_and_nothing_is_lost(tmp_path: Path) -> None:
    """No broker at the start of anything: the device asks in vain and stays off; when the broker comes, the drive is read."""
    with a_stage(tmp_path, broker=False) as stage:
        stage.enrol()
        story.consent(stage)
        stage.board.power_on()
        stage.board.run(for_s=300)
        assert not stage.cloud.wait_connected(0)
        assert "cannot connect" in stage.cloud.link_state
        assert stage.board.gnss.powered_s == 0
        assert "link: " in str(stage.board.console)
        stage.start_broker()
        run(stage, LONGEST_PAUSE_S + 300, until_stored=5)
        assert locations(stage) == 5
        arrived(stage)


def test_without_a_broker_at_power_on_an_earlier_consent_lets_the_device_sense(tmp_path: Path) -> None:
    """Device and server start anew where no broker is: under the directive in flash fixes are spooled, and all arrive once."""
    with a_drive(tmp_path) as stage:
        arrived_before = locations(stage)
        stage.stop_broker()
        stage.close_server()
        stage.board.cut_power()
        stage.open_server()
        lost_in_ram = missing(stage)
        stage.board.power_on()
        stage.board.run(for_s=600)
        assert spooled(stage) >= 600 // (BATCH * 10) - 3
        assert locations(stage) == arrived_before
        stage.start_broker()
        run(stage, LONGEST_PAUSE_S, until_stored=arrived_before + 5)
        park(stage)
        drain(stage)
        assert missing(stage) == lost_in_ram
        assert len(lost_in_ram) < BATCH
        nothing_doubled(stage)


def test_a_broker_that_dies_in_the_drive_and_comes_back_empty(tmp_path: Path) -> None:
    """Sessions and queues of the broker are gone, shortly or for long; every fix arrives once and the spool drains."""
    with a_drive(tmp_path) as stage:
        for minutes in (1, 5):
            stage.stop_broker()
            stage.board.run(for_s=60 * minutes)
            stored = locations(stage)
            assert spooled(stage) > 0
            stage.start_broker()
            run(stage, LONGEST_PAUSE_S, until_stored=stored + 3)
        arrived(stage)


def test_a_broker_that_dies_within_a_contact(tmp_path: Path) -> None:
    """The broker goes between the device's publish and the server's verdict, three times; nothing is lost or doubled."""
    with a_drive(tmp_path) as stage:
        for _ in range(3):
            published = stage.network.up.packets["PUBLISH"]
            stage.board.run(for_s=300, until=lambda seen=published: stage.network.up.packets["PUBLISH"] > seen)
            assert stage.network.up.packets["PUBLISH"] > published
            stage.stop_broker()
            stage.start_broker()
            stage.board.run(for_s=120)
        arrived(stage)


def test_a_broker_that_loses_what_it_has_acknowledged(tmp_path: Path) -> None:
    """The broker took everything while the server was away, and died with it: a PUBACK released nothing, all is sent again."""
    with a_drive(tmp_path) as stage:
        stage.close_server()
        acknowledged = stage.network.down.packets["PUBACK"]
        stage.board.run(for_s=200)
        assert stage.network.down.packets["PUBACK"] >= acknowledged + 5
        assert spooled(stage) >= 5
        stage.stop_broker()
        stage.start_broker()
        stage.open_server()
        run(stage, LONGEST_PAUSE_S, until_stored=locations(stage) + 5)
        arrived(stage)


@pytest.mark.parametrize("cuts", [(1, 14, 30, 60), (100, 150, 230, 350, 500)])
def test_a_link_that_is_cut_after_some_bytes(tmp_path: Path, cuts: tuple[int, ...]) -> None:
    """The connection breaks in CONNECT, in SUBSCRIBE, in the middle of a PUBLISH or between two; all arrives once."""
    with a_drive(tmp_path) as stage:
        for n_bytes in cuts:
            stage.network.fault.cut_after(n_bytes)
            stage.board.run(for_s=900, until=lambda: stage.network.fault.cut_after_bytes is None)
            assert stage.network.fault.cut_after_bytes is None
        arrived(stage)


def test_a_half_open_connection(tmp_path: Path) -> None:
    """Bytes vanish both ways and no close is seen: the device finds out by itself, keeps all, and sends it later."""
    with a_drive(tmp_path) as stage:
        in_contact(stage)
        stored = locations(stage)
        stage.network.fault = Faults(half_open=True)
        stage.board.run(for_s=400)
        assert locations(stage) == stored
        assert spooled(stage) >= 5
        stage.network.fault = Faults()
        run(stage, LONGEST_PAUSE_S, until_stored=stored + 5)
        arrived(stage)


def test_a_network_that_is_away(tmp_path: Path) -> None:
    """No access point for ten minutes: fixes wait in flash, none is lost."""
    with a_drive(tmp_path) as stage:
        stored = locations(stage)
        stage.network.fault = Faults(down=True)
        stage.board.run(for_s=600)
        assert locations(stage) == stored
        stage.network.fault = Faults()
        run(stage, LONGEST_PAUSE_S, until_stored=stored + 5)
        arrived(stage)


def test_acknowledgements_of_the_broker_that_are_lost(tmp_path: Path) -> None:
    """Each second PUBACK vanishes: the device sends again under the same identifier, and the store knows the repeat."""
    with a_drive(tmp_path) as stage:
        pubacks = 0

        def second(direction: Direction, packet: bytes) -> bool:
            nonlocal pubacks
            pubacks += direction == "down" and name_of(packet) == "PUBACK"
            return direction == "down" and name_of(packet) == "PUBACK" and pubacks % 2 == 0

        stage.network.fault.drop = dropped = Dropped(second)
        stage.board.run(for_s=250)
        assert len(dropped.packets) > 3
        stage.network.fault = Faults()
        arrived(stage)
        assert stage.cloud.ingest.counts[Kind.REPEATED] > 0


def test_verdicts_that_are_lost(tmp_path: Path) -> None:
    """No downlink reaches the device for minutes: it keeps what it sent, sends it again, and is told "stored" again."""
    with a_drive(tmp_path) as stage:
        stage.network.fault.drop = dropped = Dropped(lambda direction, packet: is_downlink(stage, direction, packet))
        stage.board.run(for_s=250)
        assert len(dropped.packets) > 3
        kept, stored = spooled(stage), locations(stage)
        assert kept > stored  # each of them is stored, and still there
        stage.network.fault = Faults()
        arrived(stage)
        assert stage.cloud.ingest.counts[Kind.REPEATED] >= kept - 4


def test_uplinks_that_are_lost_on_the_way(tmp_path: Path) -> None:
    """The first try of five location envelopes vanishes before the broker: the second one arrives, once."""
    with a_drive(tmp_path) as stage:
        stage.network.fault.drop = dropped = Dropped(is_location, count=5)
        stage.board.run(for_s=600)
        assert len(dropped.packets) == 5
        stage.network.fault = Faults()
        arrived(stage)


class Portal(socketserver.StreamRequestHandler):
    """A captive portal: whatever the guest says, it answers with its page."""

    def handle(self) -> None:
        """One guest."""
        if self.request.recv(512):
            self.request.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://portal.example/\r\n\r\n")


def test_a_captive_portal(tmp_path: Path) -> None:
    """The name leads to a portal for ten minutes: it gets a CONNECT, never an envelope, and all arrives afterwards."""
    with a_drive(tmp_path) as stage, socketserver.ThreadingTCPServer(("127.0.0.1", 0), Portal) as portal:
        threading.Thread(target=portal.serve_forever, daemon=True).start()
        broker, published = stage.network.hosts[BROKER_NAME], stage.network.up.publishes
        stage.network.hosts[BROKER_NAME] = portal.server_address  # type: ignore[assignment]
        stage.board.run(for_s=600)
        assert stage.network.up.publishes == published and spooled(stage) >= 5
        stage.network.hosts[BROKER_NAME] = broker
        portal.shutdown()
        run(stage, LONGEST_PAUSE_S, until_stored=5)
        arrived(stage)


def test_a_resolver_that_fails_and_a_broker_that_moves(tmp_path: Path) -> None:
    """No answer for the name for five minutes, then another address: each try asks anew, and all arrives there."""
    with a_drive(tmp_path) as stage:
        broker, asked = stage.network.hosts.pop(BROKER_NAME), len(stage.network.asked)
        stage.board.run(for_s=300)
        assert len(stage.network.asked) > asked + 2 and "no address for the broker" in str(stage.board.console)
        stage.network.hosts |= {"aaa.example": broker, BROKER_NAME: broker}  # the name's address is another now
        dialled = set(stage.network.dialled)
        run(stage, LONGEST_PAUSE_S, until_stored=5)
        assert set(stage.network.dialled) - dialled
        arrived(stage)


def test_what_the_server_said_while_the_device_was_away_is_not_taken_for_forgery(tmp_path: Path) -> None:
    """A withdrawal in the night, with the server gone in the morning: the device stops by what waited at the broker alone."""
    with a_drive(tmp_path) as stage:
        between_contacts(stage)
        consent(stage, "withdraw")
        stage.await_server()
        stage.close_server()
        stage.board.run(for_s=400, until=lambda: not stage.board.gnss.powered)
        assert not stage.board.gnss.powered
        stage.open_server()
        drain(stage)
        assert statuses(stage)[-1].refused == 0


def test_downlinks_whose_acknowledgement_is_lost(tmp_path: Path) -> None:
    """The broker never hears that a downlink came, and says it again in the next contact: known, and no sign of forgery."""
    with a_drive(tmp_path) as stage:
        lost = Dropped(lambda direction, packet: direction == "up" and name_of(packet) == "PUBACK")
        stage.network.fault.drop = lost
        stage.board.run(for_s=150)
        assert len(lost.packets) > 3
        stage.network.fault = Faults()
        arrived(stage)
        assert {status.refused for status in statuses(stage)} == {0}


def test_the_count_sees_a_lost_fix(tmp_path: Path) -> None:
    """A control of the tests above: with one row taken out of the store, exactly its fixes are missing."""
    with a_drive(tmp_path) as stage:
        stage.board.run(for_s=300)
        arrived(stage)
        row = stage.cloud.database.envelopes(stage.device, Stream.LOCATION, 0, 2**17)[1]
        stage.cloud.database.remove_envelopes([(row.id, row.digest)])
        assert missing(stage) == solutions(stage)[BATCH : 2 * BATCH]
        assert len(fixes(stage)) == len(solutions(stage)) - BATCH


def is_location(direction: Direction, packet: bytes) -> bool:
    """A location envelope on its way up."""
    return direction == "up" and name_of(packet) == "PUBLISH" and stream_in_clear(payload_of(packet)) == Stream.LOCATION


def is_downlink(stage: Stage, direction: Direction, packet: bytes) -> bool:
    """A sealed downlink."""
    return direction == "down" and name_of(packet) == "PUBLISH" and topic_of(packet) == stage.down_topic
