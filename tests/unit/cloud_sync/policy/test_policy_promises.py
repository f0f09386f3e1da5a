"""What a policy must promise: each gap is one change of a policy that uses every table of the file and has none."""

from __future__ import annotations

import hashlib
import importlib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.policy import PolicyArchive, lint
from tests.unit.cloud_sync.policy.policy_world import DEMO, TEXT, changed, rich, write

RICH = rich()
_TIME = '"time", "temperature", "light"]\npurpose'
_MAILER = 'mechanism = "scc"\nassessment = "TIA-3"\nreviewed = 2026-02-01\n'

# name: (old, new, key, part of the message)
GAPS: dict[str, tuple[str, str, str, str]] = {
    # time and status are always sent
    "never the time": ('never = ["', 'never = ["environment.time", "', "collection.never[0]", "has its time"),
    "never a part of a status": (
        'never = ["',
        'never = ["status.battery", "',
        "collection.never[0]",
        "in every status",
    ),
    # access
    "a person as staff": (
        '["staff", "support"]',
        '["staff", "data_subject"]',
        "access.roles[1]",
        "no role of the staff",
    ),
    "staff for nothing": ('["staff", "support"]', '["staff", "auditor"]', "access.roles[1]", "let in for nothing"),
    "unknown staff": ('["staff", "support"]', '["staff", "boss"]', "access.roles[1]", "Input should be"),
    "a long grant": ('"support"]\n', '"support"]\ngrant_ttl = "P2D"\n', "access.grant_ttl", "no short one"),
    "no second factor": ('"support"]\n', '"support"]\nstaff_mfa = "never"\n', "access.staff_mfa", "Input should be"),
    # statistics
    "small cells": ("k_min = 25", "k_min = 19", "stats.k_min", "greater than or equal to 20"),
    "statistics of nothing": ('["position.time", ', '["position.speed", ', "stats.inputs[0]", "no rule has"),
    "open inputs": (
        'inputs = ["position.time", "position.lat", "position.lon"]\n',
        "",
        "stats.inputs",
        "inputs is missing",
    ),
    # children
    "no floor for others": (
        "tracking = 17, other = 14",
        "tracking = 17",
        "children.policy_floor",
        "for what is not named",
    ),
    "no floor elsewhere": (", default = 16 }", " }", "children.country_floor", "for what is not named"),
    "a floor of nothing": ("{ tracking", "{ traking", "children.policy_floor.traking", "no rule declares"),
    "below any law": ("DK = 15", "DK = 12", "children.country_floor.DK", "greater than or equal to 13"),
    "no such country": ("DK = 15", "dk = 15", "children.country_floor.dk", "should match"),
    "finer than a cell": ('location = "cell_10km"', 'location = "close"', "children.safeguards.location", "unknown"),
    # steps
    "a step without step_down": ('"step_down"', '"delete"', "rule[7].after", "go together"),
    "step_down without a step": (
        '[[rule.step]]\nprecision = "cell_10km"\nretention = "P6M"\n\n[[rule.step]]\nprecision = "region"\n'
        'retention = "P12M"\n',
        "",
        "rule[7].after",
        "go together",
    ),
    "a step no coarser": ('"region"\nretention', '"cell_10km"\nretention', "rule[7].step[1].precision", "no step down"),
    "a step to a country": ('"region"\nretention', '"country"\nretention', "rule[7].step[1].precision", "no step down"),
    "a step no longer": ('"P6M"', '"P30D"', "rule[7].step[0].retention", "not longer than P30D"),
    "a second step no longer": (
        '"P12M"\n\n[[rule]]\ncategory = "position"',
        '"P6M"\n\n[[rule]]\ncategory = "position"',
        "rule[7].step[1].retention",
        "not longer",
    ),
    # transfers and recipients
    "telemetry elsewhere": ('region = "NL"\nvisible', 'region = "US"\nvisible', "rule[7].region", "never leaves those"),
    "telemetry to somebody elsewhere": (
        'region = "US"\nmechanism = "scc"\nassessment = "TIA-3"\nreviewed = 2026-02-01\nfields = ["contact.email"',
        'region = "US"\nmechanism = "scc"\nassessment = "TIA-3"\nreviewed = 2026-02-01\nfields = ["contact.email", "motion.time"',
        "recipient[2].region",
        "never leaves those",
    ),
    "no mechanism": (_MAILER, "", "recipient[2].region", "no mechanism covers it"),
    "mechanism not accepted": (
        'mechanism = "scc"',
        'mechanism = "bcr"',
        "recipient[2].mechanism",
        "not in transfer.mech",
    ),
    "no such mechanism": ('mechanism = "scc"', 'mechanism = "trust"', "recipient[2].mechanism", "Input should be"),
    "no assessment": ('assessment = "TIA-3"\n', "", "recipient[2].mechanism", "without assessment"),
    "no review": ("reviewed = 2026-02-01\n", "", "recipient[2].mechanism", "without the day of its review"),
    "reviews too rare": ('review_max = "P300D"', 'review_max = "P13M"', "recipients.review_max", "longer than a year"),
    "a processor on trust": ('agreement = "DPA-2026-8"\n', "", "recipient[2].kind", "without agreement"),
    "a supplier of no kind": (
        'review_max = "P300D"\n',
        'review_max = "P300D"\nkinds = ["bank"]\n',
        "recipient[1].service",
        "hosting is not in recipients.kinds",
    ),
    "a recipient of nothing": ('fields = ["billing.amount"]', "fields = []", "rule[9].recipients[1]", "gets no field"),
    "a class that is off": (
        "enabled = true\nlist",
        "enabled = false\nlist",
        "recipient[3].of",
        "class affiliates is off",
    ),
    "a class without a law": ('legal_ref = "AFF-1"\n', "", "recipients.affiliates.enabled", "without legal_ref"),
    "one of a class undeclared": (
        'list = ["sister"]',
        'list = ["sister", "aunt"]',
        "recipients.affiliates.list[1]",
        "not declared",
    ),
    "one not of the class": ('list = ["sister"]', 'list = ["host"]', "recipient[3].of", "does not list"),
    # law
    "too late an answer": ('deadline = "P1M"', 'deadline = "P30D"', "rights.deadline", "may end later than P1M"),
    "too long an extension": (
        'extension_max = "P2M"',
        'extension_max = "P60D"',
        "rights.extension_max",
        "later than P2M",
    ),
    "a slow gate": (
        'gate_latency = "PT1S"',
        'gate_latency = "PT2S"',
        "consent.gate_latency",
        "may end later than PT1S",
    ),
    "slow copies": ('"PT72H"', '"PT73H"', "consent.propagation_max", "may end later than PT72H"),
    "a lazy sweep": ('sweep = "PT1H"', 'sweep = "PT25H"', "retention.sweep", "may end later than P1D"),
    "backups of years": ('horizon = "P30D"', 'horizon = "P13M"', "backup.horizon", "may end later than P1Y"),
    "backups beyond the cap": (
        'total_cap = "P13M"',
        'total_cap = "P29D"',
        "backup.horizon",
        "may outlast retention.total_cap",
    ),
    "a warning too late": (
        'response = "P30D"',
        'response = "P30D"\nwarn = "P31D"',
        "assurance.warn",
        "may outlast assurance",
    ),
    "a heart that beats too late": (
        'heartbeat = "PT15M"    # between status reports\nlease = "P30D"',
        'heartbeat = "PT2H"\nlease = "PT1H"',
        "device.heartbeat",
        "may outlast device.lease",
    ),
    "marketing without consent": (
        'purpose = ["marketing"]\nbasis = "consent"',
        'purpose = ["marketing"]\nbasis = "contract"',
        "rule[4].purpose[0]",
        "marketing without consent",
    ),
    "a status by consent": (
        'basis = "legitimate_interest"\nbalancing_id = "BT-STATUS-1"',
        'basis = "consent"',
        "rule[3].basis",
        "end with it",
    ),
    "a processor on its own": ('instruction = "I-1"\n', "", "rule[7].role", "a processor without instruction"),
    "jointly by nothing": ('arrangement = "JCA-1"\n', "", "rule[8].role", "a joint controller without arrangement"),
    "a log of readings": ('"kind", "time", "actor"', '"kind", "time", "lat"', "rule[6].fields[2]", "lat in audit"),
    "an invoice with a position": ('["amount", "date"]', '["amount", "lon"]', "rule[9].fields[1]", "lon in billing"),
    "visible to nobody": (
        '"diagnosis", "marketing", "dispatch", "market_statistics", "rights_handling"',
        '"diagnosis", "dispatch", "market_statistics", "rights_handling"',
        "rule[4].visible_to_user",
        "the data subject may not read it",
    ),
    "a reason for nothing": (
        "visible_to_user = false\nreason",
        "visible_to_user = true\nreason",
        "rule[9].reason",
        "hiding what is visible",
    ),
    "an unlisted law": ('"GDPR Art. 5(2)", "DK', '"DK', "rule[6].legal_ref", "not in legal.refs"),
    "a field twice": (_TIME, '"time", "temperature", "light", "time"]\npurpose', "rule[1].fields[3]", "stands twice"),
    "a sensor twice": (
        '["temperature", "light"]',
        '["temperature", "light", "light"]',
        "rule[1].sensors[2]",
        "stands twice",
    ),
    # caps
    "beyond its cap": ('max = "P5Y"', 'max = "P4Y"', "rule[9].retention", "longer than retention.billing.max (P4Y)"),
    "beyond the law on accounts": (
        '[retention.billing]\nmax = "P5Y"\nclock = "fiscal_year.end"\ncategories = ["invoice"]\n',
        '[retention.billing]\nmax = "P2Y"\n',
        "rule[9].retention",
        "longer than retention.billing.max (P2Y)",
    ),
    "another clock than its cap": (
        'clock = "fiscal_year.end"\ncat',
        'clock = "invoice.issued"\ncat',
        "rule[9].clock",
        "is not retention.billing.clock",
    ),
    "a cap of nothing": ("[retention.billing]", "[retention.biling]", "retention.biling", "no rule has category"),
    "an unknown word of a cap": ('categories = ["invoice"]', "most = 1", "retention.billing.most", "unknown key"),
    "a long term for others": (
        '"P12M"\nclock = "last_interaction"',
        '"P4Y"\nclock = "last_interaction"',
        "rule[4].retention",
        "for billing only",
    ),
    "a recording without its switch": (
        'category = "contact"\nfields',
        'category = "call_recording"\nfields',
        "rule[4].category",
        "call_recording is off",
    ),
    "a purpose without end": (
        '"P12M"\nclock = "last_interaction"',
        '"P13M"\nclock = "purpose.concluded"',
        "rule[4].retention",
        "longer than purpose.max_open",
    ),
    # words
    "a purpose without words": (
        'tracking = "at vide, hvor bilen [er](http://x)"\n',
        "",
        "text.da.purpose",
        "no purpose for purpose tracking",
    ),
    "a consent without a question": (
        'tracking = "Må vi vide, hvor bilen er?"\n',
        "",
        "text.da.question",
        "no question for purpose tracking",
    ),
    "words about nothing": ('host = "Vores', 'hust = "Vores', "text.da.recipient.hust", "hust is no recipient"),
    "a question without consent": (
        'marketing = "Må',
        'diagnosis = "x"\nmarketing = "Må',
        "text.da.question.diagnosis",
        "no purpose that rests on consent",
    ),
    "words in no language of the notice": (
        'languages = ["en", "da"]',
        'languages = ["en"]',
        "text.da",
        "no language of the notice",
    ),
    "control characters": ('"Vores vært"', '"Vores\\u0007vært"', "text.da.recipient.host", "should match"),
    # closed lists
    "a list that is not closed": (
        'never = ["',
        'allowlist = ["motion.time"]\nnever = ["',
        "collection.allowlist",
        "a rule takes location.quality",
    ),
    "a list of nothing": (
        'never = ["',
        'allowlist = ["location.speed"]\nnever = ["',
        "collection.allowlist[0]",
        "no rule takes",
    ),
    "a sensor without a switch": (
        'never = ["',
        'toggles = ["gnss", "light", "motion"]\nnever = ["',
        "collection.toggles",
        "temperature has no switch",
    ),
    "a switch without a sensor": (
        'never = ["',
        'toggles = ["cell"]\nnever = ["',
        "collection.toggles[0]",
        "nothing uses cell",
    ),
    "keeping the unknown": (
        'never = ["',
        'unknown_field = "keep"\nnever = ["',
        "collection.unknown_field",
        "Input should be",
    ),
    # parameters
    "an answer that is ticked": (
        "max_prompts = 3",
        "allow_preticked = true\nmax_prompts = 3",
        "consent.allow_preticked",
        "Input should be",
    ),
    "an unknown class of change": (
        'version = "demo-1"',
        'version = "demo-1"\nsignificant = ["mood"]',
        "notice.significant[0]",
        "Input should be",
    ),
}


