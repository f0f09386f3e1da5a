"""Checkpoints: the size and root of the log, signed. C2SP tlog-checkpoint inside C2SP signed-note, Ed25519.

```
<origin>
<size, decimal>
<root, base64>

— <key name> <base64 of 4 bytes key id and 64 bytes signature>
```

A checkpoint that somebody else keeps is what makes truncation and forks visible: the log cannot take it back.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Final, NamedTuple, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from cloud_sync.errors import AuditError

ED25519: Final = b"\x01"  # signature type [C2SP signed-note, "Signature types"]
KEY_BYTES: Final = 32
KEY_ID_BYTES: Final = 4
#: A note with a handful of witnesses; more is nothing that we wrote.
MOST_NOTE_BYTES: Final = 64 * 1024
_DASH: Final = "— "
_NAME = re.compile(r"[!-*,-~]{1,255}", re.ASCII)  # printable, no space, no plus sign
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


class Checkpoint(NamedTuple):
    """What a checkpoint says, once its signature has been verified."""

    origin: str
    size: int
    root: bytes


class Signer(Protocol):
    """Whoever signs checkpoints: a key in memory, or one that stays in a device."""

    @property
    def name(self) -> str:
        """Name of the key, also the origin of the log: no spaces, no plus sign."""

    @property
    def public_key(self) -> str:
        """The verifier key, as C2SP signed-note writes it: `<name>+<key id>+<base64>`."""

    def sign(self, text: bytes) -> bytes:
        """The Ed25519 signature of `text`, 64 bytes."""


def key_id(name: str, public: bytes) -> bytes:
    """Key id of an Ed25519 key: the first four bytes of SHA-256(name ‖ newline ‖ type ‖ key)."""
    return hashlib.sha256(name.encode() + b"\n" + ED25519 + public).digest()[:KEY_ID_BYTES]


class Ed25519Signer:
    """A signing key in memory."""

    def __init__(self, name: str, seed: bytes) -> None:
        """`seed` is the private key of RFC 8032, 32 bytes; AuditError for another length or an unfit name."""
        if not _NAME.fullmatch(name):
            raise AuditError("the name of a key has no spaces and no plus sign; choose another")
        if len(seed) != KEY_BYTES:
            raise AuditError("an Ed25519 key has 32 bytes")
        self._name = name
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self._public = self._key.public_key().public_bytes_raw()

    @classmethod
    def generate(cls, name: str) -> Ed25519Signer:
        """A signer with a new key."""
        return cls(name, Ed25519PrivateKey.generate().private_bytes_raw())

    @property
    def name(self) -> str:
        """Name of the key."""
        return self._name

    @property
    def public_key(self) -> str:
        """The verifier key: give it to whoever shall check proofs."""
        encoded = base64.b64encode(ED25519 + self._public).decode()
        return f"{self._name}+{key_id(self._name, self._public).hex()}+{encoded}"

    @property
    def seed(self) -> bytes:
        """The private key, to be stored wrapped."""
        return self._key.private_bytes_raw()

    def sign(self, text: bytes) -> bytes:
        """The signature of `text`, 64 bytes."""
        return self._key.sign(text)


def sign_checkpoint(signer: Signer, size: int, root: bytes) -> str:
    """The signed note for a log of `size` entries with this root."""
    text = f"{signer.name}\n{size}\n{base64.b64encode(root).decode()}\n"
    _, public = _verifier(signer.public_key)
    signature = key_id(signer.name, public) + signer.sign(text.encode())
    return f"{text}\n{_DASH}{signer.name} {base64.b64encode(signature).decode()}\n"


def open_checkpoint(note: str, public_key: str) -> Checkpoint:
    """What a checkpoint says; AuditError unless the key signed it and it is well formed."""
    lines = open_note(note, public_key).split("\n")
    name, _ = _verifier(public_key)
    if len(lines) < 4 or lines[0] != name or not _SIZE.fullmatch(lines[1]):
        raise AuditError("this note is no checkpoint of this log")
    root = _base64(lines[2])
    if len(root) != hashlib.sha256().digest_size:
        raise AuditError("the root of a checkpoint has 32 bytes")
    return Checkpoint(lines[0], int(lines[1]), root)


def open_note(note: str, public_key: str) -> str:
    """The text of a signed note, its last newline included; AuditError unless `public_key` signed it.

    1. Split at the last empty line [a signature line inside the text must not count].
    2. Find the line of our key by name and key id; lines of other keys are passed over, as C2SP signed-note requires.
    3. Verify the signature over the text.
    """
    if len(note) > MOST_NOTE_BYTES:
        raise AuditError("the note is too long")
    text, separator, signatures = note.rpartition("\n\n")
    if not separator or not signatures.endswith("\n"):
        raise AuditError("this is no signed note")
    text += "\n"
    name, public = _verifier(public_key)
    identity = key_id(name, public)
    lines = signatures[:-1].split("\n")
    if not all(line.startswith(_DASH) and line.count(" ") == 2 for line in lines):
        raise AuditError("a signature line of the note is malformed")
    for line in lines:
        signed_by, encoded = line.removeprefix(_DASH).split(" ")
        blob = _base64(encoded)
        if signed_by == name and blob[:KEY_ID_BYTES] == identity:
            _verify(public, blob[KEY_ID_BYTES:], text)
            return text
    raise AuditError(f"no signature of {name} is on this note")


def _verify(public: bytes, signature: bytes, text: str) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text.encode())
    except (InvalidSignature, ValueError):  # ValueError: a signature of another length, a text with lone surrogates
        raise AuditError("the signature of the note does not verify") from None


def _verifier(public_key: str) -> tuple[str, bytes]:
    """(name, 32 bytes) of a verifier key; AuditError unless its id fits."""
    parts = public_key.strip().split("+", 2)
    if len(parts) != 3 or not _NAME.fullmatch(parts[0]):
        raise AuditError("a verifier key is written <name>+<key id>+<base64>")
    name, identity, encoded = parts
    data = _base64(encoded)
    if len(data) != 1 + KEY_BYTES or data[:1] != ED25519 or key_id(name, data[1:]).hex() != identity:
        raise AuditError("the verifier key is damaged or not Ed25519")
    return name, data[1:]


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise AuditError("a part that must be base64 is not") from None
