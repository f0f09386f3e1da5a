"""What cloud_sync.wire takes from libraries, held against published vectors."""

from __future__ import annotations

import hmac
from collections import Counter

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from cloud_sync.errors import WireFormatError
from cloud_sync.model import Stream
from cloud_sync.wire import codec, ladder

from . import corpora
from .test_cloud_replay import raw, value_of


def test_aes_ccm_against_nist_and_rfc_3610() -> None:
    """AES-CCM seals and opens every case of NIST and RFC 3610, and refuses those with a wrong tag."""
    counts: Counter[bool] = Counter()
    for case in corpora.ccm():
        key, nonce, aad, sealed = raw(case, "key", "nonce", "aad", "sealed")
        cipher = AESCCM(key, tag_length=case["tag_bytes"])
        if case["valid"]:
            (plaintext,) = raw(case, "plaintext")
            assert cipher.decrypt(nonce, sealed, aad) == plaintext, case["name"]
            assert cipher.encrypt(nonce, plaintext, aad) == sealed, case["name"]
        else:
            with pytest.raises(InvalidTag):
                cipher.decrypt(nonce, sealed, aad)
        counts[case["valid"]] += 1
    assert counts == {True: 950 + 24, False: 320}  # NIST and RFC 3610; NIST alone has wrong tags


def test_hkdf_against_rfc_5869_and_wycheproof() -> None:
    """HKDF-SHA-256 gives every published output and refuses the lengths beyond its limit."""
    counts: Counter[bool] = Counter()
    for case in corpora.hkdf():
        ikm, salt, info, okm = raw(case, "ikm", "salt", "info", "okm")
        if case["valid"]:
            assert HKDF(SHA256(), case["size"], salt, info).derive(ikm) == okm, case["name"]
        else:
            with pytest.raises(ValueError, match="larger"):
                HKDF(SHA256(), case["size"], salt, info)
        counts[case["valid"]] += 1
    assert counts == {True: 3 + 83, False: 3}


@pytest.mark.parametrize("stream", list(Stream))
@pytest.mark.parametrize("kind", ladder.KINDS)
def test_derive_is_hkdf_expand(stream: Stream, kind: str) -> None:
    """The ladder's one HMAC is HKDF-Expand with L = 32 and the label as info."""
    key = bytes(range(32))
    expand = HKDFExpand(SHA256(), 32, f"byleave/1/{stream.name.lower()}/{kind}".encode())
    assert ladder.derive(key, stream, kind) == expand.derive(key)


def test_hmac_against_rfc_4231() -> None:
    """The HMAC-SHA-256 beneath the ladder gives every published value."""
    for case in corpora.hmac():
        key, data, mac = raw(case, "key", "data", "mac")
        assert hmac.digest(key, data, "sha256")[: len(mac)] == mac, case["name"]


def test_x25519_against_rfc_7748_and_wycheproof() -> None:
    """Every published exchange has its result; one that ends in zeros is refused."""
    counts: Counter[str] = Counter()
    for case in corpora.x25519():
        private, public, shared = raw(case, "private", "public", "shared")
        if any(shared):
            assert ladder.shared_secret(private, public) == shared, case["name"]
        else:
            with pytest.raises(WireFormatError):
                ladder.shared_secret(private, public)
        counts["shared" if any(shared) else "zero"] += 1
    assert counts == {"shared": 490, "zero": 31}


def test_messagepack_against_the_suite() -> None:
    """Of all legal encodings of the suite's values exactly the shortest of the subset is accepted."""
    counts: Counter[bool] = Counter()
    for case in corpora.msgpack_suite():
        (data,) = raw(case, "bytes")
        if case["valid"]:
            assert codec.unpack(data) == value_of(case["value"]), case["name"]
            assert codec.pack(value_of(case["value"])) == data, case["name"]
        else:
            with pytest.raises(WireFormatError):
                codec.unpack(data)
        counts[case["valid"]] += 1
    assert counts == {True: 38, False: 130}
