"""What goes with the letter of a decided case: what stays or is withheld, why and until when, and which rights the person keeps.

The letter itself, with its reason and the authority, is that of `notices.letters`; nobody has to talk to the company before
complaining.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cloud_sync.policy import Policy
from cloud_sync.retention.civil import local_date, zone_of

#: Something that stays, or is withheld: what, how many (0: uncounted), why, and when that is looked at again.
Stays = tuple[str, int, str, float | None]

_KEPT: Final = "What stays with us, or is not in your copy, and why:"
_RIGHTS: Final = (
    "You keep your other rights, among them the transfer of your data to you or to somebody else, the change of what is"
    " wrong, and the withdrawal of a consent at any time. You are welcome to talk to us, and need not do so before you"
    " complain."
)


def enclosure(policy: Policy, stays: Iterable[Stays]) -> str:
    """The text below the letter."""
    zone = zone_of(policy.country)
    kept = [_line(each, zone) for each in stays]
    return "\n".join([*([_KEPT, *kept, ""] if kept else []), _RIGHTS]) + "\n"


def _line(stays: Stays, zone: str) -> str:
    what, count, why, review_at = stays
    again = f"; looked at again on {local_date(review_at, zone)}" if review_at is not None else ""
    return f"- {what}{f', {count}' if count else ''}: {why.replace('_', ' ')}{again}"
