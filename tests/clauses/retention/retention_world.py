"""What the tests of terms share: moments, what is left of a person, and policy texts with one thing taken out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from cloud_sync.policy import Clock, load_policy
from cloud_sync.policy.load import PolicyRefused
from tests.clauses.made import HOUR, PROFILES, Made, World, at


def left(world: World, category: str | None = None, subject: str = "u-1") -> int:
    """Records of a person in the live system."""
    return len(world.cloud.records.of(subject, category))


def at_noon(world: World, day: str) -> None:
    """That day, 12:00 UTC, and a sweep then."""
    world.clock.at = at(f"{day}T12:00")
    world.cloud.sweep(clock_confirmed=True)


def after_noon(world: World, day: str) -> None:
    """That day's noon has passed, plus one sweep, an hour later."""
    world.clock.at = at(f"{day}T12:00")
    world.sweep()


def put(
    world: World,
    category: str,
    content: bytes = b"content",
    *,
    subject: str = "u-1",
    events: Mapping[Clock, float] | None = None,
) -> str:
    """Keep a record of a person, now; its id."""
    return world.cloud.records.put(category, {subject: content}, events=events)


def begun(world: World, subject: str = "u-1") -> None:
    """The person's relation with the company has begun."""
    world.cloud.records.note(Clock.CONTRACT_CONCLUDED, subject=subject)


def ended(world: World, subject: str = "u-1", *, kind: Clock = Clock.RELATION_ENDED) -> None:
    """It has ended, now."""
    world.cloud.records.note(kind, subject=subject)


def rule_text(profile: str, category: str) -> str:
    """The text of the first rule of a category."""
    text = (PROFILES / f"{profile}.toml").read_text("utf-8")
    return next(each for each in text.split("[[rule]]")[1:] if f'\ncategory = "{category}"\n' in each)


def other_term(profile: str, category: str, term: str | None) -> tuple[str, str]:
    """A change of the profile's text: this term in the rule of a category, or none at all."""
    rule = rule_text(profile, category)
    line = f'retention = "{term}"\n' if term else ""
    return rule, re.sub(r'^retention = ".*"\n', line, rule, count=1, flags=re.M)


def refused(made: Made, profile: str, *changes: tuple[str, str]) -> str:
    """The policy loads as it is, and with these changes it does not; what the findings say."""
    load_policy(made.text(profile))
    with pytest.raises(PolicyRefused) as error:
        load_policy(made.text(profile, *changes))
    return str(error.value)


def shelf(world: World) -> Any:
    """A folder for backups beside the installation."""
    folder = world.folder.parent / f"shelf-{world.folder.name}"
    folder.mkdir(exist_ok=True)
    return folder


def lose(world: World) -> None:
    """The telemetry database is gone."""
    world.close()
    for each in world.folder.glob("telemetry.db*"):
        each.unlink()


def hours(count: float) -> float:
    """Seconds."""
    return count * HOUR
