"""How somebody comes into a group: the holder invites them, and they say yes."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from cloud_sync.consent import Evidence
from cloud_sync.model import ConsentBound


class Inviting(Protocol):
    """Of the ledger of groups, or of the façade."""

    def invite(self, group: str, subject: str, holder: Evidence) -> ConsentBound: ...
    def accept(self, group: str, subject: str, evidence: Evidence, /) -> ConsentBound: ...


def join(groups: Inviting, group: str, subject: str, holder: Evidence) -> ConsentBound:
    """Invited, and accepted."""
    groups.invite(group, subject, holder)
    return groups.accept(group, subject, replace(holder, entity_id=subject))
