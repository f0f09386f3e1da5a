"""Identifiers of people, tickets and references: they end in the audit log, so no name and no free text may slip in."""

from __future__ import annotations

import re
from typing import Final

from cloud_sync.errors import ConfigError

# The form of every identifier of an installation; the audit log takes no other (`cloud_sync.audit.events`).
_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}", re.ASCII)


def check_word(value: str, what: str) -> str:
    """The value, or ConfigError unless it is an identifier."""
    if not _WORD.fullmatch(value):
        raise ConfigError(f"{what} is no identifier: 1 to 64 letters, digits and . _ : / -, never a name or an address")
    return value


def nothing_told() -> None:
    """Nobody wants to hear."""
