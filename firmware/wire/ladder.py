"""The one-way ladder of keys (wire-format section 3). Streams are their numbers; every key has 32 bytes."""

from firmware.errors import SealError
from firmware.wire.hmac import hmac_sha256

DOWN, LOCATION, ENVIRONMENT, MOTION, STATUS = range(5)
NAMES = ("down", "location", "environment", "motion", "status")
MAX_GENERATION = 2**16 - 1
MAX_EPOCH = 2**17 - 1
COUNTERS = 4096  # numbers in one (generation, stream, epoch)


def derive(key, stream_name: str, kind: str) -> bytes:
    """H(key, "byleave/1/<stream>/<kind>"): HKDF-Expand to 32 bytes, which is one HMAC."""
    return hmac_sha256(key, b"byleave/1/%s/%s\x01" % (stream_name.encode(), kind.encode()))


def spine(root, stream: int) -> bytes:
    """S(g, n₀) of an uplink stream, from the root of generation g."""
    return derive(root, NAMES[stream], "spine")


def next_spine(value, stream: int) -> bytes:
    """S(g, n+1) from S(g, n)."""
    return derive(value, NAMES[stream], "next")


def day_chain(value, stream: int) -> bytes:
    """C(g, n, 0) from S(g, n), by way of the leaf D(g, n)."""
    return derive(derive(value, NAMES[stream], "day"), NAMES[stream], "chain")


def down_chain(root) -> bytes:
    """C(g, 0) of the downlink, from the root of generation g."""
    return derive(root, "down", "chain")


def blur(root) -> bytes:
    """The device's secret for blurred positions; no key derives it, and it derives none."""
    return derive(root, "device", "blur")


def step(chain, stream: int) -> bytes:
    """The chain key of the next number; also of the downlink (stream 0)."""
    return derive(chain, NAMES[stream], "step")


def seal_key(chain, stream: int) -> bytes:
    """Key of the one envelope at this place of the chain; also of the downlink (stream 0)."""
    return derive(chain, NAMES[stream], "seal")


def mix(old, shared, stream: int) -> bytes:
    """First spine of the next generation, from the old one of the stream and 32 bytes of X25519 secret; for `down` its first
    chain, from the old spine of `status`.
    """
    if len(shared) != 32 or not any(shared):
        raise SealError("shared secret is not contributory")  # RFC 7748 section 6.1: a peer of low order
    return derive(hmac_sha256(old, shared), NAMES[stream], "heal")
