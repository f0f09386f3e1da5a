"""Reports of a policy: everything that the file says is in each of them, and nothing else; the committed ones are the demo's."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cloud_sync import cli
from cloud_sync.errors import ConfigError
from cloud_sync.model import Action, LawfulBasis
from cloud_sync.policy import Policy, load_policy
from cloud_sync.policy.compare import acts
from cloud_sync.policy.vocabulary import (
    PRECISIONS,
    SENSORS,
    STREAM_FIELDS,
    After,
    Clock,
    ControllerRole,
    HiddenReason,
    RecipientKind,
    Role,
)
from cloud_sync.report import reports, write_reports
from cloud_sync.report.record import record
from cloud_sync.report.words import LANGUAGES, escaped, texts
from tests.unit.cloud_sync.policy.policy_world import DEMO, TEXT, changed, loaded, rich

PAGES = ("record.md", "notice.en.md", "notice.da.md")
CODE = re.compile(r"`([^`]+)`")


def said(policy: Policy) -> set[str]:
    """What each report must say: every rule, purpose, field, recipient, term, region, ground and reference of the policy."""
    words: set[str] = {policy.id, policy.version, policy.hash, policy.notice, policy.country, policy.authority}
    for rule in policy.rules:
        words |= {rule.category, *rule.purposes, *rule.fields, *rule.recipients, rule.region}
        words |= {rule.basis.value, rule.clock.value, rule.after.value, rule.retention.text}
        words |= {rule.legal_ref or rule.balancing_id, rule.instruction, rule.arrangement} - {""}
        words |= {str(sensor.name).lower() for sensor in rule.sensors}
        words |= {rule.stream.name.lower()} if rule.stream is not None else set()
        words |= {rule.precision.name.lower()} if rule.has_position else set()
        words |= {word for step in rule.steps for word in (step.retention.text, step.precision.name.lower())}
        words |= {rule.reason.value} if rule.reason is not None else set()
    for recipient in policy.recipients.values():
        words |= {recipient.id, recipient.kind.value, recipient.region}
        words |= {f"{category}.{field}" for category, field in recipient.fields}
        words |= {recipient.beyond.mechanism, recipient.beyond.assessment} if recipient.beyond is not None else set()
    words |= {word for purpose in policy.purposes for pair in acts(policy, purpose) for word in pair}
    words |= {*policy.regions, *policy.mechanisms, *policy.never, policy.precision.name.lower()}
    words |= {each.text for each in (policy.total_cap, policy.backup_horizon, policy.rights.deadline)}
    words |= {policy.children.safeguards.retention_max.text, policy.children.safeguards.precision.name.lower()}
    words |= set(policy.stats.inputs) | {policy.stats.release_delay.text} if policy.stats is not None else set()
    return words


def permitted(policy: Policy) -> set[str]:
    """What may stand beside it: the policy's own numbers and parameters, and fields with their stream."""
    words = said(policy) | {str(value) for value in policy.parameters.values()} | {policy.role}
    words |= {
        str(number)
        for number in (policy.sweep_s, *((policy.stats and (policy.stats.k_min, policy.stats.grid_km)) or ()))
    }
    words |= {rule.role.value for rule in policy.rules} | {*policy.languages}
    for recipient in policy.recipients.values():
        words |= {recipient.service, recipient.agreement}
        words |= {str(recipient.beyond.reviewed), str(recipient.beyond.due)} if recipient.beyond is not None else set()
    words |= {f"{key} = {age}" for key, age in policy.children.policy_floor.items()}
    words |= {f"{key} = {age}" for key, age in policy.children.country_floor.items()} | {*policy.children.country_floor}
    taken = ((rule.stream, field) for rule in policy.rules for field in rule.fields if rule.stream is not None)
    return words | {f"{stream.name.lower()}.{field}" for stream, field in taken}


@pytest.mark.parametrize("text", [TEXT, rich()], ids=["demo", "rich"])
@pytest.mark.parametrize("page", PAGES)
def test_pages_say_what_the_policy_says_and_nothing_else(tmp_path: Path, text: str, page: str) -> None:
    """Names of the policy stand in code: all of them are there, and each is the policy's."""
    policy = loaded(tmp_path, text)
    found = set(CODE.findall(reports(policy)[page]))
    assert said(policy) - found == set()
    assert found - permitted(policy) == set()


