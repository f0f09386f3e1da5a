"""MQTT 3.1.1 control packets of a client, as bytes: builders, and a strict parser of what a broker sends.

Source: OASIS MQTT 3.1.1, clause numbers beside the checks. Pure: no input or output. Everything that arrives is
hostile until it is parsed: a broker is no party to any secret, and a broken one must not take the device's memory.
"""

import struct

from firmware.const import const
from firmware.errors import LinkError

CONNACK, PUBLISH, PUBACK, SUBACK, PINGRESP = 2, 3, 4, 9, 13
_UNSUBACK = const(11)

# Largest packet taken, without its fixed header: an envelope has at most 1024 bytes, a topic 24, a packet identifier 2,
# the topic's length 2; the rest is margin. A longer one is no message of ours, and would have to lie in RAM whole.
MAX_PACKET_BYTES = 1100

# Of a longer PUBLISH: topic (of ours, 24 bytes) with its length and packet identifier; a longer topic is not ours.
_HEAD_BYTES = const(72)

PINGREQ_PACKET = b"\xc0\x00"
DISCONNECT_PACKET = b"\xe0\x00"

_REFUSALS = {
    1: "protocol version",
    2: "client identifier",
    3: "unavailable",
    4: "user or password",
    5: "not authorised",
}


def _string(text) -> bytes:
    raw = text if isinstance(text, bytes) else text.encode()
    if len(raw) > 255:  # our topics, names and passwords are short; a longer one is a mistake in the settings
        raise LinkError("string too long for MQTT")
    return struct.pack(">H", len(raw)) + raw


def _packet(first_byte: int, body: bytes) -> bytes:
    length = len(body)
    if length < 128:
        return bytes((first_byte, length)) + body
    if length >= 16384:  # two bytes of remaining length (2.2.3); an envelope has 1024 at most
        raise LinkError("packet too long")
    return bytes((first_byte, length & 127 | 128, length >> 7)) + body


def connect(client_id: str, user: str, password: str, keepalive_s: int) -> bytes:
    """CONNECT to the session that the broker keeps (3.1, clean session 0); no user name if `user` is empty."""
    flags = 0xC0 if user else 0
    body = _string("MQTT") + struct.pack(">BBH", 4, flags, keepalive_s) + _string(client_id)
    if user:
        body += _string(user) + _string(password)
    return _packet(0x10, body)


def subscribe(packet_id: int, topic: str) -> bytes:
    """SUBSCRIBE to one topic with QoS 1 (3.8)."""
    return _packet(0x82, struct.pack(">H", packet_id) + _string(topic) + b"\x01")


def unsubscribe(packet_id: int, topic: str) -> bytes:
    """UNSUBSCRIBE from one topic (3.10)."""
    return _packet(0xA2, struct.pack(">H", packet_id) + _string(topic))


def publish(packet_id: int, topic: str, message: bytes, dup: bool = False) -> bytes:
    """PUBLISH with QoS 1 (3.3); `dup` on every sending but the first [MQTT-3.3.1-1]."""
    return _packet(0x3A if dup else 0x32, _string(topic) + struct.pack(">H", packet_id) + message)


def puback(packet_id: int) -> bytes:
    """PUBACK (3.4)."""
    return struct.pack(">BBH", 0x40, 2, packet_id)


class Parser:
    """Control packets out of a byte stream, in pieces of any size; LinkError where the protocol is broken.

    After an error the connection is lost: MQTT has no way to find the next packet. Of a PUBLISH that is too long for any
    downlink nothing is kept but its identifier; its message is None [one that is retained would end every contact before
    it began, one that is never acknowledged would come again in every contact].
    """

    def __init__(self):
        self._buffer = b""
        self._skip = 0  # bytes still to come of a PUBLISH that is passed over

    def feed(self, data: bytes) -> list:
        """Return the packets that `data` completes, each as `decode` gives it."""
        if self._skip >= len(data):
            self._skip -= len(data)
            return []
        data, self._skip = data[self._skip :], 0
        buffer = self._buffer + data if self._buffer else data
        packets = []
        at = 0
        while len(buffer) - at >= 2:
            length, body = _remaining_length(buffer, at)
            if body < 0:
                break
            if length > MAX_PACKET_BYTES:
                if buffer[at] >> 4 != PUBLISH:
                    raise LinkError("packet too long")
                if len(buffer) < body + _HEAD_BYTES:
                    break
                packet = decode(buffer[at], buffer[body : body + _HEAD_BYTES])
                packets.append((PUBLISH, packet[1], None, packet[3], 0))
                self._skip = max(0, body + length - len(buffer))
                at = min(body + length, len(buffer))
                continue
            if len(buffer) < body + length:
                break
            packets.append(decode(buffer[at], buffer[body : body + length]))
            at = body + length
        self._buffer = buffer[at:]
        return packets


