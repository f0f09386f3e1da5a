"""A paho client that reads ahead, takes PUBLISH packets apart itself and acknowledges in one piece.

paho asks the socket three times for each packet, makes an object of it and sends each acknowledgement by itself; that, not the
work on a message, is then what limits ingest. Here one `recv` brings hundreds of packets. QoS 1 PUBLISH
packets are cut out of the buffer; everything else goes to paho, which reads it from the same buffer through `_sock_recv`.
`_sock_recv` and `_packet_queue` are private names of paho 2.x (pinned in pyproject.toml, checked by a test).

Traps: what follows the CONNACK in the same segment is in this buffer and not in the socket, so a poll never tells of it:
`buffered` says when not to wait. Under TLS the same holds for what the TLS layer has read.
"""

from __future__ import annotations

import ssl
import struct
from collections.abc import Callable, Iterable

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

READ_BYTES = 65_536  # several hundred envelopes a system call; more gains nothing
MOST_LENGTH_BYTES = 4  # MQTT 3.1.1 section 2.2.3: remaining length
_INCOMPLETE, _ENDLESS = -1, -2  # instead of one
# Section 3.3.1: packet type 3 and QoS 1; DUP (bit 3) and RETAIN (bit 0) do not matter to ingest.
_PUBLISH_MASK, _PUBLISH_QOS1 = 0xF6, 0x32
_RETAIN = 0x01
_PUBACK = 0x40  # section 3.4.1: packet type 4, flags 0
_PUBACK_REMAINING = 2  # section 3.4.1: the packet identifier alone

_ACKNOWLEDGEMENT = struct.Struct("!BBH").pack

# Identifiers of our own PUBLISH packets; paho counts its few others up from 1.
FIRST_OWN_MID, LAST_OWN_MID = 0x8000, 0xFFFF

Deliver = Callable[[list[tuple[int, bytes, bytes]]], None]


