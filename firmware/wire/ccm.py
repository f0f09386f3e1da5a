"""AES-CCM (NIST SP 800-38C, RFC 3610) from the two modes that MicroPython has, in two C calls a message.

The MAC is one CBC call with a zero IV, the key stream one ECB call over the counter blocks, the XOR goes through big
integers.
"""

from firmware.const import const
from firmware.errors import SealError

try:
    from cryptolib import aes  # aes(key, 1) ECB, aes(key, 2, iv) CBC; .encrypt(data, out)
except ImportError:  # CPython has none: whoever imports this module there puts a class with that interface here
    aes = None  # type: ignore[misc]

_ECB = const(1)
_CBC = const(2)


def seal(key, nonce, aad, plaintext, tag_bytes: int) -> bytes:
    """Ciphertext ‖ tag. key 16 or 32 bytes, nonce 7 to 13 bytes, tag 4 to 16 bytes and even (RFC 3610 section 2)."""
    _check(key, nonce, tag_bytes)
    if len(plaintext) >= 1 << (8 * (15 - len(nonce))):
        raise SealError("message too long for this nonce")
    return _xor_stream(key, nonce, plaintext, _mac(key, nonce, aad, plaintext, tag_bytes))


def open_(key, nonce, aad, sealed, tag_bytes: int) -> bytes:
    """Plaintext of what seal() made; SealError if anything differs, and no byte leaves before the tag is verified."""
    _check(key, nonce, tag_bytes)
    size = len(sealed) - tag_bytes
    if size < 0 or size >= 1 << (8 * (15 - len(nonce))):
        raise SealError("sealed message has an impossible length")
    clear = _xor_stream(key, nonce, sealed[:size], sealed[size:])
    plaintext, tag = clear[:size], clear[size:]
    expected = _mac(key, nonce, aad, plaintext, tag_bytes)
    # One comparison of whole numbers: its time does not tell how many bytes of a forged tag were right.
    if int.from_bytes(tag, "big") ^ int.from_bytes(expected, "big"):
        raise SealError("tag does not verify")
    return plaintext


def _check(key, nonce, tag_bytes):
    if len(key) not in (16, 32):
        raise SealError("key must have 16 or 32 bytes")
    if not 7 <= len(nonce) <= 13:
        raise SealError("nonce must have 7 to 13 bytes")
    if not 4 <= tag_bytes <= 16 or tag_bytes % 2:
        raise SealError("tag must have 4 to 16 bytes, an even number")


def _mac(key, nonce, aad, plaintext, tag_bytes):
    """T of RFC 3610 section 2.2: CBC-MAC over B0 ‖ length of AAD ‖ AAD ‖ 0… ‖ plaintext ‖ 0…."""
    width = 15 - len(nonce)
    blocks = bytearray()
    blocks.append((0x40 if aad else 0) | (tag_bytes - 2) << 2 | (width - 1))
    blocks.extend(nonce)
    blocks.extend(len(plaintext).to_bytes(width, "big"))
    if aad:
        blocks.extend(len(aad).to_bytes(2, "big") if len(aad) < 0xFF00 else b"\xff\xfe" + len(aad).to_bytes(4, "big"))
        blocks.extend(aad)
        _fill(blocks)
    blocks.extend(plaintext)
    _fill(blocks)
    aes(key, _CBC, bytes(16)).encrypt(blocks, blocks)
    return bytes(blocks[-16 : len(blocks) - 16 + tag_bytes])


def _fill(blocks):
    blocks.extend(bytes(-len(blocks) % 16))


def _xor_stream(key, nonce, text, tag):
    """text ⊕ S1 S2 … ‖ tag ⊕ S0 (RFC 3610 section 2.3)."""
    width = 15 - len(nonce)
    prefix = bytes((width - 1,)) + nonce
    stream = bytearray()
    for number in range(1 + (len(text) + 15) // 16):
        stream.extend(prefix)
        stream.extend(number.to_bytes(width, "big"))
    aes(key, _ECB).encrypt(stream, stream)
    return _xor(text, stream[16 : 16 + len(text)]) + _xor(tag, stream[: len(tag)])


def _xor(left, right):
    if not left:
        return b""
    return (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).to_bytes(len(left), "big")
