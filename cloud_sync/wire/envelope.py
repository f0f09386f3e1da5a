"""Uplink envelopes: docs/wire-format.md, section 4.

The order of checks at the receiver is split: `parse_uplink` makes the cheap ones (steps 1 and 2), ingest the ones that
need its stores (steps 3 to 5), `open_uplink` verifies the tag (step 6). Nothing of an envelope is trusted before that.
"""

from __future__ import annotations

import hashlib
from struct import Struct
from typing import Final

import msgpack
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from cloud_sync.errors import SealBroken, WireFormatError
from cloud_sync.model import Envelope, Header
from cloud_sync.wire import codec
from cloud_sync.wire.fields import MOST_COUNTER, MOST_EPOCH, MOST_GENERATION, MOST_VERSION, octets
from cloud_sync.wire.ladder import KEY_BYTES
from cloud_sync.wire.named import maker

VERSION: Final = 1
MOST_ENVELOPE_BYTES: Final = 1024  # four fit one 4096-byte flash sector; the device's receive buffer has this size
SALT_BYTES: Final = 4
TAG_BYTES: Final = 8  # COSE algorithm 11, AES-CCM-16-64-256
DIGEST_BYTES: Final = 8

_ONLY_INTS: Final = {int}
# A packer that stays: making one for each envelope costs as much as packing it. It is C code that runs under the
# interpreter's lock from beginning to end, since the values are of built-in types, so threads may share it.
_pack: Final = msgpack.Packer().pack
_NONCE: Final = Struct(">BII4s")  # stream ‖ epoch ‖ counter ‖ salt
_HEADER: Final = maker(Header)
_ENVELOPE: Final = maker(Envelope)


def parse_uplink(payload: bytes) -> Envelope:
    """Steps 1 and 2 of section 4: size, form, version, stream and ranges; WireFormatError if one fails."""
    # 1. Size, before any work [a flood of large messages].
    if len(payload) > MOST_ENVELOPE_BYTES:
        raise WireFormatError(f"an envelope has at most {MOST_ENVELOPE_BYTES} bytes")
    # 2. Form: the subset, shortest form, no byte after [a second encoding would be a second digest]; then ranges.
    parts = codec.parse(payload)
    if type(parts) is not list or len(parts) != 3:
        raise WireFormatError("an envelope is an array of three")
    header, salt, sealed = parts
    if type(salt) is not bytes or len(salt) != SALT_BYTES or type(sealed) is not bytes or len(sealed) <= TAG_BYTES:
        raise WireFormatError(f"an envelope has a salt of {SALT_BYTES} bytes and a ciphertext longer than its tag")
    if type(header) is not list or len(header) != 6 or set(map(type, header)) != _ONLY_INTS:
        raise WireFormatError("an uplink header is six integers")
    if _pack(parts) != payload:
        raise WireFormatError("a number or length is not in its shortest form")
    if header[0] != VERSION:
        raise WireFormatError("no such version")
    numbers = _ranged(_HEADER(header[1:]))
    tail_bytes = 2 + SALT_BYTES + (2 if len(sealed) < 256 else 3) + len(sealed)  # heads of two bins, and the bins
    return _ENVELOPE((numbers, payload[1 : len(payload) - tail_bytes], salt, sealed, digest8(payload)))


def open_uplink(device: str, envelope: Envelope, key: bytes) -> bytes:
    """Step 6 of section 4: the plaintext; SealBroken unless the tag verifies for this device, header and salt."""
    _, stream, epoch, counter, _ = envelope.header
    nonce = _NONCE.pack(stream, epoch, counter, envelope.salt)
    try:
        return _cipher(key).decrypt(nonce, envelope.sealed, associated_data(envelope.header_bytes, device))
    except InvalidTag:
        raise SealBroken("the tag of an uplink envelope does not verify") from None


def seal_uplink(device: str, header: Header, salt: bytes, key: bytes, plaintext: bytes) -> bytes:
    """Seal as a device would, for load generation and tests; a key must seal one message in its life."""
    header_bytes = codec.pack([VERSION, *_ranged(header)])
    octets(salt, (SALT_BYTES,), "salt")
    _, stream, epoch, counter, _ = header
    nonce = _NONCE.pack(stream, epoch, counter, salt)
    sealed = _cipher(key).encrypt(nonce, plaintext, associated_data(header_bytes, device))
    envelope = b"\x93" + header_bytes + codec.pack(salt) + codec.pack(sealed)
    parse_uplink(envelope)
    return envelope


def digest8(envelope: bytes) -> bytes:
    """First 8 bytes of SHA-256: with the number, the store key of an envelope."""
    return hashlib.sha256(envelope).digest()[:DIGEST_BYTES]


def associated_data(header_bytes: bytes, device: str) -> bytes:
    """Header as received ‖ length of the device ‖ device [an envelope moved to another topic must not open]."""
    try:
        name = device.encode("ascii")
        return header_bytes + len(name).to_bytes(1, "big") + name
    except (UnicodeEncodeError, OverflowError) as error:
        raise WireFormatError("a device is named in at most 255 ASCII characters") from error


def _ranged(header: Header) -> Header:
    generation, stream, epoch, counter, directive_version = header
    if not 1 <= stream <= 4:
        raise WireFormatError("no such uplink stream")
    if not (
        0 <= generation <= MOST_GENERATION
        and 0 <= epoch <= MOST_EPOCH
        and 0 <= counter <= MOST_COUNTER
        and 0 <= directive_version <= MOST_VERSION
    ):
        raise WireFormatError("a number of the header is outside its range")
    return header


def _cipher(key: bytes) -> AESCCM:
    if len(key) != KEY_BYTES:  # the library would take 16 bytes as AES-128
        raise WireFormatError(f"an envelope key has {KEY_BYTES} bytes")
    return AESCCM(key, tag_length=TAG_BYTES)
