"""What a new device begins with, drawn for one attempt, and sealed so that its server alone can open it (RFC 9180).

The secret is the root of all keys. Here it lies in bytearrays, which are overwritten when the attempt is over; nothing of it is
in a text, a name or a message. What Python cannot promise: the bytes that go to the board are copied by the layers below
(`bytes` of a command, of a window, of a write), these copies stand in the process' memory until the interpreter uses that
memory for something else, and a page of it may be swapped out. So whoever reads this machine's memory or swap while it enrols
reads the root; the device's first contact heals, and with that the root opens nothing that comes after.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from agent.enrolment.invitation import ASK, Invitation
from agent.enrolment.packed import pack_into
from agent.errors import AgentError, EnrolmentFileError

MAGIC = b"byleave-enrolment-1\n"
ID_BYTES = 16
ROOT_BYTES = 32
DEVICE_BYTES = 10  # 16 characters of base 32
EPOCH_S = 86_400
INFO = b"byleave/1/enrolment"  # the invitation's id behind it: a file that is told to be another's does not open
ROOT_INFO = b"byleave/1/enrolment/root"
DEVICE_INFO = b"byleave/1/enrolment/device"
INSTALL = "pip install 'byleave[agent]'"


@dataclass
class Attempt:
    """One attempt: pseudonym and root, of this host's randomness and the board's; overwritten at the end of its `with`.

    `board` and `version` are what the board says of itself.
    """

    invitation: Invitation = field(repr=False)
    device: str
    root: bytearray = field(repr=False)
    made_s: int
    board: str
    version: str

    @classmethod
    def drawn(cls, invitation: Invitation, share: bytearray, board: str, version: str, now_s: float) -> Self:
        """From the board's share of 32 + 10 random bytes, which is overwritten, and from as many of this host: whoever knows
        one of the two knows nothing."""
        own = bytearray(os.urandom(ROOT_BYTES + DEVICE_BYTES))
        ikm = own[:ROOT_BYTES] + share[:ROOT_BYTES]
        root = bytearray(ROOT_BYTES)
        _hkdf(ikm, invitation.id, ROOT_INFO, root)
        mixed = bytearray(DEVICE_BYTES)
        _hkdf(own[ROOT_BYTES:] + share[ROOT_BYTES:], invitation.id, DEVICE_INFO, mixed)
        for used in (own, ikm, share):
            wipe(used)
        device = base64.b32encode(mixed).decode("ascii").lower()
        return cls(invitation, device, root, int(now_s), board, version)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        wipe(self.root)

    def installation(self, settings: str) -> bytearray:
        """What the board installs (docs/architecture.md, "Enrolment file"). Overwrite it after use."""
        out = bytearray()
        pack_into(out, 1, self.device, self.root, 0, self.made_s // EPOCH_S, self.made_s, settings)
        return out

    def sealed(self, hello: bytes = b"") -> bytes:
        """The sealed enrolment, a file (docs/wire-format.md section 10); `hello` is the board's first envelope."""
        plain = bytearray()
        first_epoch = self.made_s // EPOCH_S
        pack_into(plain, 1, self.device, self.root, 0, first_epoch, self.made_s, self.board, self.version, hello)
        try:
            suite, key = _suite()
            output = suite.encrypt(plain, key(self.invitation.public), info=INFO + self.invitation.id)
        except ValueError:  # a key that hides nothing: invitation.parse knows them all
            raise EnrolmentFileError(f"the invitation's key cannot be used; {ASK}") from None
        finally:
            wipe(plain)
        return bytes(MAGIC + self.invitation.id + output)


def confirmation(sealed: bytes) -> str:
    """Code of a sealed enrolment, for whoever admits it: 80 bits of its SHA-256 in five groups of four, as `sha256sum` begins.

    [Who has a copy of the invitation can seal a board of theirs to it; who has read this file too would have to find another one
    with the same 80 bits while the invitation lasts.]
    """
    digits = hashlib.sha256(sealed).hexdigest()[:20]
    return " ".join(digits[at : at + 4] for at in range(0, 20, 4))


def wipe(secret: bytearray) -> None:
    """Overwrites it with zeros."""
    secret[:] = bytes(len(secret))


def check_installed() -> None:
    """AgentError with what to install, where sealing would fail for want of it [after the board was interrupted]."""
    _suite()


def _suite() -> tuple[Any, Callable[[bytes], Any]]:
    try:
        from cryptography.hazmat.primitives import hpke  # noqa: PLC0415 - comes with an extra
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey  # noqa: PLC0415
    except ModuleNotFoundError as missing:
        raise AgentError(f"enrolling by invitation needs {missing.name}, which is not installed: {INSTALL}") from None
    suite = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
    return suite, X25519PublicKey.from_public_bytes


def _hkdf(ikm: bytearray, salt: bytes, info: bytes, out: bytearray) -> None:
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415

    HKDF(hashes.SHA256(), len(out), salt, info).derive_into(ikm, out)
