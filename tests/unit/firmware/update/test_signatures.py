"""Ed25519 and SHA-512 of the firmware: against published vectors, the library that signs, and signatures made to deceive."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from firmware.update import ed25519
from firmware.update.ed25519 import verify
from firmware.update.sha512 import sha512
from tests.unit.firmware import interpreter

VECTORS = Path(__file__).parents[3] / "data/crypto/ed25519/sign.input"
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
MESSAGE = b"a manifest"
SIGNATURE = KEY.sign(MESSAGE)
NEUTRAL = (1).to_bytes(32, "little")
# The eight points whose order divides 8, in each encoding that there is of them; from the curve's equation.
ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
SMALL = [
    y.to_bytes(32, "little")
    for x in (0, 1 << 255)
    for y in (x | 1, x | P - 1, x | 0, x | ORDER_8, x | P - ORDER_8, x | P + 1, x | P)
]


def vectors() -> list[tuple[bytes, bytes, bytes]]:
    """(public key, message, signature) of each line."""
    rows = [line.split(":") for line in VECTORS.read_text().splitlines()]
    return [(bytes.fromhex(row[1]), bytes.fromhex(row[2]), bytes.fromhex(row[3])[:64]) for row in rows]


def test_sha512_is_that_of_the_library() -> None:
    """Lengths around the block's and the padding's ends, and a message of several blocks."""
    rng = random.Random(1)
    for size in (0, 1, 55, 63, 64, 111, 112, 119, 120, 127, 128, 129, 239, 240, 1000):
        data = rng.randbytes(size)
        assert sha512(data) == hashlib.sha512(data).digest(), size


def test_published_signatures_verify_and_no_other_does() -> None:
    """Each of the vectors verifies; with one bit of signature, message or key flipped it does not."""
    rng = random.Random(2)
    cases = vectors()
    assert len(cases) == 133
    for number, (key, message, signature) in enumerate(cases):
        assert verify(key, message, signature), number
        at = rng.randrange(512)
        flipped = bytearray(signature)
        flipped[at // 8] ^= 1 << at % 8
        assert not verify(key, message, bytes(flipped)), number
        assert not verify(key, message + b"\0", signature), number
        other = bytearray(key)
        other[at // 16] ^= 1 << at % 8
        assert not verify(bytes(other), message, signature), number


def test_what_openssl_says_of_damaged_signatures_is_said_here() -> None:
    """One bit, in every byte of a signature and of a key: both verifiers agree."""
    for at in range(64 * 8):
        flipped = bytearray(SIGNATURE)
        flipped[at // 8] ^= 1 << at % 8
        key = bytearray(PUBLIC)
        if at % 16 == 0:
            key[at // 16] ^= 1
            flipped = bytearray(SIGNATURE)
        if at % 5 == 0 or at % 16 == 0:
            assert verify(bytes(key), MESSAGE, bytes(flipped)) == openssl(bytes(key), bytes(flipped)), at


def openssl(key: bytes, signature: bytes) -> bool:
    """The other verifier's word."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, MESSAGE)
    except InvalidSignature:
        return False
    return True


def test_a_signature_has_one_form() -> None:
    """S plus the group's order would verify as well, and is refused (RFC 8032, section 5.1.7, step 1)."""
    assert verify(PUBLIC, MESSAGE, SIGNATURE)
    s = int.from_bytes(SIGNATURE[32:], "little") + ORDER
    assert not verify(PUBLIC, MESSAGE, SIGNATURE[:32] + s.to_bytes(32, "little"))


@pytest.mark.parametrize("key", SMALL, ids=lambda key: key.hex()[:8] + key.hex()[-2:])
def test_a_key_of_small_order_signs_nothing(key: bytes) -> None:
    """Under such a key S = 0 and R = the neutral point are a signature of every eighth message, or of every one."""
    for number in range(24):
        assert not verify(key, bytes([number]), NEUTRAL + bytes(32))


def test_a_point_has_one_encoding() -> None:
    """Of the 19 numbers from p up to 2^255 those are points, once taken modulo p; none is read as one."""
    points = [y for y in range(19) if ed25519._decode(y.to_bytes(32, "little"))]
    assert len(points) > 5
    for y in points:
        assert ed25519._decode((P + y).to_bytes(32, "little")) is None, y


def test_other_lengths_are_no_signatures() -> None:
    """A byte less or more of either."""
    assert verify(PUBLIC, MESSAGE, SIGNATURE)
    for key, signature in ((PUBLIC[:-1], SIGNATURE), (PUBLIC + b"\0", SIGNATURE), (PUBLIC, SIGNATURE[:-1])):
        assert not verify(key, MESSAGE, signature)
    assert not verify(PUBLIC, MESSAGE, SIGNATURE + b"\0")
    assert not verify(b"", MESSAGE, SIGNATURE)


RUN = """
import sys, time, gc
sys.path.insert(0, sys.argv[1])
gc.collect(); before = gc.mem_alloc()
from firmware.update.ed25519 import verify
ticks = []
def tick(): ticks.append(1) if not ticks else None
key, message, signature = [bytes.fromhex(x) for x in sys.argv[2:5]]
peak = 0
begun = time.ticks_us()
good = verify(key, message, signature, tick)
took = time.ticks_diff(time.ticks_us(), begun)
bad = verify(key, message + b"x", signature, tick)
gc.collect()
import json
print(json.dumps([good, bad, took, len(ticks), gc.mem_alloc() - before]))
"""


@pytest.mark.micropython
def test_the_interpreter_verifies_too(tmp_path: Path) -> None:
    """MicroPython's integers give the same answers, and the watchdog is fed on the way."""
    script = tmp_path / "run.py"
    script.write_text(RUN)
    printed = interpreter.run(script, str(interpreter.ROOT), PUBLIC.hex(), MESSAGE.hex(), SIGNATURE.hex())
    good, bad, took_us, ticks, kept_bytes = json.loads(printed)
    print(f"verification: {took_us / 1e6:.3f} s, {kept_bytes} bytes of heap while loaded")
    assert good is True
    assert bad is False
    assert ticks
