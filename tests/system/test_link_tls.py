"""TLS of the device in the real interpreter against mosquitto: the right CA and name connect, anything else is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from hw_sim.board import Board
from hw_sim.demo import stage as the_stage
from hw_sim.demo import story
from hw_sim.demo.stage import FIRMWARE, INSTALL, Stage
from hw_sim.network.broker import Broker, NoBroker
from hw_sim.network.net import Network
from hw_sim.plugin import BROKER_NAME, WIFI_KEY, WIFI_NAME
from tests.system.certificates import Authority, authority
from tests.system.rig import LONGEST_PAUSE_S, a_stage, arrived, locations, run, spooled

pytestmark = [pytest.mark.micropython, pytest.mark.mosquitto]

OURS = "CA of the test"
# What mbedTLS takes from the host's memory at its peak, on a 64-bit machine: 16 733 bytes to read into, 4445 to write from,
# and the rest for handshake and certificates. A Pico takes them from the interpreter's heap, an ESP32 from beside it.
TLS_BYTES = 29 * 1024
# 8 KiB above the budget of 192 KiB for everything, and 8 KiB of margin: see docs/decisions/0014-links.md.
HEAP_BYTES = 208 * 1024
PROGRAM = f"""
import asyncio, gc, network, socket, sys, time
from firmware.errors import LinkError
from firmware.link import packets
from firmware.link.mqtt import MqttClient
from firmware.link.secure import SecureTransport
wlan = network.WLAN(network.STA_IF)
wlan.active(True)
wlan.connect({WIFI_NAME!r}, {WIFI_KEY!r})
while not wlan.isconnected():
    time.sleep_ms(50)
told = []
transport = SecureTransport(socket, CA, lambda: TIME_S, lambda: 1700000000, told.append)
got = []
client = MqttClient(transport, packets, "dev", "", "", on_message=lambda topic, message, again: got.append(len(message)))
async def contact():
    try:
        await client.connect({BROKER_NAME!r}, 8883)
        await client.subscribe("a/b", True)
        for n in range(3):
            await client.publish("a/b", bytes(1000))
        await asyncio.sleep(1)
        gc.collect()
        await client.disconnect()
        print("connected", got)
    except LinkError as error:
        print("refused:", error)
