"""AES-CCM and HMAC of the firmware against NIST and the RFCs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from firmware.errors import SealError
from firmware.wire import ccm, hmac
from tests.unit.firmware import interpreter
from tests.unit.firmware.wire import ccm_cases

DATA = interpreter.ROOT / "tests" / "data" / "crypto"
# Cases in each file, so that a file that is cut or not understood is seen.
NIST = {"DVPT128": 240, "DVPT256": 240, "VADT128": 330, "VNT128": 70, "VNT256": 70, "VPT256": 250, "VTT128": 70}
KEY, NONCE, AAD, PLAINTEXT = bytes(range(32)), bytes(range(13)), b"header", b"seventeen bytes.."


@pytest.mark.parametrize("name", sorted(NIST))
def test_nist_ccm(name: str) -> None:
    """Each case seals and opens, or is refused, as NIST says, over nonces of 7 to 13 and tags of 4 to 16 bytes."""
    assert ccm_cases.count(DATA / "nist-ccm" / f"{name}.rsp") == (NIST[name], 0)


@pytest.mark.micropython
def test_nist_ccm_under_micropython() -> None:
    """The AES and the big integers of MicroPython give the same."""
    names = ["DVPT128", "DVPT256", "VNT256", "VPT256", "VTT128"]
    lines = interpreter.run(Path(ccm_cases.__file__), str(interpreter.ROOT), *names).splitlines()
    assert lines == [f"{name} {NIST[name]} 0" for name in names]


@pytest.mark.parametrize(
    "case", json.loads((DATA / "rfc" / "rfc3610.json").read_text()), ids=lambda case: case["source"][-9:]
)
def test_rfc_3610(case: dict[str, str]) -> None:
    """The packet vectors of RFC 3610 section 8."""
    key, nonce, aad, plaintext, ciphertext, tag = (
        bytes.fromhex(case[name]) for name in ("key", "nonce", "aad", "pt", "ct", "tag")
    )
    assert ccm.seal(key, nonce, aad, plaintext, len(tag)) == ciphertext + tag
    assert ccm.open_(key, nonce, aad, ciphertext + tag, len(tag)) == plaintext


@pytest.mark.parametrize("at", [0, len(PLAINTEXT) - 1, len(PLAINTEXT), len(PLAINTEXT) + 7])
def test_one_flipped_bit_does_not_open(at: int) -> None:
    """Any bit of ciphertext and tag counts."""
    sealed = bytearray(ccm.seal(KEY, NONCE, AAD, PLAINTEXT, 8))
    assert ccm.open_(KEY, NONCE, AAD, bytes(sealed), 8) == PLAINTEXT
    sealed[at] ^= 0x10
    with pytest.raises(SealError):
        ccm.open_(KEY, NONCE, AAD, bytes(sealed), 8)


@pytest.mark.parametrize(
    ("key", "nonce", "tag_bytes"),
    [
        (KEY[:31], NONCE, 8),
        (KEY[:24], NONCE, 8),
        (KEY, NONCE[:6], 8),
        (KEY, NONCE + b"\x00", 8),
        (KEY, NONCE, 7),
        (KEY, NONCE, 2),
        (KEY, NONCE, 18),
    ],
    ids=["key-31", "key-24", "nonce-6", "nonce-14", "tag-7", "tag-2", "tag-18"],
)
def test_parameters_outside_rfc_3610_are_refused(key: bytes, nonce: bytes, tag_bytes: int) -> None:
    """Key, nonce and tag lengths that the mode does not have, and AES-192, which MicroPython does not have."""
    assert ccm.seal(KEY, NONCE, AAD, PLAINTEXT, 8)
    with pytest.raises(SealError):
        ccm.seal(key, nonce, AAD, PLAINTEXT, tag_bytes)
    with pytest.raises(SealError):
        ccm.open_(key, nonce, AAD, bytes(40), tag_bytes)


def test_a_message_shorter_than_its_tag_is_refused() -> None:
    """Seven bytes cannot hold a tag of eight; eight hold an empty plaintext."""
    empty = ccm.seal(KEY, NONCE, AAD, b"", 8)
    assert ccm.open_(KEY, NONCE, AAD, empty, 8) == b""
    with pytest.raises(SealError):
        ccm.open_(KEY, NONCE, AAD, empty[:7], 8)


def test_a_message_longer_than_its_counter_is_refused() -> None:
    """With a 13-byte nonce the length field has two bytes (RFC 3610 section 2.1)."""
    assert len(ccm.seal(KEY, NONCE, b"", bytes(0xFFFF), 8)) == 0xFFFF + 8
    with pytest.raises(SealError):
        ccm.seal(KEY, NONCE, b"", bytes(0x10000), 8)


def test_hmac_with_a_key_longer_than_a_block() -> None:
    """RFC 4231 case 6: a key of 131 bytes is hashed first."""
    tag = hmac.hmac_sha256(b"\xaa" * 131, b"Test Using Larger Than Block-Size Key - Hash Key First")
    assert tag.hex() == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
