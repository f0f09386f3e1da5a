"""Vectors of the serial link's frames (docs/serial-link.md, "Frames"): serial.json."""

from __future__ import annotations

import struct

from .make_keys import secret
from .vectorfile import VectorFile

KINDS = {
    "long": "more than 1038 bytes between two zeros",
    "cobs": "a block of the stuffing reaches beyond the end",
    "length": "shorter than head and CRC, or the length is not that of the body",
    "crc": "the CRC-32 is that of other bytes",
    "type": "a type that this version does not know",
}
TYPES = ("HELLO", "WELCOME", "UP", "ACCEPTED", "DOWN", "TAKEN", "PING", "PONG", "BYE", "STATE")
DEVICE = b"abcdefghijklmnop"
BODIES = {
    "zeros": bytes(1024),
    "no-zero": b"\x55" * 1024,
    "run-of-244": b"\x55" * 244,  # head, body and CRC around COBS's block of 254
    "run-of-254": b"\0" + b"\x55" * 254 + b"\0",
    "run-of-255": b"\0" + b"\x55" * 255 + b"\0",
    "run-of-508": b"\0" + b"\xff" * 508 + b"\0",
    "every-byte": bytes(range(256)) * 4,
    "one-byte": b"\0",
}


def crc32(data: bytes) -> int:
    """CRC-32 of IEEE 802.3, bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xEDB88320 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def stuff(data: bytes) -> bytes:
    """COBS as figure 3 of its paper: a code before each block, which counts the bytes up to the next zero and itself."""
    out, start = bytearray(b"\1"), 0
    for byte in data:
        if byte:
            out.append(byte)
            out[start] += 1
        if not byte or out[start] == 255:
            start = len(out)
            out.append(1)
    return bytes(out)


def frame(kind: int, number: int, body: bytes, *, length: int | None = None, crc: int | None = None) -> bytes:
    """A frame before stuffing; a length and a CRC that are wrong where they are given."""
    data = struct.pack(">BHH", kind, number, len(body) if length is None else length) + body
    return data + struct.pack(">I", crc32(data) if crc is None else crc)


def serial_file() -> VectorFile:
    """Each type of frame, the edges of stuffing and size, and each field changed alone."""
    file = VectorFile(
        "serial",
        "Frames",
        "`stuffed` is what stands between two zeros; `canonical` says that a sender writes just this",
        spec="docs/serial-link.md",
        kinds=KINDS,
    )

    def valid(name: str, kind: int, number: int, body: bytes, stuffed: bytes = b"") -> None:
        file.valid(
            name,
            type=kind & 0x7F,
            again=bool(kind & 0x80),
            number=number,
            body=body,
            stuffed=stuffed or stuff(frame(kind, number, body)),
            canonical=not stuffed,
        )

    envelope = secret("serial") + bytes(2) + secret("serial-2")
    bodies = {1: b"\1" + DEVICE, 2: b"\1", 3: envelope, 5: envelope, 8: b"\1", 10: b"\0"}
    for kind, name in enumerate(TYPES, 1):
        valid(name.lower(), kind, 0x1234 if 3 <= kind <= 6 else 0, bodies.get(kind, b""))
    for kind in (3, 5):
        valid(f"{TYPES[kind - 1].lower()}-again", kind | 0x80, 0x1234, envelope)
    for number in (1, 255, 256, 65_535):
        valid(f"number-{number}", 4, number, b"")
    for name, body in BODIES.items():
        valid(name, 3, 7, body)
    # A block of 254 that ends the frame, CRC and all: a sender may leave out the empty block behind it.
    ending = next(body for n in range(1, 256) if 0 not in frame(3, 7, body := b"\0" + bytes((n,)) * 250)[-4:])
    valid("block-ends-the-frame", 3, 7, ending)
    valid("block-ends-the-frame-short", 3, 7, ending, stuff(frame(3, 7, ending)).removesuffix(b"\1"))
    _refused(file, envelope)
    return file


def _refused(file: VectorFile, envelope: bytes) -> None:
    whole = frame(3, 0x1234, envelope)
    stuffed = stuff(whole)

    def invalid(name: str, kind: str, changed: str, data: bytes, origin: str = "up") -> None:
        file.invalid(name, kind, origin, changed, stuffed=data)

    invalid(
        "one-byte-too-long",
        "long",
        "a byte added to a body without zeros",
        stuff(frame(3, 7, b"\x55" * 1025)),
        "no-zero",
    )
    invalid("nothing-but-ff", "long", "everything", b"\xff" * 1039, "no-zero")
    invalid("last-byte-missing", "cobs", "last byte left out", stuffed[:-1])
    invalid("first-code-higher", "cobs", "first code, beyond the end", b"\xfe" + stuffed[1:])
    invalid("one-code", "cobs", "all but one code left out", b"\x02")
    invalid("no-crc", "length", "CRC left out", stuff(frame(9, 0, b"")[:-4]), "bye")
    invalid("empty-block", "length", "everything but one empty block left out", b"\1", "bye")
    for name, length in (("less", len(envelope) - 1), ("more", len(envelope) + 1), ("65535", 65_535)):
        invalid(f"length-{name}", "length", "length, with its CRC", stuff(frame(3, 0x1234, envelope, length=length)))
    right = crc32(whole[:-4])
    for bit in (0, 31):
        invalid(f"crc-bit-{bit}", "crc", "one bit of the CRC", stuff(frame(3, 0x1234, envelope, crc=right ^ 1 << bit)))
    invalid("crc-reversed", "crc", "order of its bytes", stuff(whole[:-4] + whole[:-5:-1]))
    invalid("crc-not-inverted", "crc", "last inversion", stuff(frame(3, 0x1234, envelope, crc=right ^ 0xFFFFFFFF)))
    for at, what in ((0, "type"), (2, "number"), (5, "body")):
        other = bytearray(whole)
        other[at] ^= 1
        invalid(f"{what}-flipped", "crc", f"one bit of the {what}", stuff(bytes(other)))
    for kind in (0, 11, 127):
        invalid(f"type-{kind}", "type", "type", stuff(frame(kind, 0x1234, envelope)))
    invalid("type-again-11", "type", "type", stuff(frame(0x80 | 11, 0x1234, envelope)))
