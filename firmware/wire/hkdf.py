"""HMAC-SHA256 (RFC 2104) and HKDF-SHA256 (RFC 5869); MicroPython has the hash alone."""

from hashlib import sha256

from firmware.const import const
from firmware.errors import SealError

_BLOCK_BYTES = const(64)
_IPAD = int.from_bytes(b"\x36" * _BLOCK_BYTES, "big")
_OPAD = int.from_bytes(b"\x5c" * _BLOCK_BYTES, "big")


def hmac_sha256(key, data) -> bytes:
    """32 bytes; key and data of any length."""
    if len(key) > _BLOCK_BYTES:
        key = sha256(key).digest()
    # Byte loops cost a millisecond on a chip; one XOR of 512-bit integers does not.
    padded = int.from_bytes(key, "big") << (8 * (_BLOCK_BYTES - len(key)))
    inner = sha256((padded ^ _IPAD).to_bytes(_BLOCK_BYTES, "big"))
    inner.update(data)
    outer = sha256((padded ^ _OPAD).to_bytes(_BLOCK_BYTES, "big"))
    outer.update(inner.digest())
    return outer.digest()


def extract(salt, ikm) -> bytes:
    """PRK of 32 bytes (RFC 5869 section 2.2); an empty salt counts as 32 zero bytes, which HMAC pads alike."""
    return hmac_sha256(salt, ikm)


def expand(prk, info, length: int) -> bytes:
    """OKM of `length` bytes, at most 255 × 32 (RFC 5869 section 2.3)."""
    if not 0 <= length <= 255 * 32:
        raise SealError("HKDF gives at most 8160 bytes")
    okm, block = b"", b""
    for number in range(1, (length + 31) // 32 + 1):
        block = hmac_sha256(prk, block + info + bytes((number,)))
        okm += block
    return okm[:length]