def _remaining_length(buffer: bytes, at: int) -> tuple:
    """(length, offset of the body); offset -1 if more bytes are needed."""
    length = buffer[at + 1]
    if length < 128:
        return (length, at + 2)
    if len(buffer) - at < 3:
        return (0, -1)
    length = length & 127 | buffer[at + 2] << 7
    # A third length byte would mean 16,384 bytes or more: no broker of ours passes that on. Zero groups pad a number.
    if buffer[at + 2] >= 128 or buffer[at + 2] == 0:
        raise LinkError("packet too long")
    return (length, at + 3)


def decode(first_byte: int, body: bytes) -> tuple:
    """One packet as a tuple that begins with its type.

    (CONNACK, session present), (PUBLISH, topic, message, packet_id or 0 for QoS 0, DUP), (PUBACK, packet_id),
    (SUBACK, packet_id, qos), (11, packet_id) for UNSUBACK, (PINGRESP,).
    """
    kind = first_byte >> 4
    if kind == PUBLISH:
        return _publish(first_byte & 15, body)
    if first_byte & 15:  # reserved flags must be zero [MQTT-2.2.2-2]
        raise LinkError("reserved flags set")
    reader = _READERS.get(kind)
    if reader is None:  # a packet that only clients send, or one of QoS 2 that was never asked for
        raise LinkError("unexpected packet")
    return reader(body)


def _connack(body: bytes) -> tuple:
    if len(body) != 2:
        raise LinkError("CONNACK length")
    if body[1]:
        raise LinkError("broker refuses: " + _REFUSALS.get(body[1], "unknown reason"))
    if body[0] > 1:  # reserved bits (3.2.2.1)
        raise LinkError("CONNACK flags")
    return (CONNACK, body[0])


def _publish(flags: int, body: bytes) -> tuple:
    qos = flags >> 1 & 3
    if qos > 1 or flags == 8:  # QoS 2 was not granted, 3 does not exist [MQTT-3.3.1-4]; DUP with QoS 0 [MQTT-3.3.1-2]
        raise LinkError("PUBLISH flags")
    if len(body) < 2:
        raise LinkError("PUBLISH length")
    end = 2 + (body[0] << 8 | body[1])
    start = end + 2 * qos
    if end == 2 or start > len(body):  # a topic has one character at least [MQTT-4.7.3-1]
        raise LinkError("PUBLISH length")
    topic = body[2:end]
    for byte in topic:  # our topics are ASCII; wildcards [MQTT-3.3.2-2] and NUL [MQTT-1.5.3-2] are in no topic name
        if not 32 < byte < 127 or byte in b"#+":
            raise LinkError("PUBLISH topic")
    packet_id = body[end] << 8 | body[end + 1] if qos else 0
    if qos and not packet_id:  # [MQTT-2.3.1-1]
        raise LinkError("packet identifier 0")
    return (PUBLISH, str(topic, "ascii"), body[start:], packet_id, flags & 8)


def _packet_id(body: bytes, length: int) -> int:
    if len(body) != length or not (body[0] or body[1]):
        raise LinkError("malformed acknowledgement")
    return body[0] << 8 | body[1]


def _puback(body: bytes) -> tuple:
    return (PUBACK, _packet_id(body, 2))


def _unsuback(body: bytes) -> tuple:
    return (_UNSUBACK, _packet_id(body, 2))


def _suback(body: bytes) -> tuple:
    packet_id = _packet_id(body, 3)
    if body[2] == 0x80:
        raise LinkError("broker refuses the subscription")
    if body[2] > 1:  # more than was asked for, or a reserved code [MQTT-3.9.3-2]
        raise LinkError("SUBACK code")
    return (SUBACK, packet_id, body[2])


def _pingresp(body: bytes) -> tuple:
    if body:
        raise LinkError("PINGRESP length")
    return (PINGRESP,)


_READERS = {CONNACK: _connack, PUBACK: _puback, SUBACK: _suback, _UNSUBACK: _unsuback, PINGRESP: _pingresp}
