"""Vectors of section 3: ladder.json."""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from . import plain
from .vectorfile import VectorFile

FIRST_EPOCH = 20_000
EPOCHS_ON = (0, 1, 2, 30)
COUNTERS = (0, 1, 2, 7, 63)


def secret(name: str) -> bytes:
    """A fixed 32-byte value that belongs to `name`."""
    return hashlib.sha256(b"byleave vector secret " + name.encode()).digest()


def ladder_file() -> VectorFile:
    """root → spine → day → chain → step → seal for every stream, the downlink's chain, and the healing mix."""
    file = VectorFile(
        "ladder", "3", "keys of every stream over several epochs and counters, downlink chain, healing mix"
    )
    for stream in list(plain.STREAMS)[1:]:
        for on in EPOCHS_ON:
            _uplink_day(file, stream, on)
    for generation in (0, 1):
        _down(file, generation)
    for stream in plain.STREAMS:
        _heal(file, stream)
    file.invalid(
        "heal-zero",
        "zero",
        "heal-location",
        "shared",
        form="heal",
        stream="location",
        old=secret("old-location"),
        shared=bytes(32),
    )
    return file


def _uplink_day(file: VectorFile, stream: str, on: int) -> None:
    root = secret("root-" + stream)
    spine = plain.spine(root, stream, on)
    day = plain.derive(spine, stream, "day")
    start = plain.derive(day, stream, "chain")
    counters = []
    for counter in COUNTERS:
        link = plain.chain(start, stream, counter)
        counters.append([counter, link.hex(), plain.derive(link, stream, "seal").hex()])
    file.valid(
        f"{stream}-day-{on}",
        form="uplink",
        stream=stream,
        root=root,
        first_epoch=FIRST_EPOCH,
        epoch=FIRST_EPOCH + on,
        spine=spine,
        next_spine=plain.derive(spine, stream, "next"),
        day=day,
        chain=start,
        counters=counters,
    )


def _down(file: VectorFile, generation: int) -> None:
    root = secret(f"root-down-{generation}")
    start = plain.derive(root, "down", "chain")
    links = [(number, plain.chain(start, "down", number)) for number in (0, 1, 2, 17, 100)]
    numbers = [[number, link.hex(), plain.derive(link, "down", "seal").hex()] for number, link in links]
    file.valid(
        f"down-{generation}",
        form="down",
        stream="down",
        generation=generation,
        root=root,
        chain=start,
        counters=numbers,
    )


def _heal(file: VectorFile, stream: str) -> None:
    device, server = (
        X25519PrivateKey.from_private_bytes(secret(f"x25519-{side}-{stream}")) for side in ("device", "server")
    )
    shared = device.exchange(server.public_key())
    old = secret("old-" + stream)
    file.valid(
        f"heal-{stream}",
        form="heal",
        stream=stream,
        device_private=device.private_bytes_raw(),
        device_public=device.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw),
        server_public=server.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw),
        shared=shared,
        old=old,
        mixed=plain.hmac_sha256(old, shared),
        new=plain.heal(old, shared, stream),
    )