class ReadAheadClient(paho.Client):
    """A paho client for one thread that owns the socket.

    `deliver` gets (packet identifier, topic, payload) of QoS 1 messages, as many at once as one read has brought;
    `acknowledged` the identifier of each message of `publish_all` that the broker has taken over.
    """

    def __init__(self, client_id: str, deliver: Deliver, acknowledged: Callable[[int], None]) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=False,
            protocol=paho.MQTTv311,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        self._deliver = deliver
        self._acknowledged = acknowledged
        self._own_mid = LAST_OWN_MID
        self._ahead = b""
        self._at = 0
        self._halved = False  # the packet at the head of the buffer is not complete
        # With these callbacks set, paho queues packets and leaves writing to `loop_write`: one batch, not one call each.
        self.on_socket_register_write = lambda client, userdata, sock: None
        self.on_socket_unregister_write = lambda client, userdata, sock: None

    def reconnect(self) -> MQTTErrorCode:
        """Connect again; bytes of the old connection are forgotten."""
        self._ahead, self._at, self._halved = b"", 0, False
        return super().reconnect()

    @property
    def buffered(self) -> bool:
        """Whether something waits to be handled that a poll of the socket does not know of; half a packet does not."""
        sock = self.socket()
        whole = self._at < len(self._ahead) and not self._halved
        return whole or (isinstance(sock, ssl.SSLSocket) and sock.pending() > 0)

    def read(self, room: int) -> None:
        """Read once and handle what came, at most `room` messages; the rest stays in the buffer."""
        if self._in_packet["command"] or not self._fill():
            self.loop_read()  # paho is in the middle of a packet, or finds the end of the connection
        while room > 0 and self._at < len(self._ahead) and self.socket() is not None:
            kind = 0 if self._in_packet["command"] else self._ahead[self._at]
            if kind & _PUBLISH_MASK == _PUBLISH_QOS1:
                room -= self._take_publishes(room)
            elif kind == _PUBACK:
                self._halved = not self._take_puback()
            else:
                self.loop_read()
            if self._halved:
                return

    def ack_all(self, mids: Iterable[int]) -> None:
        """Queue the acknowledgements of these QoS 1 messages, in this order, as one write."""
        piece = b"".join([_ACKNOWLEDGEMENT(_PUBACK, _PUBACK_REMAINING, mid) for mid in mids])
        if piece:
            self._packet_queue(_PUBACK, piece, 0, 1)

    def publish_all(self, messages: Iterable[tuple[str, bytes]]) -> list[int]:
        """Queue messages at QoS 1 as one write; their identifiers, each given to `acknowledged` in time.

        At most `LAST_OWN_MID - FIRST_OWN_MID` may be unacknowledged at once. After a reconnection they are the caller's again.
        """
        packets, mids = [], []
        for topic, payload in messages:
            self._own_mid = FIRST_OWN_MID if self._own_mid == LAST_OWN_MID else self._own_mid + 1
            mids.append(self._own_mid)
            name = topic.encode()
            head = struct.pack(f"!H{len(name)}sH", len(name), name, self._own_mid)
            # An empty message is retained: it takes away what a broker keeps under the topic (section 3.3.1.3).
            kind = _PUBLISH_QOS1 if payload else _PUBLISH_QOS1 | _RETAIN
            packets += [bytes([kind]), _length(len(head) + len(payload)), head, payload]
        if packets:
            self._packet_queue(_PUBLISH_QOS1, b"".join(packets), 0, 1)
        return mids

    def _sock_recv(self, bufsize: int) -> bytes:
        if self._at >= len(self._ahead):
            self._ahead, self._at = super()._sock_recv(READ_BYTES), 0
        piece = self._ahead[self._at : self._at + bufsize]
        self._at += len(piece)
        return piece

    def _fill(self) -> bool:
        """Append what the socket has to what is left; False at the end of the connection."""
        try:
            more = super()._sock_recv(READ_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._ahead, self._at = self._ahead[self._at :] + more, 0
        return bool(more)

    def _take_publishes(self, room: int) -> int:
        """Deliver the PUBLISH packets at the head of the buffer, at most `room`; how many there were.

        One loop without calls: this runs for each message, and everything that surrounds it once for hundreds.
        """
        data, at, size = self._ahead, self._at, len(self._ahead)
        taken: list[tuple[int, bytes, bytes]] = []
        malformed = self._halved = False
        while len(taken) < room and at < size and data[at] & _PUBLISH_MASK == _PUBLISH_QOS1:
            start = at + 2
            length = data[at + 1] if start <= size else 0x80
            if length >= 0x80:
                length, start = _remaining_length(data, at + 1)
            end = start + length
            if length < 0 or end > size:
                self._halved = length >= _INCOMPLETE
                malformed = not self._halved
                break
            topic_end = start + 2 + (data[start] << 8 | data[start + 1]) if length >= 4 else end
            if topic_end + 2 > end:
                malformed = True
                break
            mid = data[topic_end] << 8 | data[topic_end + 1]
            taken.append((mid, data[start + 2 : topic_end], data[topic_end + 2 : end]))
            at = end
        self._at = at
        if taken:
            self._deliver(taken)
        if malformed:
            self._give_to_paho()
        return len(taken)

    def _take_puback(self) -> bool:
        """Note the PUBACK at the head of the buffer; False while it is not complete."""
        data, at = self._ahead, self._at
        if at + 4 > len(data):
            return False
        mid = data[at + 2] << 8 | data[at + 3]
        if data[at + 1] != _PUBACK_REMAINING or mid < FIRST_OWN_MID:
            return self._give_to_paho()
        self._at = at + 4
        self._acknowledged(mid)
        return True

    def _give_to_paho(self) -> bool:
        """A malformed packet, at which paho ends the connection, or one of paho's own."""
        self.loop_read()
        return True


def _remaining_length(data: bytes, at: int) -> tuple[int, int]:
    """Remaining length and where it ends, MQTT 3.1.1 section 2.2.3; or `_INCOMPLETE`, or `_ENDLESS`."""
    length = 0
    for place in range(MOST_LENGTH_BYTES):
        if at + place >= len(data):
            return _INCOMPLETE, at
        byte = data[at + place]
        length |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return length, at + place + 1
    return _ENDLESS, at


def _length(size: int) -> bytes:
    """Remaining length, MQTT 3.1.1 section 2.2.3."""
    out = bytearray()
    while size > 0x7F:
        out.append(size & 0x7F | 0x80)
        size >>= 7
    out.append(size)
    return bytes(out)
