"""Texts and their versions: shown where people read them, and never changed without a word."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from cloud_sync.errors import PolicyError
from cloud_sync.model import Actor
from cloud_sync.policy import load_policy, notes
from cloud_sync.report.write import reports
from tests.clauses.clause import clause
from tests.clauses.made import T0, Made, World
from tests.clauses.policy.policy_world import instead, let_in, put, read, refused, rule

TODAY = date(2026, 1, 15)
STAFF = Actor("staff-1", "staff", mfa=True)


def shown(path: Path, *versions: str) -> None:
    """The notice, the record of processing and its page name the version, in every language there is."""
    printed = reports(load_policy(path))
    for version in versions:
        assert all(f"`{version}`" in text for name, text in printed.items() if name.startswith("notice."))
        assert f'"version": "{version}"' in printed["record.json"] and version in printed["record.md"]


def silently_changed(world: World, old: str, new: str, version: str) -> None:
    """One character of the text is another, under the same version: refused, and the installation stays as it was; with a
    new one it opens.
    """
    before = world.cloud.policy
    text = world.text.replace(old, new, 1)
    assert sum(one != other for one, other in zip(text, world.text, strict=True)) == 1
    with pytest.raises(PolicyError, match="version_unchanged"):
        world.reopen(text)
    world.reopen(text.replace(f'version = "{version}"', f'version = "{version}.1"', 1))
    assert (world.cloud.policy.version, world.cloud.policy.hash != before.hash) == (f"{version}.1", True)


@clause("CT-28", engine="reports", left_out="the portal's footer")
def test_ct_28(made: Made) -> None:
    """A policy without a version is refused; the notice and the record show 2018-04."""
    refused(
        made.text("ct", ('version = "2018-04"\n', ""), *_unsaid("policy.version", "CT-28", "X-23", "X-30")), "version"
    )
    shown(made.text("ct"), "2018-04")


@clause("MM-55", engine="archive")
def test_mm_55(made: Made) -> None:
    """Another character, the same date: refused."""
    silently_changed(made.world("mm"), 'retention = "P12M"', 'retention = "P11M"', "2019-09-29")


@clause("MM-63", engine="reports", left_out="the portal's page")
def test_mm_63(made: Made) -> None:
    """The date is shown; of the sections that the text refers to the one whose number occurs twice is noted, once.

    Which sections a text has its company says in `origin.sections`: the product reads policies, and no prose.
    """
    shown(made.text("mm"), "2019-09-29")
    sections = ('source = "', 'sections = ["1", "2", "3", "3", "4"]\nreferences = ["2", "3", "4"]\nsource = "')
    for changes, expected in (((sections,), 1), ((sections, ('"3", "3"', '"3"')), 0)):
        found = notes(made.text("mm", *changes), TODAY)
        assert sum(each.key == "origin.references" for each in found) == expected


@clause("ST-01", engine="reports", left_out="the portal's page")
def test_st_01(made: Made) -> None:
    """A policy without a version is refused; the notice and the record show 2024-08-14."""
    refused(made.text("st", ('version = "2024-08-14"\n', ""), *_unsaid("policy.version", "ST-01", "X-23")), "version")
    shown(made.text("st"), "2024-08-14")


@clause("TT-11", engine="archive")
def test_tt_11(made: Made) -> None:
    """A purpose more of data that is there is refused without a reference; with one it waits for each person's notice of it."""
    world = made.world("tt")
    notes_of = {person: put(world, "contact", subject=person) for person in ("u-1", "u-2")}
    for person in notes_of:
        world.cloud.notices.receive(person, world.evidence(person, "shown_notice"))
    later = world.text.replace('version = "1.0/2022"', 'version = "1.1/2026"', 1)
    block = rule("tt", "contact")
    _, more = instead(block, "purpose", '["enquiry", "contact", "planning"]')
    granted = '[[roles.staff]]\nactions = ["read"]\npurposes = ["'
    assert granted in later
    further = later.replace(granted, f'{granted}planning", "', 1)
    for _ in range(2):  # what is refused is not in force, and takes no version
        with pytest.raises(PolicyError, match="contact for planning"):
            world.reopen(further.replace(block, more, 1))
    world.later(days=1)
    world.reopen(further.replace(block, f'{more}compatibility_ref = "CMP-1"\n', 1))
    assert all(world.cloud.notices.owed(person) for person in notes_of)
    world.cloud.notices.receive("u-1", world.evidence("u-1", "shown_notice"))
    world.later(seconds=1)
    for person in notes_of:
        let_in(world, "contact", "planning", actor=STAFF, subject=person)
    assert read(world, notes_of["u-1"], STAFF, "planning") == b"content"
    with world.denies("notice_missing"):
        read(world, notes_of["u-2"], STAFF, "planning", "u-2")


@clause("TT-56", engine="archive")
def test_tt_56(made: Made) -> None:
    """Another character, the same version: refused."""
    silently_changed(made.world("tt"), 'extension_max = "P2M"', 'extension_max = "P1M"', "1.0/2022")


@clause("TT-60", engine="reports", left_out="the portal's page")
def test_tt_60(made: Made) -> None:
    """The version is shown, and the receipt of a consent has the text that was agreed to by its hash and its notice."""
    shown(made.text("tt"), "1.0/2022")
    world = made.world("tt", start=T0)
    world.yes("u-1", "newsletter")
    [record] = world.cloud.database.all_consents()
    receipt = world.cloud.consent.receipt("u-1", record.record_id)
    assert (record.policy_hash, record.privacy_notice) == (world.cloud.policy.hash, "tt-1.0-2022")
    assert receipt.record is not None and "tt-1.0-2022" in receipt.text


def _unsaid(key: str, *clauses: str) -> tuple[tuple[str, str], ...]:
    """Changes that take a key out of what `[origin]` says of it."""
    listed = ", ".join(f'"{each}"' for each in clauses)
    return (f'  "{key}",\n', ""), (f'"{key}" = [{listed}]\n', "")
