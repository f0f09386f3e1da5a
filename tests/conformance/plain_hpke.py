"""HPKE base mode in one shot (RFC 9180), plainly and with a given ephemeral key, for the vectors and for tests that seal.

The suite is the one of docs/wire-format.md section 10: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. Neither side is
imported, and not the library's HPKE either: `cryptography` serves for X25519 and AES-GCM.
"""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .plain import hmac_sha256

KEM = b"KEM" + (0x0020).to_bytes(2, "big")  # section 4.1
SUITE = b"HPKE" + bytes.fromhex("002000010002")  # section 5.1: KEM, KDF, AEAD
BASE = b"\x00"


def seal(public: bytes, info: bytes, plaintext: bytes, ephemeral: bytes) -> bytes:
    """`enc` ‖ ciphertext ‖ tag, to a public key, by a private key that seals nothing else."""
    sender = X25519PrivateKey.from_private_bytes(ephemeral)
    enc = sender.public_key().public_bytes_raw()
    shared = _shared_secret(sender.exchange(X25519PublicKey.from_public_bytes(public)), enc + public)
    context = BASE + _extract(SUITE, b"", b"psk_id_hash", b"") + _extract(SUITE, b"", b"info_hash", info)
    secret = _extract(SUITE, shared, b"secret", b"")
    key, nonce = _expand(SUITE, secret, b"key", context, 32), _expand(SUITE, secret, b"base_nonce", context, 12)
    return enc + AESGCM(key).encrypt(nonce, plaintext, b"")


def _shared_secret(product: bytes, context: bytes) -> bytes:
    """ExtractAndExpand of section 4.1."""
    return _expand(KEM, _extract(KEM, b"", b"eae_prk", product), b"shared_secret", context, 32)


def _extract(suite: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    """LabeledExtract of section 4; an empty salt is 32 zero bytes to HMAC (RFC 5869 section 2.2)."""
    return hmac_sha256(salt, b"HPKE-v1" + suite + label + ikm)


def _expand(suite: bytes, prk: bytes, label: bytes, info: bytes, length: int) -> bytes:
    """LabeledExpand of section 4, of up to one block."""
    assert length <= hashlib.sha256().digest_size
    labelled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return hmac_sha256(prk, labelled + b"\x01")[:length]
