"""What tests of consent share: another edition of a policy, visits to a site, and whether a gate is open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cloud_sync.consent.standing import Switch
from cloud_sync.errors import Denied
from cloud_sync.model import Actor
from tests.clauses.made import World

CLERK: Final = Actor("c-1", "controller", mfa=True)


def switches(world: World, subject: str = "u-1") -> dict[str, Switch]:
    """A person's choices, by purpose."""
    return {switch.purpose: switch for switch in world.cloud.consent.switches(subject)}


def visits(
    world: World, category: str, fields: Mapping[str, str], source: str, pages: int, subject: str = "u-1"
) -> int:
    """So many pages of a site are loaded, and each would note something of the visitor; how many rows there are then."""
    for page in range(pages):
        try:
            world.cloud.intake.take(
                category, {**fields, "page": f"/{page}"} if "page" in fields else fields, subject=subject, source=source
            )
        except Denied as denied:
            assert str(denied.reason) == "consent_missing"
        world.later(seconds=1)
    return len(world.cloud.records.of(subject, category))


def edition(world: World, *changes: tuple[str, str]) -> None:
    """Put another text in force; every occurrence is replaced."""
    text = world.text
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    world.reopen(text)
