"""Releases on the wire: a signed manifest, and the image as a chain of chunks (docs/wire-format.md, section 9)."""

from __future__ import annotations

import hashlib
import zlib
from typing import Any, Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from cloud_sync.errors import SealBroken, WireFormatError
from cloud_sync.wire import codec
from cloud_sync.wire.fields import array, octets, whole

VERSION: Final = 1
DOMAIN: Final = b"byleave/1/release"  # what else the key may sign can never be taken for a release
BLOCK_BYTES: Final = 1024  # of the image in a chunk: what a device's receive buffer takes
WINDOW_BITS: Final = 10  # the device's inflater keeps 1 KiB
DIGEST_BYTES: Final = 16
ID_BYTES: Final = 16
IMAGE_DIGEST_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
MOST_SIGNED_BYTES: Final = 200  # what a device keeps beside the image
MOST_NAME_BYTES: Final = 16
MOST_SECURITY: Final = 0xFFFF
MOST_IMAGE_BYTES: Final = 112 * 4096  # sectors of a slot whose progress a device can note


class Manifest(NamedTuple):
    """What is signed: the board, its version and security version, size and SHA-256 of the image, digest of the first chunk."""

    board: str
    version: str
    security: int
    size: int
    first: bytes
    digest: bytes

    @property
    def chunks(self) -> int:
        """Chunks of content, behind chunk 0."""
        return -(-self.size // BLOCK_BYTES)


class Offer(NamedTuple):
    """What a device is told of a release, in a sealed downlink."""

    release: bytes
    chunks: int
    size: int


def release_id(signed: bytes) -> bytes:
    """The name of a release: the first 16 bytes of the SHA-256 of chunk 0."""
    return hashlib.sha256(signed).digest()[:ID_BYTES]


def sign(manifest: Manifest, key: Ed25519PrivateKey) -> bytes:
    """Chunk 0: the manifest's bytes and their signature."""
    body = codec.pack([VERSION, *manifest])
    _manifest(codec.unpack(body))
    signed = codec.pack([body, key.sign(DOMAIN + body)])
    if len(signed) > MOST_SIGNED_BYTES:
        raise WireFormatError("board and version are too long for a manifest")
    return signed


def open_signed(signed: bytes, key: Ed25519PublicKey | None) -> Manifest:
    """The manifest of chunk 0; SealBroken if the signature is not one of `key`. Without a key it is read, not believed."""
    if len(signed) > MOST_SIGNED_BYTES:
        raise WireFormatError(f"a signed manifest has at most {MOST_SIGNED_BYTES} bytes")
    body, signature = array(codec.unpack(signed), 2, 2, "a signed manifest")
    octets(signature, (SIGNATURE_BYTES,), "signature")
    if type(body) is not bytes:
        raise WireFormatError("a manifest is a byte string")
    if key is not None:
        try:
            key.verify(signature, DOMAIN + body)
        except InvalidSignature:
            raise SealBroken("the signature of a release does not verify") from None
    return _manifest(codec.unpack(body))


def chunks(image: bytes) -> tuple[bytes, list[bytes]]:
    """(digest of the first, the chunks in order): each begins with the digest of the next, the last with zeros."""
    following = bytes(DIGEST_BYTES)
    made: list[bytes] = []
    for at in reversed(range(0, len(image), BLOCK_BYTES)):
        made.append(following + _deflated(image[at : at + BLOCK_BYTES]))
        following = hashlib.sha256(made[-1]).digest()[:DIGEST_BYTES]
    return following, made[::-1]


def _deflated(block: bytes) -> bytes:
    """Raw DEFLATE with a window of 1 KiB, or the block itself where that is no longer."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -WINDOW_BITS)
    packed = packer.compress(block) + packer.flush()
    return packed if len(packed) < len(block) else block


def _manifest(value: Any) -> Manifest:
    array(value, 7, 7, "a manifest")
    whole(value[0], VERSION, VERSION, "version of a manifest")
    for name in value[1:3]:
        if type(name) is not str or not 0 < len(name.encode()) <= MOST_NAME_BYTES:
            raise WireFormatError(f"board and version have 1 to {MOST_NAME_BYTES} bytes")
    return Manifest(
        value[1],
        value[2],
        whole(value[3], 0, MOST_SECURITY, "security version"),
        whole(value[4], 1, MOST_IMAGE_BYTES, "size of an image"),
        octets(value[5], (DIGEST_BYTES,), "digest of the first chunk"),
        octets(value[6], (IMAGE_DIGEST_BYTES,), "digest of the image"),
    )