asyncio.run(contact())
print("clock", told[-1])
"""


def contact(
    board: Board, network: Network, ca: Authority, tls: tuple[bytes, bytes], time_s: int | None = None
) -> list[str]:
    """One contact with a broker that has that certificate; what the program printed."""
    try:
        broker = Broker.start("mosquitto", tls)
    except NoBroker as missing:
        pytest.skip(str(missing))
    with broker:
        network.hosts[BROKER_NAME] = (broker.host, broker.tls_port)
        board.install(FIRMWARE)
        board.program(f"CA = {ca.pem.decode()!r}\nTIME_S = {time_s}\n" + PROGRAM)
        board.power_on()
        board.run(for_s=60)
    return str(board.console).splitlines()


def test_the_right_ca_and_name_connect(board: Board, network: Network) -> None:
    """Three messages of 1000 bytes there and back through TLS; nothing of them is to be seen on the way."""
    ca = authority(OURS)
    said = contact(board, network, ca, ca.certify(BROKER_NAME), 1_790_000_000)
    assert said == ["connected [1000, 1000, 1000]", "clock 1790000000"]
    assert network.captured("up")[:2] == b"\x16\x03" and bytes(1000) not in network.captured()
    assert network.dialled[-1][1] == 8883


def test_without_time_the_start_of_a_certificate_is_believed(board: Board, network: Network) -> None:
    """A device that lay in a drawer judges first by its floor, then by when the certificate that it was shown begins."""
    ca = authority(OURS)
    program = PROGRAM.replace('print("clock", told[-1])', "asyncio.run(contact())\nprint(told)")
    certificate, key = ca.certify(BROKER_NAME, begins_days=2)
    begins_s = int(x509.load_pem_x509_certificate(certificate).not_valid_before_utc.timestamp())
    with Broker.start("mosquitto", (certificate, key)) as broker:
        network.hosts[BROKER_NAME] = (broker.host, broker.tls_port)
        board.install(FIRMWARE)
        board.program(f"CA = {ca.pem.decode()!r}\nTIME_S = None\n" + program)
        board.power_on()
        board.run(for_s=60)
    said = str(board.console).splitlines()
    assert said[:2] == ["refused: The certificate validity starts in the future"] * 2  # by the clock of the host
    assert said[2] == f"[1700000000, {begins_s}]"


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ({"issuer": "another CA"}, "The certificate is not correctly signed by the trusted CA"),
        ({"name": "other.example"}, "The certificate Common Name (CN) does not match with the expected CN"),
        ({"begins_days": -30, "ends_days": -1}, "The certificate validity has expired"),
        ({"begins_days": 2, "ends_days": 30}, "The certificate validity starts in the future"),
    ],
)
def test_another_broker_is_refused(board: Board, network: Network, names: dict[str, Any], reason: str) -> None:
    """Another CA, another name, a validity that is over or has not begun: no CONNECT is sent, not even in the clear."""
    names = dict(names)
    issuer = authority(names.pop("issuer", OURS))
    broker = issuer.certify(names.pop("name", BROKER_NAME), **names)
    said = contact(board, network, authority(OURS), broker, 1_790_000_000)
    assert said[0] == f"refused: {reason}"  # and nothing else is wrong with it
    assert b"MQTT" not in network.captured("up") and not network.up.packets


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[Stage]:
    """A stage whose device knows the broker by TLS alone, with a CA of its own; its consent is given, it is off."""
    ca = authority(OURS)
    with a_stage(tmp_path) as stage:
        stage.stop_broker()
        broker = Broker("mosquitto", stage.port, ca.certify(BROKER_NAME))
        stage.take_broker(broker)
        stage.network.hosts[BROKER_NAME] = (broker.host, broker.tls_port)
        settings = {
            "board": "esp32s3",
            "wifi": {"ssid": the_stage.WIFI_NAME, "key": the_stage.WIFI_KEY},
            "broker": {"host": BROKER_NAME, "port": 8883, "tls": True, "ca": ca.pem.decode()},
        }
        enrolment = stage.cloud.enrol(subject=stage.subject, settings=settings)
        stage.device = enrolment.device
        stage.board.execute(INSTALL, files={"enrolment": enrolment.file})
        story.consent(stage)
        yield stage


def test_a_drive_under_tls_within_the_heap(secured: Stage) -> None:
    """The whole device, what TLS takes outside of the interpreter's heap being taken from that: all arrives once."""
    secured.board.heap_bytes = HEAP_BYTES - TLS_BYTES
    secured.board.power_on()
    run(secured, 300, until_stored=4)
    arrived(secured)
    assert not secured.network.up.packets and b"bl/1/" not in secured.network.captured()


def test_a_broker_that_changes_its_ca_gets_nothing(secured: Stage) -> None:
    """Another broker stands there under another CA's certificate: all waits in flash until the right one is back."""
    secured.board.power_on()
    run(secured, 300, until_stored=1)
    right = secured.network.hosts[BROKER_NAME]
    with Broker.start("mosquitto", authority("another CA").certify(BROKER_NAME)) as wrong:
        secured.network.hosts[BROKER_NAME] = (wrong.host, wrong.tls_port)
        stored = locations(secured)
        secured.board.run(for_s=300)
    assert locations(secured) == stored and spooled(secured) >= 3
    assert "link: The certificate is not correctly signed by the trusted CA" in str(secured.board.console)
    secured.network.hosts[BROKER_NAME] = right
    run(secured, LONGEST_PAUSE_S, until_stored=stored + 3)
    arrived(secured)
