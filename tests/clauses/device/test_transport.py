"""How data travels: CT-43, MM-49, ST-56. The device's own client in the real interpreter, and the server's towards recipients."""

from __future__ import annotations

import ssl

import pytest

from cloud_sync.disclosure.parcel import Part
from cloud_sync.disclosure.webhook import WebhookSink
from cloud_sync.errors import ConfigError, LinkError
from hw_sim.board import Board
from hw_sim.demo.stage import FIRMWARE
from hw_sim.network.net import Network
from hw_sim.plugin import BROKER_NAME, WIFI_KEY, WIFI_NAME
from hw_sim.world.clock import World as SimWorld
from tests.clauses.clause import clause
from tests.clauses.device.transport_world import CA, CONNACK, Listener, Quiet, ca_file
from tests.clauses.made import Made
from tests.system.certificates import authority

TLS = ssl.TLSVersion
BODY = b'{"lat": 55.676098, "lon": 12.568337}'


def parcel() -> Part:
    """A part for a recipient, with F's place in it."""
    return Part("part-1", "recipient_1", BODY)


def handed(made: Made, listener: Listener, name: str = "localhost") -> bool:
    """Whether a part went to this server."""
    sink = WebhookSink(f"https://{name}:{listener.port}/in", ca_file=ca_file(made.folder), timeout_s=5)
    try:
        sink.deliver(parcel())
    except LinkError:
        return False
    return True


@clause("MM-49", engine="transport", left_out="the portal's and its API's routes, HSTS")
def test_mm_49(made: Made) -> None:
    """Nothing goes to an http address, to one that answers in the clear, that redirects, or whose certificate nobody knows."""
    with pytest.raises(ConfigError, match="https"):
        WebhookSink("http://localhost/in")
    with Listener(TLS.TLSv1_3) as known:
        assert handed(made, known) and BODY in known.heard
    with Listener(None) as clear:
        moved = f"HTTP/1.1 301 Moved\r\nLocation: http://localhost:{clear.port}/\r\nContent-Length: 0\r\n\r\n".encode()
        with Listener(TLS.TLSv1_3, moved) as redirecting:
            assert not handed(made, redirecting)
        assert not handed(made, clear) and b"lat" not in clear.heard
    with Listener(TLS.TLSv1_3, issuer="another CA") as stranger:
        assert not handed(made, stranger) and stranger.heard == b""
    with Listener(TLS.TLSv1_3, name="other.example") as other:
        assert not handed(made, other) and other.heard == b""


@clause("ST-56", engine="transport", left_out="the portal and its API, the agent's link")
def test_st_56(made: Made) -> None:
    """Of four versions of TLS the two old ones are refused with no byte of the content, and the two new ones pass."""
    went = {}
    for version in (TLS.TLSv1, TLS.TLSv1_1, TLS.TLSv1_2, TLS.TLSv1_3):
        with Listener(version) as listener:
            went[version] = handed(made, listener)
            assert (listener.heard != b"") == went[version]
    assert list(went.values()) == [False, False, True, True]


PROGRAM = f"""
import asyncio, network, socket, time
from firmware.errors import LinkError
from firmware.link import packets
from firmware.link.mqtt import MqttClient
from firmware.link.secure import SecureTransport
wlan = network.WLAN(network.STA_IF)
wlan.active(True)
wlan.connect({WIFI_NAME!r}, {WIFI_KEY!r})
while not wlan.isconnected():
    time.sleep_ms(50)
async def contact(name, port):
    transport = SecureTransport(socket, CA, lambda: 1790000000, lambda: 1700000000, nothing)
    client = MqttClient(transport, packets, "dev", "", "", on_message=nothing)
    try:
        await client.connect(name, port)
        print("connected")
    except LinkError as error:
        print("refused:", error)
    await client.disconnect()
def nothing(*values):
    pass
for name in NAMES:
    asyncio.run(contact(name, 8883))
"""


@clause("CT-43", engine="broker_trust", left_out="the agent's link")
def test_ct_43(made: Made) -> None:
    """A broker in the clear, one of TLS 1.1 and one of another CA get no CONNECT and no payload; TLS 1.2 of the known CA does.

    What waits on the device then stays there: nothing leaves the spool without the server's own verdict (CT-18).
    """
    names = ["clear.example", "old.example", "other.example", BROKER_NAME]
    with (
        Listener(None, CONNACK) as clear,
        Listener(TLS.TLSv1_1, CONNACK, name=names[1]) as old,
        Listener(TLS.TLSv1_2, CONNACK, name=names[2], issuer="another CA") as other,
        Listener(TLS.TLSv1_2, CONNACK, name=names[3]) as good,
    ):
        heard = (clear, old, other, good)
        world = SimWorld(seed=1)
        hosts = {name: ("127.0.0.1", each.port) for name, each in zip(names, heard, strict=True)}
        network = Network(world, hosts=hosts, wifi={WIFI_NAME: WIFI_KEY}, bound_s=10.0)
        network.settled = Quiet(lambda: sum(each.taken for each in heard) - len(network.captured("up")))
        with Board.from_description("esp32s3", world, network) as board:
            board.install(FIRMWARE)
            board.program(f"CA = {authority(CA).pem.decode()!r}\nNAMES = {names!r}\n" + PROGRAM)
            board.power_on()
            board.run(for_s=200)
            said = str(board.console).splitlines()
        assert [line.partition(":")[0] for line in said] == ["refused", "refused", "refused", "connected"], said
        assert b"MQTT" not in clear.heard and not old.heard and not other.heard
        assert b"MQTT" in good.heard