@pytest.mark.parametrize("text", [TEXT, rich()], ids=["demo", "rich"])
def test_the_record_has_one_activity_for_each_rule(tmp_path: Path, text: str) -> None:
    """As data: the same words as the file, rule by rule and recipient by recipient."""
    raw = tomllib.loads(text)
    data = json.loads(reports(loaded(tmp_path, text))["record.json"])
    for rule, activity in zip(raw["rule"], data["activities"], strict=True):
        for key in ("category", "fields", "basis", "retention", "clock", "after", "region", "visible_to_user"):
            assert activity[key] == rule[key]
        assert (activity["purposes"], list(activity["recipients"])) == (rule["purpose"], sorted(rule["recipients"]))
        assert activity["stream"] == rule.get("stream")
        assert activity["sensors"] == rule.get("sensors", [])
        assert activity["precision"] == rule.get("precision")
        assert activity["steps"] == rule.get("step", [])
        assert activity["role"] == rule.get("role", raw["policy"]["role"])
        assert activity["reference"] == rule.get("legal_ref", rule.get("balancing_id"))
        assert {activity["instruction"], activity["arrangement"]} - {None} == {
            rule[key] for key in ("instruction", "arrangement") if key in rule
        }
    for entry, recipient in zip(raw["recipient"], data["recipients"], strict=True):
        assert (recipient["id"], recipient["kind"], recipient["region"]) == (
            entry["id"],
            entry["kind"],
            entry["region"],
        )
        assert recipient["fields"] == sorted(entry["fields"])
    assert data["controller"]["name"] == raw["controller"]["name"]
    assert data["keeping"]["backup_horizon"] == raw["backup"]["horizon"]


# name: (old, new, what is gone from every report, what is there instead)
DRIFTS: dict[str, tuple[str, str, str, str]] = {
    "a purpose": ('"theft_alarm"', '"burglar_alarm"', "theft_alarm", "burglar_alarm"),
    "a category": ('category = "environment"', 'category = "climate"', "`environment`: ", "climate"),
    "a recipient": ('"roadside_assistance"', '"towing"', "roadside_assistance", "towing"),
    "a term": ('retention = "P90D"', 'retention = "P44D"', "P90D` from", "P44D"),
    "a clock": ("last_interaction", "account.closed", "last_interaction", "account.closed"),
    "a law": ("GDPR Art. 5(2)", "GDPR Art. 24", "GDPR Art. 5(2)", "GDPR Art. 24"),
}


@pytest.mark.parametrize("name", DRIFTS)
@pytest.mark.parametrize("page", [*PAGES, "record.json", "policy.jsonld"])
def test_a_change_of_the_file_changes_every_report(tmp_path: Path, name: str, page: str) -> None:
    """What the file no longer says is gone from each report, and what it says instead is there."""
    old, new, gone, there = DRIFTS[name]
    before = reports(load_policy(DEMO))[page]
    after = reports(loaded(tmp_path, TEXT.replace(old, new)))[page]
    assert gone.partition("`")[0] in before
    assert there in after
    assert there not in before
    if name in ("a purpose", "a recipient", "a clock", "a law"):
        assert gone not in after


def test_reports_are_the_same_each_time(tmp_path: Path) -> None:
    """No time, no order by chance, no place of the file: the same bytes for the same text."""
    one, other = loaded(tmp_path, rich()), loaded(tmp_path, rich(), "elsewhere.toml")
    assert reports(one) == reports(other)


def test_the_committed_reports_are_those_of_the_demo_policy() -> None:
    """docs/report-demo is what the demo's file makes: `byleave policy report … --out docs/report-demo`."""
    made = reports(load_policy(DEMO))
    folder = Path("docs/report-demo")
    assert {path.name for path in folder.iterdir()} == made.keys()
    for name, text in made.items():
        assert (folder / name).read_text("utf-8") == text, f"{name}: make the reports of the demo anew"


