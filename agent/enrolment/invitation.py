"""An invitation of a server: whom the root of a new device is sealed to, until when, and whose it is.

It holds no secret, and comes by any way: mail, chat, a stick. So all of it is somebody else's text, and who swaps it on the way
would be told the root: its fingerprint is compared with what the server's operator reads out.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

from agent.enrolment.packed import PackedError, unpack_array
from agent.errors import EnrolmentFileError, NotProven
from agent.files import read_bounded

NAME = "byleave-invitation-1:"
LIMIT_BYTES = 512  # the longest has 290: 64 characters of four bytes, and 96 bytes of keys, in base64
MOST_CONTROLLER_CHARS = 64
LONGEST_S = 90 * 86_400  # `byleave sync invite --for` gives no more
CLOCK_S = 86_400  # by so much may this machine's clock be behind the server's
ASK = "ask the server's operator for a new one (`byleave sync invite`)"
# Points of X25519 whose shared secret is zero whatever the private key is (RFC 7748 section 6.1; order 1, 2, 4 and 8), and their
# like beyond the prime. Sealing would fail with them too, after the board was interrupted.
_P = 2**255 - 19
_ORDER_8 = (
    0x00B8495F16056286FDB1329CEB8D09DA6AC49FF1FAE35616AEB8413B7C7AEBE0,
    0x57119FD0DD4E22D8868E1C58C45C44045BEF839C55B1D0B1248C50A3BC959C5F,
)
_ZERO = frozenset({0, 1, *_ORDER_8, _P - 1})


@dataclass(frozen=True)
class Invitation:
    """What an invitation says; `release_key` is None where it names none."""

    text: str
    id: bytes
    public: bytes
    expires_s: int
    controller: str
    release_key: bytes | None

    @property
    def fingerprint(self) -> str:
        """As `byleave sync invite` prints it: 16 hexadecimal digits in groups of four."""
        digits = hashlib.sha256(self.text.encode()).hexdigest()[:16]
        return " ".join(digits[at : at + 4] for at in range(0, 16, 4))

    @classmethod
    def read(cls, path: Path, *, now_s: float) -> Invitation:
        """The one in a file. EnrolmentFileError for what is none, or for one whose time is over or has not come."""
        data = read_bounded(path, limit_bytes=LIMIT_BYTES, instead=ASK)
        try:
            invitation = parse(data.decode("ascii").strip(" \t\r\n") if len(data) <= LIMIT_BYTES else "")
        except (PackedError, UnicodeDecodeError):
            raise EnrolmentFileError(f"{path}: is no invitation, or was changed on the way; {ASK}") from None
        # 1. Its key is gone at the server [an enrolment that nobody can open any more].
        if now_s >= invitation.expires_s:
            today = time.strftime("%Y-%m-%d", time.gmtime(now_s))
            raise EnrolmentFileError(
                f"{path}: by this machine's clock, {today}, this invitation has expired; {ASK}, or set the clock"
            )
        # 2. A clock that is years behind would begin the device's keys at a day that is long over.
        if now_s < invitation.expires_s - LONGEST_S - CLOCK_S:
            raise EnrolmentFileError(f"{path}: this invitation is from the future: set this machine's clock, or {ASK}")
        return invitation

    def prove(self, fingerprint: str) -> None:
        """NotProven unless it is this one that somebody has read out."""
        told = "".join(char for char in fingerprint.lower() if char not in " :-")
        if told != self.fingerprint.replace(" ", ""):
            raise NotProven(
                f"the invitation's fingerprint is {self.fingerprint}, not the one that you were told: it was swapped or "
                f"changed on the way. Do not enrol with it, and {ASK}"
            )


def parse(text: str) -> Invitation:
    """An invitation from its line of text. PackedError for anything else."""
    if not text.startswith(NAME) or len(text) > LIMIT_BYTES:
        raise PackedError("no invitation")
    values = unpack_array(_decoded(text.removeprefix(NAME)))
    if len(values) != 6 or values[0] != 1:
        raise PackedError("no invitation of version 1")
    _, ident, public, expires_s, controller, release_key = values
    for value, size in ((ident, 16), (public, 32), (release_key if release_key is not None else bytes(32), 32)):
        if not isinstance(value, bytes) or len(value) != size:
            raise PackedError("a byte string of another length")
    if not isinstance(expires_s, int):
        raise PackedError("no time")
    # What is printed moves no cursor and turns no text around [a name that hides what follows it].
    if not isinstance(controller, str) or len(controller) > MOST_CONTROLLER_CHARS or not controller.isprintable():
        raise PackedError("no name")
    if (int.from_bytes(public, "little") & (2**255 - 1)) % _P in _ZERO:
        raise PackedError("a public key that hides nothing")
    return Invitation(text, ident, public, expires_s, controller, release_key)


def _decoded(text: str) -> bytes:
    """base64url without padding, in the one form that its bytes have."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise PackedError("no base64") from None
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode() != text:
        raise PackedError("not the one form of its bytes")
    return data
