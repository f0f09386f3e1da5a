"""HMAC-SHA256 (RFC 2104); MicroPython has the hash alone."""

from hashlib import sha256

from firmware.const import const

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