CLOSED: dict[str, Callable[[], set[str]]] = {
    "basis": lambda: {each.value for each in LawfulBasis},
    "clock": lambda: {each.value for each in Clock},
    "after": lambda: {each.value for each in After},
    "precision": lambda: set(PRECISIONS),
    "kind": lambda: {each.value for each in RecipientKind},
    "reason": lambda: {each.value for each in HiddenReason},
    "role": lambda: {each.value for each in Role},
    "action": lambda: {each.value for each in Action},
    "sensor": lambda: {name for name in SENSORS if name != "wake"},
    "stream": lambda: {stream.name.lower() for stream in STREAM_FIELDS},
    "field": lambda: {f"{stream.name.lower()}.{field}" for stream, fields in STREAM_FIELDS.items() for field in fields},
    "mechanism": lambda: {"adequacy", "scc", "bcr"},
    "service": lambda: {"order", "it_operation", "hosting", "sms_gateway", "support", "bank"},
    "significant": lambda: {
        *("purpose", "basis", "recipient", "region", "retention_up", "field", "precision", "sensor", "role")
    },
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("section", CLOSED)
def test_each_language_has_a_word_for_every_closed_word(language: str, section: str) -> None:
    """No word of a closed list is missing in a language, and none is left over."""
    assert texts(language)[section].keys() == CLOSED[section]()


def test_languages_have_the_same_sentences_with_the_same_names() -> None:
    """Section by section the same keys; in a sentence the same names are filled in."""
    names = re.compile(r"\{(\w+)\}")
    for section, entries in texts("en").items():
        assert entries.keys() == texts("da")[section].keys(), section
        for key, sentence in entries.items():
            assert set(names.findall(sentence)) == set(names.findall(texts("da")[section][key])), key
    for role in ControllerRole:
        assert f"role_{role.value}" in texts("en")["say"]


def test_the_companys_own_words_come_first(tmp_path: Path) -> None:
    """Texts of the file take the place of the product's, and can be neither link nor tag."""
    policy = loaded(tmp_path, rich())
    danish, english = reports(policy)["notice.da.md"], reports(policy)["notice.en.md"]
    assert "At vide, hvor bilen \\[er\\]\\(http://x\\) (`tracking`)" in danish
    assert "Du bliver spurgt: Må vi vide, hvor bilen er?" in danish
    assert "Vores vært" in danish
    assert "Vores vært" not in english
    assert escaped("<b>`x`</b>") == "\\<b\\>\\`x\\`\\</b\\>"


def test_recipients_may_be_told_on_request(tmp_path: Path) -> None:
    """With publish_list = false the notice names kinds and says when people are told; the record names them all the same."""
    text = changed("[retention]", '[recipients]\npublish_list = false\nanswer = "P9D"\n\n[retention]')
    made = reports(loaded(tmp_path, text))
    assert "roadside_assistance" not in made["notice.en.md"]
    assert "named to whoever asks, within 9 days (`P9D`)" in made["notice.en.md"]
    assert "third party `third_party`" in made["notice.en.md"]
    assert "roadside_assistance" in made["record.json"]


def test_a_term_that_is_never_extended_is_said_to_be_so(tmp_path: Path) -> None:
    """A promise without extension is told as one."""
    strict = changed('deadline = "P1M"', 'deadline = "P28D"').replace('extension_max = "P2M"', 'extension_max = "P0D"')
    page = reports(loaded(tmp_path, strict))["notice.en.md"]
    assert "within 28 days (`P28D`)" in page
    assert "That term is never extended." in page


def test_who_answers_is_told_or_missed(tmp_path: Path) -> None:
    """With a contact it is printed; without one the notice says that the file has none."""
    assert "Demo Tracking, Havnegade 1" in reports(load_policy(DEMO))["notice.en.md"]
    bare = TEXT.replace(TEXT[TEXT.index("[controller]") : TEXT.index("# The text that")], "")
    policy = loaded(tmp_path, bare)
    assert "does not say the name" in reports(policy)["notice.en.md"]
    assert "name" not in record(policy)["controller"]


def test_the_command_writes_every_report(tmp_path: Path) -> None:
    """The files and their names; a directory that cannot be made is one sentence; a gap ends with 2."""
    out = tmp_path / "deep" / "out"
    told = CliRunner().invoke(cli.policy, ["report", str(DEMO), "--out", str(out), "--json"])
    assert told.exit_code == 0
    written = {Path(path).name for path in json.loads(told.stdout)["files"]}
    assert written == {path.name for path in out.iterdir()} == reports(load_policy(DEMO)).keys()
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="name a directory"):
        write_reports(load_policy(DEMO), tmp_path / "file" / "out")
    gap = tmp_path / "gap.toml"
    gap.write_text(changed('retention = "P90D"\n', ""))
    assert CliRunner().invoke(cli.policy, ["report", str(gap), "--out", str(out)]).exit_code == 2


def test_languages_without_words_fall_back_to_english(tmp_path: Path) -> None:
    """A policy in a language that the product has no words in still has a notice, in English."""
    made = reports(loaded(tmp_path, changed('languages = ["en", "da"]', 'languages = ["ro"]')))
    assert [name for name in made if name.startswith("notice")] == ["notice.en.md"]
