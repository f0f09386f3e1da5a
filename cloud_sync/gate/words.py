"""Identifiers of people, tickets and references: they end in the audit log, so no name and no free text may slip in."""

from __future__ import annotations

import re
from typing import Final

from cloud_sync.errors import ConfigError
from cloud_sync.policy import Policy
from cloud_sync.policy.vocabulary import Role

# The form of every identifier of an installation; the audit log takes no other (`cloud_sync.audit.events`).
_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}", re.ASCII)
UNDECLARED: Final = "undeclared"
_ROLES: Final = frozenset(role.value for role in Role)


def check_word(value: str, what: str) -> str:
    """The value, or ConfigError unless it is an identifier."""
    if not _WORD.fullmatch(value):
        raise ConfigError(f"{what} is no identifier: 1 to 64 letters, digits and . _ : / -, never a name or an address")
    return value


def said_role(role: str) -> str:
    """The role as the log has it: one of the vocabulary, or "undeclared" [a denial that free text keeps out of the log]."""
    return role if role in _ROLES else UNDECLARED


def said_purpose(purpose: str, policy: Policy) -> str:
    """The purpose as the log has it: one of the policy, or "undeclared"."""
    return purpose if purpose in policy.purposes else UNDECLARED


def said_category(category: str, policy: Policy) -> str:
    """The category as the log has it: one that the policy has a rule for, or "undeclared"."""
    return category if policy.rules_of(category) else UNDECLARED


def said_word(value: str) -> str:
    """An identifier as the log has it, or "undeclared" for what is none; for denials only, others must be told by whom."""
    return value if not value or _WORD.fullmatch(value) else UNDECLARED


def nothing_told() -> None:
    """Nobody wants to hear."""
