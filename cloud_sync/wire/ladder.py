"""Keys: docs/wire-format.md, section 3. Every function takes and returns 32 bytes; nothing is remembered.

root ─ spine ─► S(n) ─ next ─► S(n+1)          one step a UTC day
                 └ day ─► D(n) ─ chain ─► C(0) ─ step ─► C(1) …     one step an envelope
                                           └ seal ─► K(0)
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from hashlib import sha256
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from cloud_sync.errors import WireFormatError
from cloud_sync.model import Stream

KEY_BYTES: Final = 32
KINDS: Final = ("spine", "next", "day", "chain", "step", "seal", "heal")

_INNER_PAD: Final = b"\x36" * KEY_BYTES  # RFC 2104: a key is filled up to SHA-256's block of 64 bytes with zeros
_OUTER_PAD: Final = b"\x5c" * KEY_BYTES
_INNER: Final = int.from_bytes(_INNER_PAD, "big")
_OUTER: Final = int.from_bytes(_OUTER_PAD, "big")


def _function(block: bytes) -> Callable[[bytes], bytes]:
    """HMAC-SHA256(·, block) for keys of 32 bytes, as two hashes: half the time of `hmac.digest`, two an envelope.

    [The key is masked as one number: a table that is indexed by its bytes would show them to whoever shares the cache.]
    """
    inner_rest = _INNER_PAD + block

    def function(key: bytes) -> bytes:
        if len(key) != KEY_BYTES:
            raise WireFormatError(f"a key of a ladder has {KEY_BYTES} bytes")
        number = int.from_bytes(key, "big")
        inner = sha256((number ^ _INNER).to_bytes(KEY_BYTES, "big") + inner_rest).digest()
        return sha256((number ^ _OUTER).to_bytes(KEY_BYTES, "big") + _OUTER_PAD + inner).digest()

    return function


# Each key kind, stream and direction has a label of its own. Label ‖ 0x01 is the one block of HKDF-Expand for L = 32
# (RFC 5869, section 2.3, T(1)).
_FUNCTIONS: Final = {
    (int(stream), kind): _function(f"byleave/1/{stream.name.lower()}/{kind}\x01".encode("ascii"))
    for stream in Stream
    for kind in KINDS
}


def function(stream: int, kind: str) -> Callable[[bytes], bytes]:
    """H(·, label of `stream` and `kind`), for callers that derive many keys."""
    try:
        return _FUNCTIONS[stream, kind]
    except KeyError:
        raise WireFormatError(f"no key of kind {kind!r} for stream {stream}") from None


def derive(key: bytes, stream: int, kind: str) -> bytes:
    """H(key, label of `stream` and `kind`)."""
    return function(stream, kind)(key)


def spine(root: bytes, stream: int) -> bytes:
    """S(g, n₀), the spine's first value."""
    return derive(root, stream, "spine")


def next_spine(value: bytes, stream: int) -> bytes:
    """S(g, n+1) of S(g, n)."""
    return derive(value, stream, "next")


def day_key(value: bytes, stream: int) -> bytes:
    """D(g, n), the leaf of the day of S(g, n)."""
    return derive(value, stream, "day")


def day_chain(value: bytes, stream: int) -> bytes:
    """C(g, n, 0) of the spine value S(g, n)."""
    return derive(day_key(value, stream), stream, "chain")


def down_chain(root: bytes) -> bytes:
    """C(g, 0) of the downlink."""
    return derive(root, Stream.DOWN, "chain")


def step(chain: bytes, stream: int, steps: int = 1) -> bytes:
    """The chain key `steps` envelopes later; there is no way back."""
    one_step = function(stream, "step")
    for _ in range(steps):
        chain = one_step(chain)
    return chain


def seal_key(chain: bytes, stream: int) -> bytes:
    """K, the key of the one envelope that `chain` belongs to."""
    return derive(chain, stream, "seal")


def mix(old: bytes, shared: bytes, stream: int) -> bytes:
    """Healing: S(g+1, n₀) of S(g, e), or for `down` C(g+1, 0) of the S(g, e) of `status`, and the X25519 shared secret.

    A secret of zeros is refused [a peer that sends a point of small order would fix it].
    """
    if len(old) != KEY_BYTES or len(shared) != KEY_BYTES or shared == bytes(KEY_BYTES):
        raise WireFormatError("healing needs the old key and a shared secret that is not zero, of 32 bytes each")
    return derive(hmac.digest(old, shared, "sha256"), stream, "heal")


def shared_secret(private: bytes, public: bytes) -> bytes:
    """X25519 (RFC 7748, section 5); an all-zero result is refused (section 6.1)."""
    try:
        return X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError as error:  # wrong length, or a point of small order
        raise WireFormatError("the X25519 exchange has no usable result") from error
