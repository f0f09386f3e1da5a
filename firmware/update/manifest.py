"""The signed manifest of a release (wire-format section 9): read, and believed only with the controller's signature."""

from binascii import unhexlify

from firmware.const import const
from firmware.errors import FirmwareError, WireError
from firmware.wire.msgpack import unpack

_DOMAIN = b"byleave/1/release"  # what else the key may sign can never be taken for a release
BLOCK_BYTES = 1024  # of the image in one chunk: as much as one envelope, for which the receive buffer is made
DIGEST_BYTES = 16  # of a chunk: who finds a second chunk under the digest of a given one does 2^128 work
MAX_SIGNED_BYTES = 200  # what a slot's head has room for
_MAX_NAME_BYTES = const(16)


class RefusedError(FirmwareError):
    """A release that this device must not install."""


class Manifest:
    """`board`, `version`, `security`, `size` of the image in bytes, `first` digest of chunk 1, `digest` of the image."""

    def __init__(self, signed):
        """signed: chunk 0 whose signature was verified, now or before it was written to flash. WireError: malformed."""
        self._take(unpack(_parts(signed)[0]))

    def _take(self, value):
        if not isinstance(value, list) or len(value) != 7 or value[0] != 1:
            raise WireError("not a manifest of version 1")
        _, self.board, self.version, self.security, self.size, self.first, self.digest = value
        for name in (self.board, self.version):
            if not isinstance(name, str) or not 0 < len(name.encode()) <= _MAX_NAME_BYTES:
                raise WireError("manifest: name")
        for number, least, most in ((self.security, 0, 0xFFFF), (self.size, 1, 0xFFFFFF)):
            if not isinstance(number, int) or not least <= number <= most:
                raise WireError("manifest: number")
        for octets, size in ((self.first, DIGEST_BYTES), (self.digest, 32)):
            if not isinstance(octets, bytes) or len(octets) != size:
                raise WireError("manifest: digest")

    @property
    def chunks(self) -> int:
        """Chunks of content behind chunk 0."""
        return (self.size + BLOCK_BYTES - 1) // BLOCK_BYTES


def verify(signed, key, tick=None) -> None:
    """RefusedError unless chunk 0 is signed by `key`, the controller's public key as hex; WireError for malformed bytes."""
    from firmware.update import ed25519, forget

    body, signature = _parts(signed)
    good = ed25519.verify(_key(key), _DOMAIN + body, signature, tick)
    forget("ed25519", "sha512")
    if not good:
        raise RefusedError("signature")


def _parts(signed):
    if len(signed) > MAX_SIGNED_BYTES:
        raise WireError("manifest too long")
    value = unpack(signed)
    if not isinstance(value, list) or [type(part) for part in value] != [bytes, bytes]:
        raise WireError("not a signed manifest")
    return value


def _key(text) -> bytes:
    try:
        return unhexlify(text)
    except (TypeError, ValueError):
        return b""  # none was given at enrolment: nothing verifies
