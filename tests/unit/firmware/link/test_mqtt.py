"""The MQTT client against a scripted broker, in virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.unit.firmware.link import micro
from tests.unit.firmware.link.broker import CONNACK, ScriptedTransport, friendly, packet_id

from firmware.errors import FlashError, LinkError  # isort: skip
from firmware.link import mqtt, packets  # isort: skip


def client_of(transport: ScriptedTransport, got: list[Any] | None = None) -> mqtt.MqttClient:
    """A client that keeps what it is told."""
    received = [] if got is None else got

    def on_message(topic: str, data: bytes, again: int) -> None:
        received.append((topic, data, again) if again else (topic, data))

    return mqtt.MqttClient(transport, packets, "dev", "u", "p", on_message=on_message)


def contact(answer: Any, act: Any, got: list[Any] | None = None) -> tuple[Any, ScriptedTransport, mqtt.MqttClient]:
    """Connect to a broker that answers so, act, and return what that gave."""

    async def main() -> tuple[Any, ScriptedTransport, mqtt.MqttClient]:
        transport = ScriptedTransport(answer)
        client = client_of(transport, got)
        await client.connect("broker", 1883)
        return await act(client, transport), transport, client

    return micro.run(main())


def test_a_contact() -> None:
    """Connect, subscribe, publish and good-bye are four packets, and the socket is closed."""

    async def act(client: mqtt.MqttClient, transport: ScriptedTransport) -> None:
        await client.subscribe("down", True)
        await client.publish("up", b"x")
        assert client.connected
        await client.disconnect()
        assert not client.connected and not transport.is_open

    _, transport, _ = contact(friendly, act)
    assert [packet[0] for packet in transport.packets] == [0x10, 0x82, 0x32, 0xE0]


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (b"", "no CONNACK"),
        (b"\x20\x02\x00\x05", "not authorised"),
        (b"\x20\x02\x02\x00", "CONNACK flags"),
        (b"\xd0\x00", "first packet is no CONNACK"),
        (b"\x20\x03\x00\x00\x00", "CONNACK length"),
    ],
)
def test_a_broker_that_does_not_let_us_in(first: bytes, reason: str) -> None:
    """Silence, refusal, reserved flags and another packet: an error in time, and a closed socket."""

    async def main() -> ScriptedTransport:
        transport = ScriptedTransport(lambda packet: first)
        with pytest.raises(LinkError, match=reason):
            await client_of(transport).connect("broker", 1883)
        return transport

    transport = micro.run(main(), limit_s=60)
    assert transport.opened == transport.closed == 1


def test_a_publish_is_repeated_once_with_dup() -> None:
    """Without a PUBACK the same identifier goes out again with DUP; acknowledged then, the call returns."""
    seen: list[bytes] = []

    def late(packet: bytes) -> bytes:
        if packet[0] >> 4 == 3:
            seen.append(packet)
            return b"" if len(seen) == 1 else friendly(packet)
        return friendly(packet)

    contact(late, lambda client, transport: client.publish("up", b"x"))
    assert [packet[0] for packet in seen] == [0x32, 0x3A]
    assert seen[0][1:] == seen[1][1:]


def test_a_broker_that_never_acknowledges_ends_the_connection() -> None:
    """Two sendings, then an error: no publish waits for ever, and no third copy is sent."""

    def deaf(packet: bytes) -> bytes:
        return b"" if packet[0] >> 4 == 3 else friendly(packet)

    async def act(client: mqtt.MqttClient, transport: ScriptedTransport) -> None:
        with pytest.raises(LinkError, match="no acknowledgement"):
            await client.publish("up", b"x")

    _, transport, client = contact(deaf, act)
    assert sum(packet[0] >> 4 == 3 for packet in transport.packets) == 2
    assert not client.connected and not transport.is_open


def test_the_broken_connection_wakes_every_waiter() -> None:
    """Four publishes at once and a broker that hangs up: four errors, at once."""

    async def act(client: mqtt.MqttClient, transport: ScriptedTransport) -> list[Any]:
        waiting = asyncio.gather(*[client.publish("up", b"x") for _ in range(4)], return_exceptions=True)
        await asyncio.sleep(0)
        transport.hang_up()
        return await waiting

    results, transport, _ = contact(lambda p: b"" if p[0] >> 4 == 3 else friendly(p), act)
    assert [type(result) for result in results] == [LinkError] * 4
    assert not transport.is_open


def test_packet_identifiers_wrap_and_are_never_zero() -> None:
    """After 65535 comes 1, and an identifier that waits for its answer is left out."""
    client = client_of(ScriptedTransport(friendly))
    client._packet_id = 65534
    client._waiting[1] = asyncio.Event()
    assert [client._next_id() for _ in range(3)] == [65535, 2, 3]


def test_messages_are_delivered_and_acknowledged() -> None:
    """QoS 0 is delivered; QoS 1 too, and then acknowledged with its identifier."""
    got: list[Any] = []

    async def act(client: mqtt.MqttClient, transport: ScriptedTransport) -> None:
        transport.push(b"\x30\x07\x00\x04downA" + b"\x32\x09\x00\x04down\x12\x34B")
        await asyncio.sleep(1)

    _, transport, _ = contact(friendly, act, got)
    assert got == [("down", b"A"), ("down", b"B")]
    assert transport.packets[-1] == b"\x40\x02\x12\x34"


def test_a_quiet_connection_is_pinged_and_stays() -> None:
    """Ten minutes of silence are twenty pings; the connection is alive at the end."""

    async def act(client: mqtt.MqttClient, transport: ScriptedTransport) -> bool:
        await asyncio.sleep(601)
        return client.connected

    alive, transport, _ = contact(friendly, act)
    assert alive and sum(packet == b"\xc0\x00" for packet in transport.packets) == 20


def test_a_half_open_connection_is_found() -> None:
    """A broker that no longer answers PINGREQ is given up within the keep-alive time, and the socket closed."""

    async def act(client: mqtt.MqttClient, transport: ScriptedTransport) -> None:
        await asyncio.sleep(61)

    _, transport, client = contact(lambda p: CONNACK if p[0] == 0x10 else b"", act)
    assert str(client.error) == "broker is silent" and not transport.is_open


def test_a_peer_that_takes_no_bytes_is_given_up() -> None:
    """A full send buffer bounds the wait of a publish."""

    async def act(client: mqtt.MqttClient, transport: ScriptedTransport) -> None:
        transport.stuck = True
        with pytest.raises(LinkError, match="takes no bytes"):
            await client.publish("up", b"x")

    _, transport, _ = contact(friendly, act)
    assert not transport.is_open


@pytest.mark.parametrize(
    "bad", [b"\x20\x02\x00\x00", b"\x00\x00", b"\x34\x05\x00\x01t\x00\x01", b"\x30\xff\xff\xff\x7f"]
)
def test_a_packet_against_the_protocol_ends_the_connection(bad: bytes) -> None:
    """A second CONNACK, a reserved type, QoS 2 and a giant: the socket is closed, the error is kept."""

    async def act(client: mqtt.MqttClient, transport: ScriptedTransport) -> None:
        transport.push(bad)
        await asyncio.sleep(1)

    _, transport, client = contact(friendly, act)
    assert isinstance(client.error, LinkError) and not transport.is_open


def test_a_heap_without_room_ends_the_connection() -> None:
    """No memory for a packet: an error and a closed socket, not a connection that nobody reads any more."""

    async def act(client: mqtt.MqttClient, transport: ScriptedTransport) -> None:
        async def full(parser: Any) -> list[Any]:
            await transport._came.get()
            raise MemoryError

        transport.fill = full  # type: ignore[method-assign]
        with pytest.raises(LinkError, match="no memory"):
            await client.connect("broker", 1883)

    _, transport, _ = contact(friendly, act)
    assert not transport.is_open


def test_an_answer_that_nobody_waits_for_is_harmless() -> None:
    """A PUBACK for an unknown identifier, as a repeated packet causes it, changes nothing."""

    async def act(client: mqtt.MqttClient, transport: ScriptedTransport) -> bool:
        transport.push(b"\x40\x02\x77\x77")
        await client.publish("up", b"x")
        return client.connected

    assert contact(friendly, act)[0]


def test_a_client_connects_again_after_a_failure() -> None:
    """One client object serves contact after contact."""

    async def act(client: mqtt.MqttClient, transport: ScriptedTransport) -> bool:
        transport.hang_up()
        await asyncio.sleep(1)
        assert not client.connected
        await client.connect("broker", 1883)
        await client.publish("up", b"x")
        return client.connected

    alive, transport, _ = contact(friendly, act)
    assert alive and transport.opened == 2 and packet_id(transport.packets[-1]) == b"\x00\x01"


SESSION_PRESENT = b"\x20\x02\x01\x00"


def publishes(transport: ScriptedTransport) -> list[tuple[int, bytes]]:
    """First byte and identifier of each PUBLISH that went out."""
    return [(packet[0], packet_id(packet)) for packet in transport.packets if packet[0] >> 4 == 3]


@pytest.mark.parametrize(("present", "second"), [(True, (0x3A, b"\x00\x01")), (False, (0x32, b"\x00\x03"))])
def test_an_unanswered_message_keeps_its_identifier_while_the_session_lives(
    present: bool, second: tuple[int, bytes]
) -> None:
    """On the next connection it goes out with DUP under the number it had; a broker that has forgotten all gets a new one."""
    deaf = True

    def answer(packet: bytes) -> bytes:
        if packet[0] == 0x10:
            return SESSION_PRESENT if present else CONNACK
        return b"" if deaf and packet[0] >> 4 == 3 else friendly(packet)

    async def act(client: mqtt.MqttClient, transport: ScriptedTransport) -> None:
        nonlocal deaf
        with pytest.raises(LinkError, match="no acknowledgement"):
            await client.publish("up", b"envelope-tag-one")
        deaf = False
        await client.connect("broker", 1883)
        await client.publish("up", b"envelope-tag-two")
        await client.publish("up", b"envelope-tag-one")
        await client.publish("up", b"envelope-tag-one")

    _, transport, _ = contact(answer, act)
    last = (0x32, b"\x00\x03" if present else b"\x00\x04")
    assert publishes(transport) == [(0x32, b"\x00\x01"), (0x3A, b"\x00\x01"), (0x32, b"\x00\x02"), second, last]


def test_an_identifier_of_an_earlier_connection_is_not_given_again() -> None:
    """What was not acknowledged holds its number over the wrap at 65535, and eight of them at most are held."""
    client = client_of(ScriptedTransport(friendly))
    client._open = [(1, b"x"), (2, b"y")]
    client._packet_id = 65534
    assert [client._next_id() for _ in range(3)] == [65535, 3, 4]


def test_no_more_than_eight_identifiers_are_held() -> None:
    """A link that never answers does not fill the memory."""

    async def main() -> mqtt.MqttClient:
        client = client_of(ScriptedTransport(lambda packet: SESSION_PRESENT if packet[0] == 0x10 else b""))
        for n in range(12):
            await client.connect("broker", 1883)
            with pytest.raises(LinkError):
                await client.publish("up", b"envelope-%03d" % n)
        return client

    client = micro.run(main())
    assert [packet_id for packet_id, _ in client._open] == list(range(5, 13))


def test_a_repeated_downlink_says_that_it_is_one() -> None:
    """DUP reaches the session, which knows what it has opened already; the acknowledgement is the same."""
    got: list[Any] = []

    async def act(client: mqtt.MqttClient, transport: ScriptedTransport) -> None:
        transport.push(b"\x3a\x09\x00\x04down\x12\x34B")
        await asyncio.sleep(1)

    _, transport, _ = contact(friendly, act, got)
    assert got == [("down", b"B", 8)] and transport.packets[-1] == b"\x40\x02\x12\x34"


def test_a_downlink_too_long_for_any_is_acknowledged_and_forgotten() -> None:
    """A broker that keeps sessions would bring it in each contact for ever."""
    got: list[Any] = []

    async def act(client: mqtt.MqttClient, transport: ScriptedTransport) -> None:
        transport.push(b"\x32\x84\x27\x00\x04down\x12\x34" + bytes(4996 - 8))
        await asyncio.sleep(1)
        await client.publish("up", b"x")

    _, transport, _ = contact(friendly, act, got)
    assert got == [] and b"\x40\x02\x12\x34" in transport.packets


def test_a_device_that_is_only_told_things_still_pings() -> None:
    """Messages of QoS 0 every ten seconds leave nothing to be said: without a PINGREQ the broker would hang up after 90 s."""
    got: list[Any] = []

    async def act(client: mqtt.MqttClient, transport: ScriptedTransport) -> None:
        for _ in range(18):
            await asyncio.sleep(10)
            transport.push(b"\x30\x07\x00\x04downA")

    _, transport, client = contact(friendly, act, got)
    assert len(got) >= 17 and client.connected
    assert sum(packet == b"\xc0\x00" for packet in transport.packets) == 5


def test_a_downlink_that_cannot_be_carried_out_ends_the_connection() -> None:
    """Flash that fails while a downlink is opened in the reader: an error, and not a connection that nobody reads."""

    async def main() -> mqtt.MqttClient:
        transport = ScriptedTransport(friendly)

        def fails(topic: str, message: bytes, again: int) -> None:
            raise FlashError("erase")

        client = mqtt.MqttClient(transport, packets, "dev", "", "", on_message=fails)
        await client.connect("broker", 1883)
        transport.push(b"\x30\x07\x00\x04downA")
        await asyncio.sleep(1)
        return client

    assert str(micro.run(main()).error) == "a downlink was not carried out"


def test_a_passing_subscription_is_taken_back() -> None:
    """Of the topics of a release one is subscribed at a time, and none is left when the contact ends, nor after a broken one."""

    def kinds(transport: ScriptedTransport) -> list[tuple[int, bytes]]:
        return [(packet[0], packet[6:].rstrip(b"\x01")) for packet in transport.packets if packet[0] in (0x82, 0xA2)]

    async def act(client: mqtt.MqttClient, transport: ScriptedTransport) -> None:
        await client.subscribe("down", True)
        await client.subscribe("c/1")
        await client.subscribe("c/2")
        transport.hang_up()
        await asyncio.sleep(1)
        await client.connect("broker", 1883)
        await client.subscribe("down", True)
        await client.subscribe("c/3")
        await client.disconnect()

    _, transport, _ = contact(friendly, act)
    first = [(0x82, b"down"), (0x82, b"c/1"), (0xA2, b"c/1"), (0x82, b"c/2")]
    assert kinds(transport) == [*first, (0xA2, b"c/2"), (0x82, b"down"), (0x82, b"c/3"), (0xA2, b"c/3")]
    assert transport.packets[-1] == b"\xe0\x00"
