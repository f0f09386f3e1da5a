"""What is not taken as a record: contents that the policy refuses, and what rests on a contract that was over when it arose.

A number of a payment card is known by its length, its first digit and its checksum (ISO/IEC 7812-1, Luhn): 12 to 19 digits,
of which one in ten by chance has a right checksum. What stands there in place of it is the token of the payment provider.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from cloud_sync.model import LawfulBasis, Reason
from cloud_sync.policy import Policy, Rule

CARD_NUMBER: Final = "card_number"
#: Digits in groups as cards have them; the first one is that of a network of cards [times in milliseconds begin with 1].
_CARD = re.compile(rb"(?<![0-9])[2-6](?:[ -]?[0-9]){11,18}(?![0-9])")

#: Groups of digits, among which one may stand [a card with the day on which it runs out, and its code].
_RUN = re.compile(rb"[0-9]+(?:[ -][0-9]+)*")
_LAYOUTS: Final = ((4, 4, 4, 4), (4, 6, 5), (4, 6, 4))  # of cards that are printed in groups

#: Why something is not kept, and of whom.
Refusal = tuple[Reason, str, str]


def has_card_number(content: bytes) -> bool:
    """Whether any run of digits in it is the number of a card."""
    whole = _CARD.findall(content)
    within = (found for run in _RUN.findall(content) for found in _within(run))
    return any(_luhn(bytes(c - 48 for c in found if 48 <= c <= 57)) for each in (whole, within) for found in each)


def _within(run: bytes) -> Iterator[bytes]:
    """What may be a card among groups of digits: one group, or those that follow each other as a card has them."""
    groups = re.split(rb"[ -]", run)
    for n, first in enumerate(groups):
        if first[0] not in b"23456":
            continue
        if 12 <= len(first) <= 19:
            yield first
        for layout in _LAYOUTS:
            found = groups[n : n + len(layout)]
            if tuple(map(len, found)) == layout:
                yield b"".join(found)


def _luhn(digits: bytes) -> bool:
    """The checksum: from the right every second digit doubled, less nine above nine."""
    doubled = (digit * 2 - 9 * (digit > 4) if n % 2 else digit for n, digit in enumerate(reversed(digits)))
    return sum(doubled) % 10 == 0


def refusal(
    policy: Policy,
    rules: Iterable[Rule],
    content: Mapping[str, bytes],
    made: float,
    ended: Callable[[str, float], bool],
) -> Refusal | None:
    """Why a record of these rules, made at that Unix second, is not kept; `ended` says whether a person's contract was over
    then.
    """
    if CARD_NUMBER in policy.parameters.words("collection.refused"):
        for subject, part in content.items():
            if has_card_number(part):
                return (
                    Reason.CONTENT_FORBIDDEN,
                    "it has the number of a card: keep the payment provider's token",
                    subject,
                )
    if all(rule.basis is LawfulBasis.CONTRACT for rule in rules):
        for subject in content:
            if ended(subject, made):
                return (
                    Reason.CONTRACT_ENDED,
                    "the contract was over when it arose: there is no ground to keep it",
                    subject,
                )
    return None
