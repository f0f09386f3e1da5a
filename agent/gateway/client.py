"""An MQTT 3.1.1 client on a socket that is there already: paho's, with system calls that do for a turn and not for a packet."""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

READ_BYTES = 65_536  # several hundred acknowledgements a system call
# A downlink has 1024 bytes and its topic 26; what is far longer is for nobody here, and is not gathered in memory.
PACKET_LIMIT_BYTES = 65_536
# Written at once: a window of 64 envelopes. Under TLS one piece is four records in place of 64.
GATHER_LIMIT_BYTES = 65_536
# Packets that wait for a broker that does not read: the window and a turn's acknowledgements; then nothing more is published,
QUEUE_PACKETS = 256
# and here it is given up [one that asks without end, and never reads an answer]. A turn's reading makes 512 answers at most.
QUEUE_LIMIT_PACKETS = 2048
PACKETS_A_TURN = 512  # then the ports are looked at again
_DISCONNECT = b"\xe0"  # MQTT 3.1.1 section 3.14.1
_PUBLISH_QOS1 = 0x32  # section 3.3.1, DUP and RETAIN aside


class Client(paho.Client):
    """A paho client on a socket that is ready; it reads ahead, writes a turn's packets as one piece, and gathers no
    packet that is longer than any of ours.

    `_create_socket`, `_sock_recv`, `_sock_send`, `_in_packet`, `_in_messages` and `_out_packet` are private names of paho 2.x
    (pinned in pyproject.toml, checked by a test).
    """

    def __init__(self, sock: socket.socket, client_id: str, *, clean: bool) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=clean,
            protocol=paho.MQTTv311,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        self._ready = sock
        self._ahead, self._at = b"", 0
        self._gathered = b""
        self._dry = self._unfit = False
        self._skip = 0  # bytes of a packet that nobody wants
        self.max_inflight_messages_set(0)  # the window is the forwarder's
        # With these set paho queues packets and leaves writing to `loop_write`: one piece a turn, not one call each.
        self.on_socket_register_write = lambda client, userdata, sock: None
        self.on_socket_unregister_write = lambda client, userdata, sock: None

    def _create_socket(self) -> Any:
        return self._ready

    def _sock_recv(self, bufsize: int) -> bytes:
        if bufsize > PACKET_LIMIT_BYTES:
            bufsize = self._cut(bufsize)
        if self._at >= len(self._ahead):
            self._dry = True
            self._ahead, self._at = super()._sock_recv(READ_BYTES), 0
            self._dry = False
        if self._skip and not self._in_packet["command"]:  # between two packets
            passed = min(self._skip, len(self._ahead) - self._at)
            self._at += passed
            self._skip -= passed
            if passed and self._at >= len(self._ahead):
                self._dry = True
                raise BlockingIOError  # the rest in another turn: there may be 256 MB of it
        piece = self._ahead[self._at : self._at + bufsize]
        self._at += len(piece)
        return piece

    def _cut(self, size: int) -> int:
        """Of a message that is too long the front alone is read, its topic and identifier, so that it can be acknowledged and
        dropped [given up instead, it would come again on each connection, and bar what waits behind it]."""
        if self._in_packet["command"] & 0xF6 != _PUBLISH_QOS1:
            self._unfit = True
            raise ConnectionError  # which paho takes for the connection's end
        self._skip = size - PACKET_LIMIT_BYTES
        self._in_packet["to_process"] = PACKET_LIMIT_BYTES
        return PACKET_LIMIT_BYTES

    def _sock_send(self, buf: bytes | bytearray) -> int:
        """Gathers what paho would send packet by packet; DISCONNECT goes at once, since paho closes the socket behind it."""
        if len(self._gathered) >= GATHER_LIMIT_BYTES:
            raise BlockingIOError
        self._gathered += buf
        if buf[:1] == _DISCONNECT:
            self._send()
        return len(buf)

    def _send(self) -> None:
        with suppress(BlockingIOError):
            self._gathered = self._gathered[super()._sock_send(self._gathered) :]

    def write(self) -> None:
        """Writes what the socket takes, GATHER_LIMIT_BYTES or so at most."""
        self.loop_write()
        if self._gathered and self.socket() is not None:
            self._send()

    @property
    def backed_up(self) -> bool:
        """Whether more waits to be written than a broker that reads leaves waiting."""
        return len(self._gathered) >= GATHER_LIMIT_BYTES or len(self._out_packet) >= QUEUE_PACKETS

    @property
    def wants_write(self) -> bool:
        """Whether something waits to be written."""
        return bool(self._gathered) or self.want_write()

    def read(self) -> None:
        """Handles what has come, PACKETS_A_TURN at most. ValueError for what is no MQTT, or no packet for us."""
        for _ in range(PACKETS_A_TURN):
            if self.loop_read() == paho.MQTT_ERR_PROTOCOL or self._unfit:
                raise ValueError("no MQTT")
            if self._in_messages or len(self._out_packet) > QUEUE_LIMIT_PACKETS:
                raise ValueError("QoS 2, which nobody asked for, or questions without end")  # paho would keep all of it
            if self.socket() is None or (self._dry and self._at >= len(self._ahead)):
                return

    @property
    def buffered(self) -> bool:
        """Whether something waits that a selector does not know of."""
        sock = self.socket()
        return sock is not None and (
            self._at < len(self._ahead) or (isinstance(sock, ssl.SSLSocket) and sock.pending() > 0)
        )

    def shut(self) -> None:
        """Closes the socket without a word to anybody."""
        with suppress(Exception):  # paho's own, which has closed it perhaps
            if (sock := self.socket()) is not None:
                sock.close()
        with suppress(OSError):
            self._ready.close()
