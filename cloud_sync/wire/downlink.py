"""Downlink envelopes and their five plaintexts: docs/wire-format.md, sections 4 and 7."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from cloud_sync.errors import SealBroken, WireFormatError
from cloud_sync.model import Directive, HealOffer, Stream, Verdict, VerdictCode
from cloud_sync.wire import codec, directive
from cloud_sync.wire.envelope import DIGEST_BYTES, MOST_ENVELOPE_BYTES, VERSION, associated_data
from cloud_sync.wire.fields import MOST_COUNTER, MOST_EPOCH, MOST_GENERATION, MOST_U32, array, octets, whole
from cloud_sync.wire.ladder import KEY_BYTES
from cloud_sync.wire.release import ID_BYTES, Offer

NONCE_BYTES: Final = 13
TAG_BYTES: Final = 16  # COSE algorithm 31, AES-CCM-16-128-256
MOST_VERDICTS: Final = 12  # 336 bytes at most: a third of the device's receive buffer
CHALLENGE_BYTES: Final = 8
MOST_RELEASE_BYTES: Final = 2**24 - 1  # beyond any board's flash; what fits its slot each device knows
PUBLIC_BYTES: Final = 32  # X25519, RFC 7748
VERDICTS, DIRECTIVE, TIME, HEALING, UPDATE = 1, 2, 3, 4, 5


class TimeAnswer(NamedTuple):
    """The server's time in answer to a challenge."""

    time: int
    challenge: bytes


def verdicts_value(verdicts: Sequence[Verdict]) -> list[Any]:
    """The plaintext array of 1 to 12 verdicts."""
    return _checked([VERDICTS, *([*line[:5], int(line.code)] for line in verdicts)])


def directive_value(rules: Directive) -> list[Any]:
    """The plaintext array of a directive."""
    return _checked([DIRECTIVE, directive.to_wire(rules)])


def time_value(time: int, challenge: bytes) -> list[Any]:
    """The plaintext array of the server's time for a device that sent `challenge`."""
    return _checked([TIME, time, challenge])


def healing_value(offer: HealOffer) -> list[Any]:
    """The plaintext array of an offer of healing."""
    return _checked([HEALING, *offer])


def update_value(offer: Offer) -> list[Any]:
    """The plaintext array of an offer of a release."""
    return _checked([UPDATE, *offer])


def read_value(value: Any) -> list[Verdict] | Directive | TimeAnswer | HealOffer | Offer:
    """The meaning of a downlink's plaintext array; WireFormatError for what section 7 does not know."""
    kind = array(value, 2, 1 + MOST_VERDICTS, "a downlink")[0]
    whole(kind, VERDICTS, UPDATE, "kind of downlink")
    if kind == VERDICTS:
        return [_verdict(line) for line in value[1:]]
    if kind == DIRECTIVE:
        return directive.from_wire(array(value, 2, 2, "a directive downlink")[1])
    if kind == HEALING:
        return _offer(array(value, 4, 4, "a healing downlink"))
    if kind == UPDATE:
        return _release(array(value, 4, 4, "an update downlink"))
    array(value, 3, 3, "a time downlink")
    return TimeAnswer(whole(value[1], 0, MOST_U32, "time"), octets(value[2], (CHALLENGE_BYTES,), "challenge"))


def seal_downlink(device: str, generation: int, number: int, key: bytes, nonce: bytes, value: list[Any]) -> bytes:
    """The envelope that carries `value`; `nonce` must be 13 fresh random bytes, `key` the one of `number`."""
    whole(generation, 0, MOST_GENERATION, "generation")
    whole(number, 0, MOST_U32, "downlink number")
    octets(nonce, (NONCE_BYTES,), "nonce")
    header = codec.pack([VERSION, generation, int(Stream.DOWN), number])
    sealed = _cipher(key).encrypt(nonce, codec.pack(_checked(value)), associated_data(header, device))
    return b"\x93" + header + codec.pack(nonce) + codec.pack(sealed)  # at most 426 bytes: read_value bounds it


def peek_downlink(envelope: bytes) -> tuple[int, int]:
    """(generation, number) of a downlink, before anything of it is verified."""
    header, _, _ = _parts(envelope)
    return header[1], header[3]


def open_downlink(device: str, envelope: bytes, key: bytes) -> list[Any]:
    """The plaintext array as a device would read it, for tests and the fleet; SealBroken if the tag does not verify."""
    header, nonce, sealed = _parts(envelope)
    try:
        plaintext = _cipher(key).decrypt(nonce, sealed, associated_data(codec.pack(header), device))
    except InvalidTag:
        raise SealBroken("the tag of a downlink envelope does not verify") from None
    return _checked(codec.unpack(plaintext))


def _parts(envelope: bytes) -> tuple[list[int], bytes, bytes]:
    if len(envelope) > MOST_ENVELOPE_BYTES:
        raise WireFormatError(f"a downlink has at most {MOST_ENVELOPE_BYTES} bytes")
    header, nonce, sealed = array(codec.unpack(envelope), 3, 3, "a downlink envelope")
    array(header, 4, 4, "a downlink header")
    whole(header[0], VERSION, VERSION, "version")
    whole(header[1], 0, MOST_GENERATION, "generation")
    whole(header[2], Stream.DOWN, Stream.DOWN, "stream")
    whole(header[3], 0, MOST_U32, "downlink number")
    octets(nonce, (NONCE_BYTES,), "nonce")
    if type(sealed) is not bytes or len(sealed) <= TAG_BYTES:
        raise WireFormatError("a downlink's ciphertext is no longer than its tag")
    return header, nonce, sealed


def _verdict(line: Any) -> Verdict:
    array(line, 6, 6, "a verdict")
    return Verdict(
        whole(line[0], 0, MOST_GENERATION, "generation"),
        whole(line[1], Stream.LOCATION, Stream.STATUS, "stream"),
        whole(line[2], 0, MOST_EPOCH, "epoch"),
        whole(line[3], 0, MOST_COUNTER, "counter"),
        octets(line[4], (DIGEST_BYTES,), "digest"),
        VerdictCode(whole(line[5], 0, 2, "code of a verdict")),
    )


def _offer(value: list[Any]) -> HealOffer:
    epochs = (whole(epoch, 0, MOST_EPOCH, "epoch") for epoch in value[2:])
    return HealOffer(octets(value[1], (PUBLIC_BYTES,), "public key"), *epochs)


def _release(value: list[Any]) -> Offer:
    sizes = (whole(size, 1, MOST_RELEASE_BYTES, "size of a release") for size in value[2:])
    return Offer(octets(value[1], (ID_BYTES,), "id of a release"), *sizes)


def _checked(value: list[Any]) -> list[Any]:
    read_value(value)
    return value


def _cipher(key: bytes) -> AESCCM:
    if len(key) != KEY_BYTES:
        raise WireFormatError(f"an envelope key has {KEY_BYTES} bytes")
    return AESCCM(key, tag_length=TAG_BYTES)