def test_the_rich_policy_has_no_gap(tmp_path: Path) -> None:
    """The policy that every negative case starts from is valid."""
    assert lint(write(tmp_path, RICH)) == []


@pytest.mark.parametrize("name", GAPS)
def test_every_gap_is_found_with_its_key(tmp_path: Path, name: str) -> None:
    """One change, and exactly what it breaks is found: key, message and something to do."""
    old, new, key, message = GAPS[name]
    findings = lint(write(tmp_path, changed(old, new, RICH)))
    hits = [found for found in findings if found.key == key and message in found.message]
    assert len(hits) == 1, findings
    assert hits[0].fix


def test_a_month_and_a_february_are_told_apart(tmp_path: Path) -> None:
    """Four weeks are never later than a month; of two months, 59 days."""
    for old, new in (('deadline = "P1M"', 'deadline = "P4W"'), ('extension_max = "P2M"', 'extension_max = "P59D"')):
        assert lint(write(tmp_path, changed(old, new, RICH))) == []
    assert lint(write(tmp_path, changed('extension_max = "P2M"', 'extension_max = "P0D"', RICH))) == []


def test_a_member_state_lies_in_the_eea(tmp_path: Path) -> None:
    """Denmark needs no instrument where the EEA is allowed, Switzerland does."""
    assert lint(write(tmp_path, changed('region = "DK"', 'region = "IS"', RICH))) == []
    found = lint(write(tmp_path, changed('region = "DK"', 'region = "CH"', RICH)))
    assert [(gap.key, "no mechanism" in gap.message) for gap in found] == [("recipient[1].region", True)]


