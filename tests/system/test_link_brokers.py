"""The device's MQTT in the real interpreter on three brokers: a session that outlives the connection, and nobody else contacted."""

from __future__ import annotations

import pytest
from paho.mqtt import publish as paho_publish

from hw_sim.board import Board
from hw_sim.demo.stage import FIRMWARE
from hw_sim.network.broker import Broker, Kind, NoBroker
from hw_sim.network.net import Network
from hw_sim.plugin import BROKER_NAME, WIFI_KEY, WIFI_NAME

pytestmark = [pytest.mark.micropython, pytest.mark.mosquitto]

TOPIC = "bl/1/aaaaaaaaaaaaaaaa/down"
PROGRAM = f"""
import asyncio, network, socket, time
from firmware.errors import LinkError
from firmware.link import packets
from firmware.link.mqtt import MqttClient
from firmware.link.transport import TcpTransport
wlan = network.WLAN(network.STA_IF)
wlan.active(True)
wlan.connect({WIFI_NAME!r}, {WIFI_KEY!r})
while not wlan.isconnected():
    time.sleep_ms(50)
got = []
def on_message(topic, message, again):
    got.append(str(message, "ascii"))
client = MqttClient(TcpTransport(socket), packets, "a" * 16, "", "", on_message=on_message)
async def contact(*messages):
    try:
        await client.connect({BROKER_NAME!r}, 1883)
        await client.subscribe({TOPIC!r}, True)
        for message in messages:
            await client.publish({TOPIC!r}, message)
        await asyncio.sleep(5)
    except LinkError as error:
        print(error)
    await client.disconnect()
    print(" ".join(got))
    got.clear()
"""


def broker_of(kind: Kind) -> Broker:
    """A broker of that kind; skips where it is not installed."""
    try:
        return Broker.start(kind)
    except NoBroker as missing:
        pytest.skip(str(missing))


def powered(board: Board, program: str) -> Board:
    """The board with the firmware and this program, on."""
    board.install(FIRMWARE)
    board.program(PROGRAM + program)
    board.power_on()
    return board


@pytest.mark.parametrize("kind", ["mosquitto", "iotcore", "nats"])
def test_what_is_said_between_two_contacts_comes_at_the_next(board: Board, network: Network, kind: Kind) -> None:
    """Each broker takes and gives QoS 1, keeps the session while the device is away, and gives what came meanwhile once."""
    with broker_of(kind) as broker:
        network.hosts[BROKER_NAME] = (broker.host, broker.port)
        # A broker hands on when it likes, in real time: no virtual time passes before all that is due is there.
        network.settled = lambda: (
            network.down.publishes >= (network.up.publishes, 1 + 5)[network.down.packets["SUBACK"] > 1]
        )
        powered(board, 'asyncio.run(contact(b"own"))\ntime.sleep(100)\nfor _ in (1, 2):\n    asyncio.run(contact())\n')
        board.run(for_s=30)
        waiting = [(TOPIC, f"sealed{n}".encode(), 1, False) for n in range(5)]
        paho_publish.multiple(waiting, hostname=broker.host, port=broker.port)
        board.run(for_s=200)
    assert str(board.console).split("\n")[:3] == ["own", " ".join(f"sealed{n}" for n in range(5)), ""]


def test_the_device_contacts_its_broker_and_nobody_else(board: Board, network: Network) -> None:
    """One name is asked for and one port dialled: no time server, no other resolver, nothing of a portal; anew each time."""
    with broker_of("mosquitto") as broker:
        network.hosts |= {BROKER_NAME: (broker.host, broker.port), "pool.ntp.org": None, "portal.example": None}  # type: ignore[dict-item]
        powered(board, "for _ in range(3):\n    asyncio.run(contact())\n")
        board.run(for_s=60)
    assert network.asked == [BROKER_NAME] * 3
    assert set(network.dialled) == {(network.resolve(BROKER_NAME), 1883)} and len(network.dialled) == 3


def test_the_next_address_of_a_name_is_tried(board: Board, network: Network) -> None:
    """Of three addresses the first leads nowhere and the second refuses: the third is the broker's."""
    with broker_of("mosquitto") as dead, broker_of("mosquitto") as broker:
        dead.stop()
        network.hosts[BROKER_NAME] = [None, (dead.host, dead.port), (broker.host, broker.port)]
        powered(board, 'asyncio.run(contact(b"own"))\n')
        board.run(for_s=100)
    assert str(board.console) == "own\n"
    assert len({address for address, _ in network.dialled}) == 3


def test_no_more_than_three_addresses_are_tried(board: Board, network: Network) -> None:
    """A resolver that answers with ten addresses does not hold the link."""
    network.hosts[BROKER_NAME] = [None] * 10
    powered(board, "asyncio.run(contact())\n")
    board.run(for_s=100)
    assert str(board.console) == "no connection to the broker\n\n" and len(network.dialled) == 3
