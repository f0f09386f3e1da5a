"""A transport with a scripted broker at its other end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from firmware.errors import LinkError

CONNACK = b"\x20\x02\x00\x00"


class ScriptedTransport:
    """`answer(packet) -> bytes` is the broker; what it returns arrives at once. `packets` are what the client sent."""

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self.answer = answer
        self.packets: list[bytes] = []
        self.opened = 0
        self.closed = 0
        self.is_open = False
        self.stuck = False  # takes no more bytes
        self._came: asyncio.Queue[bytes] = asyncio.Queue()

    async def open(self, host: str, port: int, timeout_ms: int) -> None:
        """A connection is made."""
        self.opened += 1
        self.is_open = True
        self._came = asyncio.Queue()

    async def write(self, data: bytes) -> None:
        """The broker gets a packet and answers."""
        if self.stuck:
            await asyncio.Event().wait()
        if not self.is_open:
            raise LinkError("not connected")
        self.packets.append(bytes(data))
        self.push(self.answer(bytes(data)))

    async def fill(self, parser: Any) -> list[Any]:
        """What the broker sent."""
        data = await self._came.get()
        if not data:
            raise LinkError("connection closed by the broker")
        return parser.feed(data)

    def push(self, data: bytes) -> None:
        """The broker says something unasked."""
        if data:
            self._came.put_nowait(data)

    def hang_up(self) -> None:
        """The broker closes the connection."""
        self._came.put_nowait(b"")

    def close(self) -> None:
        """The client closes its end."""
        if self.is_open:
            self.closed += 1
        self.is_open = False


def friendly(packet: bytes) -> bytes:
    """A broker that does what it should."""
    kind = packet[0] >> 4
    if kind == 1:
        return CONNACK
    if kind == 8:
        return b"\x90\x03" + packet[2:4] + b"\x01"
    if kind == 3:
        return b"\x40\x02" + packet_id(packet)
    if kind == 12:
        return b"\xd0\x00"
    return b""


def packet_id(publish: bytes) -> bytes:
    """Identifier of a PUBLISH with QoS 1."""
    body = publish[2:] if publish[1] < 128 else publish[3:]
    size = body[0] << 8 | body[1]
    return body[2 + size : 4 + size]