def test_a_rule_elsewhere_may_be_covered(tmp_path: Path) -> None:
    """What comes from no device may be kept under an accepted instrument, assessed and reviewed."""
    contact = RICH.index('category = "contact"')
    covered = 'region = "US"\nmechanism = "scc"\nassessment = "TIA-9"\nreviewed = 2026-03-01\n'
    text = RICH[:contact] + RICH[contact:].replace('region = "EEA"\n', covered, 1)
    assert lint(write(tmp_path, text)) == []
    assert lint(write(tmp_path, changed("reviewed = 2026-03-01\n", "", text))) != []


def test_answers_are_kept_while_a_backup_of_before_them_lives(tmp_path: Path) -> None:
    """As long is enough; a day less is told, with the rule and both terms."""
    head, mark, tail = DEMO.read_text("utf-8").partition('category = "consent_ledger"')
    assert 'horizon = "P30D"' in head + tail
    text = head + mark + tail.replace('retention = "P3Y"', 'retention = "P30D"', 1)
    assert lint(write(tmp_path, text)) == []
    [gap] = lint(write(tmp_path, changed('retention = "P30D"', 'retention = "P29D"', text)))
    assert (
        gap.key.endswith(".retention") and "a backup (P30D) may outlast the answers given since (P29D)" in gap.message
    )


