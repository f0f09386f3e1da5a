"""Signing releases: a key of the controller's own, which need never be where the server runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from cloud_sync.errors import ConfigError, WireFormatError
from cloud_sync.releases.image import read_folder
from cloud_sync.wire import release as wire

_FORM: Final = b"byleave release 1\n"
_LENGTH_BYTES: Final = 2


@dataclass(frozen=True, slots=True)
class Release:
    """A signed release: its manifest, and every message that carries it, chunk 0 first."""

    manifest: wire.Manifest
    messages: tuple[bytes, ...]

    @property
    def id(self) -> bytes:
        """Its name on the wire."""
        return wire.release_id(self.messages[0])

    @property
    def offer(self) -> wire.Offer:
        """What a device is told."""
        return wire.Offer(self.id, self.manifest.chunks, self.manifest.size)

    def pack(self) -> bytes:
        """As a file: a line, then each message behind its length (16 bits)."""
        return _FORM + b"".join(len(each).to_bytes(_LENGTH_BYTES, "big") + each for each in self.messages)


def make(board: str, version: str, security: int, image: bytes, key: Ed25519PrivateKey) -> Release:
    """Sign an image. ConfigError for a name or an image that no device would take."""
    first, content = wire.chunks(image)
    manifest = wire.Manifest(board, version, security, len(image), first, sha256(image).digest())
    try:
        signed = wire.sign(manifest, key)
    except WireFormatError as error:
        raise ConfigError(f"this release cannot be signed: {error}") from error
    return Release(manifest, (signed, *content))


def sign_folder(folder: Path, key: Ed25519PrivateKey) -> Release:
    """Sign what `byleave agent release` made."""
    return make(*read_folder(folder), key)


def unpack(data: bytes, key: Ed25519PublicKey | None = None) -> Release:
    """A release out of its file; ConfigError unless every chunk is the one that the manifest leads to."""
    if not data.startswith(_FORM):
        raise ConfigError("this is no signed release; byleave sync release sign makes one")
    messages, at = [], len(_FORM)
    while at < len(data):
        end = at + _LENGTH_BYTES + int.from_bytes(data[at : at + _LENGTH_BYTES], "big")
        messages.append(data[at + _LENGTH_BYTES : end])
        at = end
    if at != len(data) or not messages:
        raise ConfigError("this release was cut; copy its file anew")
    manifest = wire.open_signed(messages[0], key)
    _check_chain(manifest, messages[1:])
    return Release(manifest, tuple(messages))


def _check_chain(manifest: wire.Manifest, content: Sequence[bytes]) -> None:
    following = manifest.first
    for message in content:
        if sha256(message).digest()[: wire.DIGEST_BYTES] != following:
            raise ConfigError("a chunk of this release is damaged; copy its file anew")
        following = message[: wire.DIGEST_BYTES]
    if len(content) != manifest.chunks:
        raise ConfigError("chunks of this release are missing; copy its file anew")


def new_key() -> tuple[bytes, str]:
    """(content of the private file, public key as hex for the setting `release_key`)."""
    key = Ed25519PrivateKey.generate()
    return key.private_bytes_raw().hex().encode() + b"\n", public_hex(key)


def public_hex(key: Ed25519PrivateKey) -> str:
    """The setting `release_key` of the devices that take this key's releases."""
    return key.public_key().public_bytes_raw().hex()


def read_key(data: bytes) -> Ed25519PrivateKey:
    """The private key of a file that `new_key` made."""
    try:
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(data.decode("ascii").strip()))
    except (ValueError, UnicodeDecodeError):
        raise ConfigError("this is no key for releases; byleave sync release key makes one") from None


def about(release: Release) -> dict[str, Any]:
    """What an operator wants to know of it."""
    manifest = release.manifest
    return {
        "release": release.id.hex(),
        "board": manifest.board,
        "version": manifest.version,
        "security": manifest.security,
        "bytes": manifest.size,
        "chunks": manifest.chunks,
        "bytes_over_the_air": sum(map(len, release.messages)),
    }
