"""What the tests of policies share: a file with one thing changed, what the lint finds, and staff who are let in to look at
records.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cloud_sync.cli.policy import policy as commands
from cloud_sync.errors import PolicyError
from cloud_sync.model import Actor
from cloud_sync.policy import lint
from tests.clauses.made import E1, LEAD, PROFILES, Made, World


def said(path: Path) -> list[tuple[str, str]]:
    """Key and message of each finding."""
    return [(finding.key, finding.message) for finding in lint(path)]


def refused(path: Path, *keys: str) -> None:
    """The file has exactly these findings, by their last key; the command ends with 2 and names each."""
    assert sorted(key.rpartition(".")[2] for key, _ in said(path)) == sorted(keys)
    result = CliRunner().invoke(commands, ["check", str(path)])
    assert result.exit_code == (2 if keys else 0), result.output
    assert all(f"{key}: " in result.output for key in keys)


def opens_nothing(made: Made, profile: str, *changes: tuple[str, str]) -> None:
    """An installation on the changed file does not start: an error of the policy, and no store is made."""
    before = set(made.folder.rglob("*.db"))
    with pytest.raises(PolicyError):
        made.world(profile, *changes)
    assert set(made.folder.rglob("*.db")) == before


def rule(profile: str, category: str, number: int = 0) -> str:
    """The text of a profile's rule of a category, from its header to the end of its keys."""
    text = (PROFILES / f"{profile}.toml").read_text("utf-8")
    blocks = [each for each in re.findall(r"\[\[rule\]\]\n(?:.+\n)+", text) if f'category = "{category}"\n' in each]
    return blocks[number]


def without(block: str, key: str) -> tuple[str, str]:
    """A change of a file: a rule's block without one key."""
    changed, count = re.subn(rf"(?m)^{key} = .*\n", "", block)
    assert count == 1, key
    return block, changed


def instead(block: str, key: str, value: str) -> tuple[str, str]:
    """A change of a file: a rule's block with another value of one key, or with a key that it did not have."""
    changed, count = re.subn(rf"(?m)^{key} = .*\n", f"{key} = {value}\n", block)
    return block, changed if count else f"{block}{key} = {value}\n"


def let_in(world: World, category: str, *purposes: str, actor: Actor = E1, subject: str = "u-1") -> Actor:
    """That member of the staff, on a new ticket about the person and for the hour that follows."""
    ticket = f"K-{subject}-{world.now:.0f}"
    world.cloud.staff.open_ticket(ticket, subject, by="desk")
    world.cloud.staff.open(actor, subject, purposes=purposes, categories=[category], by=LEAD, ticket=ticket)
    return actor


def put(world: World, category: str, content: bytes = b"content", subject: str = "u-1", **known: Any) -> str:
    """A record of one person."""
    return world.cloud.records.put(category, {subject: content}, **known)


def parts(world: World, category: str, subject: str = "u-1") -> int:
    """How many records of a category there are of a person."""
    return len(world.cloud.records.of(subject, category))


def read(world: World, record: str, actor: Actor, purpose: str, subject: str = "u-1") -> bytes:
    """Read a record."""
    return world.cloud.records.read(record, actor=actor, purpose=purpose, subject=subject)
