"""Invitation, sealed enrolment and answer: docs/wire-format.md, section 10.

A sealed enrolment is a hostile file: whoever has seen an invitation can seal whatever they like to it. Its size is bounded before
anything is decoded, its form is strict, and nothing of it is used before all of it is in range.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgpack
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from cloud_sync.errors import SealBroken, WireFormatError
from cloud_sync.model import EPOCH_SECONDS
from cloud_sync.model.enrolment import SealedDevice
from cloud_sync.wire import codec
from cloud_sync.wire.envelope import MOST_ENVELOPE_BYTES
from cloud_sync.wire.fields import MOST_EPOCH, MOST_U32, array, octets, whole
from cloud_sync.wire.ladder import KEY_BYTES

VERSION: Final = 1
INVITATION: Final = "byleave-invitation-1:"
ENROLMENT: Final = b"byleave-enrolment-1\n"
ANSWER: Final = b"byleave-answer-1\n"
ID_BYTES: Final = 16  # at random: nobody comes upon another's
PUBLIC_BYTES: Final = 32  # X25519
MOST_CONTROLLER: Final = 64  # characters, of which a line of a terminal shows each
MOST_WORD: Final = 16  # characters of a board's name or a firmware's version, as in a release (section 9)
#: Encapsulated key and tag of an empty plaintext: what is shorter was cut.
_LEAST_BOX: Final = PUBLIC_BYTES + 16
#: The parts of the longest plaintext come to 1,125 bytes; more is nothing that an agent has written, and is not decrypted.
MOST_SEALED_BYTES: Final = 2048
_ENTRIES: Final = 9
_LENGTH_BYTES: Final = 2
_INFO: Final = b"byleave/1/enrolment"
_NAME: Final = re.compile(rb"byleave-enrolment-[0-9]{1,4}\n")
_DEVICE: Final = re.compile(r"[a-z2-7]{16}", re.ASCII)  # 80 bits of base 32 (section 2)
_WORD: Final = re.compile(r"[ -~]*", re.ASCII)
#: RFC 9180, base mode. [Nothing to agree on: what somebody else chose would be one more thing to be chosen badly.]
_SUITE: Final = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


class NewerForm(WireFormatError):  # noqa: N818 - says what it is
    """A version that this program does not know yet."""


class Box(NamedTuple):
    """A sealed enrolment, unopened: the invitation that it names, and what opens under its key."""

    id: bytes
    sealed: bytes


def invitation_text(ident: bytes, public: bytes, expires_s: int, controller: str, release_key: bytes | None) -> str:
    """The line of text, without an end of line: no secret, and nobody's name but the controller's."""
    octets(ident, (ID_BYTES,), "the id")
    octets(public, (PUBLIC_BYTES,), "the public key")
    whole(expires_s, 0, MOST_U32, "expiry")
    if len(controller) > MOST_CONTROLLER or not controller.isprintable():
        raise WireFormatError(f"the controller is named in at most {MOST_CONTROLLER} printable characters")
    if release_key is not None:
        octets(release_key, (PUBLIC_BYTES,), "the key of releases")
    # Without the codec: nil stands here, and nowhere else on the wire.
    packed: bytes = msgpack.packb([VERSION, ident, public, expires_s, controller, release_key])
    return INVITATION + base64.urlsafe_b64encode(packed).decode("ascii").rstrip("=")


def fingerprint(text: str) -> str:
    """64 bits of SHA-256 in four groups, for two people to compare: `1a2b 3c4d 5e6f 7a8b`."""
    digits = hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]
    return " ".join(digits[at : at + 4] for at in range(0, 16, 4))


def confirmation(data: bytes) -> str:
    """80 bits of SHA-256 of a sealed enrolment in five groups of four, as `sha256sum` begins: `1a2b 3c4d 5e6f 7a8b 9c0d`.

    More than a fingerprint's 64, and one group more to be told from one [whoever reads the right file on its way has the
    invitation's life, 90 days, to make one of theirs with the same digits: 2^64 hashes cost a rich one weeks, 2^80 millennia].
    """
    digits = hashlib.sha256(data).hexdigest()[:20]
    return " ".join(digits[at : at + 4] for at in range(0, 20, 4))


def read_box(data: bytes) -> Box:
    """The outside of a sealed enrolment; WireFormatError with what it is instead, NewerForm for a later version."""
    if data.startswith(INVITATION.encode("ascii")[:19]):
        raise WireFormatError("is the invitation itself: give the agent that one, and bring back what it seals")
    named = _NAME.match(data)
    if named and named[0] != ENROLMENT:
        raise NewerForm("was sealed by an agent of another version")
    if not data.startswith(ENROLMENT):
        raise WireFormatError("is no sealed enrolment: it does not begin as one")
    if not len(ENROLMENT) + ID_BYTES + _LEAST_BOX <= len(data) <= MOST_SEALED_BYTES:
        raise WireFormatError("was cut, or something was added: its length is none of a sealed enrolment")
    at = len(ENROLMENT)
    return Box(data[at : at + ID_BYTES], data[at + ID_BYTES :])


def unseal(box: Box, private: bytes) -> bytes:
    """The plaintext; SealBroken unless it was sealed to this key and this invitation."""
    try:
        return _SUITE.decrypt(box.sealed, X25519PrivateKey.from_private_bytes(private), info=_INFO + box.id)
    except (InvalidTag, ValueError):  # ValueError: an encapsulated key of small order
        raise SealBroken("a sealed enrolment does not open under its invitation") from None


def read_device(plaintext: bytes) -> SealedDevice:
    """What was sealed; WireFormatError names the entry, NewerForm a later version. The hello is still bytes."""
    value = codec.unpack(plaintext)
    if type(value) is list and value and type(value[0]) is int and value[0] > VERSION:
        raise NewerForm("was sealed by an agent of another version")
    _, device, root, generation, first_epoch, made_s, board, version, hello = array(
        value, _ENTRIES, _ENTRIES, "the plaintext"
    )
    whole(value[0], VERSION, VERSION, "version")
    if type(device) is not str or not _DEVICE.fullmatch(device):
        raise WireFormatError("device is not 16 letters of base 32")
    octets(root, (KEY_BYTES,), "root")
    whole(generation, 0, 0, "generation")  # a device begins there
    whole(first_epoch, 0, MOST_EPOCH, "first epoch")
    # One clock made both: a generation that began tomorrow has no keys for today. One day apart around midnight.
    if abs(whole(made_s, 0, MOST_U32, "time") // EPOCH_SECONDS - first_epoch) > 1:
        raise WireFormatError("first epoch is not the day of its time")
    _word(board, 1, "board")
    _word(version, 0, "firmware's version")
    if type(hello) is not bytes or len(hello) > MOST_ENVELOPE_BYTES:
        raise WireFormatError(f"hello is no bin of at most {MOST_ENVELOPE_BYTES} bytes")
    return SealedDevice(device, root, first_epoch, made_s, board, version, hello)


def answer_file(envelopes: Sequence[bytes]) -> bytes:
    """Sealed downlinks, each behind its length, in the order in which the board is to open them."""
    for each in envelopes:
        whole(len(each), 1, MOST_ENVELOPE_BYTES, "length of an envelope")
    return ANSWER + b"".join(len(each).to_bytes(_LENGTH_BYTES, "big") + each for each in envelopes)


def _word(value: Any, least: int, name: str) -> None:
    if type(value) is not str or not least <= len(value) <= MOST_WORD or not _WORD.fullmatch(value):
        raise WireFormatError(f"{name} is no text of {least} to {MOST_WORD} printable characters")