def test_promises_that_came_later_do_not_bind_the_past(tmp_path: Path) -> None:
    """A policy that people agreed to stays readable, although a check of today would find a gap in it."""
    text = changed('deadline = "P1M"', 'deadline = "P40D"')
    path = write(tmp_path, text)
    assert [gap.key for gap in lint(path)] == ["rights.deadline"]
    archive = tmp_path / "archive"
    kept = PolicyArchive(archive).keep(write(tmp_path, TEXT, "now.toml"))
    (archive / f"{_hash(text)}.toml").write_text(text, "utf-8")
    past = PolicyArchive(archive).by_hash(_hash(text))
    assert past is not None
    assert (past.id, past.rights.deadline.text) == (kept.id, "P40D")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_messages_name_what_to_do_in_one_line(tmp_path: Path) -> None:
    """Every finding is one line: file, line, key, message, fix."""
    for old, new, _, _ in GAPS.values():
        for found in lint(write(tmp_path, changed(old, new, RICH))):
            assert re.fullmatch(r"[^\n]+:\d+: [\w.\[\]]+: [^\n]+; [^\n]+", str(found)), found


@pytest.mark.parametrize(
    ("old", "new", "meant"),
    [
        ("k_min = 25", "k_mim = 25", "k_min"),
        ('location = "cell_10km"', 'locaton = "cell_10km"', "location"),
        ('agreement = "DPA-2026-7"', 'agrement = "DPA-2026-7"', "agreement"),
        ('instruction = "I-1"', 'instrution = "I-1"', "instruction"),
        ("[assurance]", "[asurance]", "assurance"),
        ('categories = ["invoice"]', 'category = ["invoice"]', "categories"),
        ('legal_ref = "AFF-1"', 'legal_reff = "AFF-1"', "legal_ref"),
    ],
)
def test_a_misspelt_key_is_told_what_was_meant(tmp_path: Path, old: str, new: str, meant: str) -> None:
    """In whichever table it stands, the nearest key of that table is named."""
    fixes = {found.message: found.fix for found in lint(write(tmp_path, changed(old, new, RICH)))}
    assert fixes["unknown key"] == f"did you mean {meant}?"


def _places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every key and every element of a parsed file."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        yield (*path, key)
        yield from _places(each, (*path, key))


def test_a_value_of_another_kind_ends_no_check() -> None:
    """Whatever stands where: no check of the lint raises, so that all gaps of a file are told at once."""
    raw = tomllib.loads(RICH)
    checks = importlib.import_module("cloud_sync.policy.lint")
    for *parents, key in _places(raw):
        holder = raw
        for part in parents:
            holder = holder[part]
        kept = holder[key]
        for other in (5, "x", [], [5], [[]], {}, True):
            holder[key] = other
            for check in (*checks._MEANING, *checks._PROMISES):
                list(check(raw))
        holder[key] = kept
    assert raw == tomllib.loads(RICH)
