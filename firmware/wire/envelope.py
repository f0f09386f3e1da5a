"""Uplink and downlink envelopes (wire-format section 4)."""

from hashlib import sha256

from firmware.const import const
from firmware.errors import WireError
from firmware.wire import ccm, ladder
from firmware.wire.msgpack import pack, unpack, unpack_from

VERSION = 1
_MAX_BYTES = const(1024)  # four envelopes fit a flash sector of 4096 bytes; the device's receive buffer has this size
UP_TAG_BYTES = 8  # COSE algorithm 11
_DOWN_TAG_BYTES = const(16)  # COSE algorithm 31
_ALPHABET = const("abcdefghijklmnopqrstuvwxyz234567")  # RFC 4648 base 32, lower case
_MAX_DIRECTIVE = const(2**31 - 1)


def check_device(device):
    """WireError unless `device` is a pseudonym of section 2."""
    if not isinstance(device, str) or len(device) != 16 or any(char not in _ALPHABET for char in device):
        raise WireError("device is no pseudonym")


def seal_uplink(device: str, header: tuple, salt: bytes, key, plaintext: bytes) -> bytes:
    """Envelope of one plaintext; header is (generation, stream, epoch, counter, directive version), salt 4 random
    bytes.
    """
    check_device(device)
    _check_number(header[:4])
    _check_range(header[4], 0, _MAX_DIRECTIVE)
    if len(salt) != 4:
        raise WireError("salt must have 4 bytes")
    _, stream, epoch, counter, _ = header
    nonce = bytes((stream,)) + epoch.to_bytes(4, "big") + counter.to_bytes(4, "big") + salt
    head = pack((VERSION,) + tuple(header))
    sealed = ccm.seal(key, nonce, _bound(head, device), plaintext, UP_TAG_BYTES)
    envelope = b"\x93" + head + pack(salt) + pack(sealed)
    if len(envelope) > _MAX_BYTES:
        raise WireError("envelope longer than the format allows")
    return envelope


def peek_uplink(envelope) -> tuple:
    """(generation, stream, epoch, counter, directive version) of an envelope that this device sealed; nothing is
    verified.
    """
    head, _ = unpack_from(envelope, 1)
    if not isinstance(head, list) or len(head) != 6:
        raise WireError("not an uplink envelope")
    return tuple(head[1:])


def digest8(envelope) -> bytes:
    """First 8 bytes of SHA-256: with the number, what the server's verdicts name."""
    return sha256(envelope).digest()[:8]


def peek_downlink(envelope) -> tuple:
    """(generation, number) of a downlink whose form is right; nothing is verified yet."""
    return _split_downlink(envelope)[:2]


def open_downlink(device: str, envelope, key):
    """Value of a downlink. WireError for its form, SealError for its tag; the caller checks generation and number."""
    _, _, head, nonce, sealed = _split_downlink(envelope)
    return unpack(ccm.open_(key, nonce, _bound(head, device), sealed, _DOWN_TAG_BYTES))


def check_header_number(number):
    """WireError unless number is [generation, stream, epoch, counter] of an uplink, each in its range (section 2)."""
    if len(number) != 4:
        raise WireError("a number has four parts")
    _check_number(number)


def _split_downlink(envelope):
    """(generation, number, header bytes, nonce, sealed) after steps 1 and 2 of section 4, the cheap ones."""
    # 1. Size [one message of the broker must not fill the heap].
    if len(envelope) > _MAX_BYTES:
        raise WireError("envelope longer than the format allows")
    # 2. Form, version, direction, ranges [nothing of a foreign form reaches the cipher].
    value = unpack(envelope)
    if not isinstance(value, list) or len(value) != 3 or not isinstance(value[0], list) or len(value[0]) != 4:
        raise WireError("not a downlink envelope")
    (version, generation, stream, number), nonce, sealed = value
    _check_range(version, VERSION, VERSION)
    _check_range(generation, 0, ladder.MAX_GENERATION)
    _check_range(stream, ladder.DOWN, ladder.DOWN)
    _check_range(number, 0, 2**32 - 1)
    if not isinstance(nonce, bytes) or len(nonce) != 13:
        raise WireError("nonce must have 13 bytes")
    if not isinstance(sealed, bytes) or len(sealed) <= _DOWN_TAG_BYTES:
        raise WireError("nothing is sealed in it")
    end = unpack_from(envelope, 1)[1]
    return generation, number, bytes(envelope[1:end]), nonce, sealed


def _check_number(number):
    generation, stream, epoch, counter = number
    _check_range(generation, 0, ladder.MAX_GENERATION)
    _check_range(stream, ladder.LOCATION, ladder.STATUS)
    _check_range(epoch, 0, ladder.MAX_EPOCH)
    _check_range(counter, 0, ladder.COUNTERS - 1)


def _check_range(value, low, high):
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise WireError("number out of range")


def _bound(head, device):
    """AAD: the header's bytes and the device [an envelope moved to another device's topic must not open]."""
    return head + bytes((len(device),)) + device.encode()
