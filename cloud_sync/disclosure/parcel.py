"""One part of a delivery: its key, for whom it is, and its body, in which stands nothing but what is listed for the recipient."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

SALT_BYTES: Final = 16
#: Of the body's commitment in a key: enough that two bodies under one number never have one key.
KEY_CHARACTERS: Final = 16


@dataclass(frozen=True, slots=True)
class Part:
    """`cloud_sync.stores.Parcel`. Its body is not shown [a log line that quotes a parcel]."""

    key: str
    recipient: str
    body: bytes = field(repr=False)


def part_of(
    delivery: str, number: int, salt: bytes, recipient: str, purpose: str, source: str, rows: Sequence[dict[str, Any]]
) -> Part:
    """Part `number` of a delivery. The key is the same for the same contents, so that a retry is recognised, and no other's."""
    about = {"delivery": delivery, "part": number, "recipient": recipient, "purpose": purpose, "source": source}
    body = json.dumps({**about, "readings": rows}, separators=(",", ":"), ensure_ascii=False).encode()
    return Part(f"{delivery}-{number}-{_mac(salt, body)[:KEY_CHARACTERS]}", recipient, body)


def chained(salt: bytes, before: str, body: bytes) -> str:
    """The commitment to all parts up to this one: HMAC-SHA256 under the salt over the one before and the body's digest, in hex.

    Who has salt and bodies can show what was handed over; once the salt is erased, nobody can tell from the commitment.
    """
    return _mac(salt, before.encode() + hashlib.sha256(body).digest())


def _mac(salt: bytes, data: bytes) -> str:
    return hmac.new(salt, data, hashlib.sha256).hexdigest()
