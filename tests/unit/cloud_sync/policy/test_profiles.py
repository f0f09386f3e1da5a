"""The five profiles: whole, without a gap, with the values of the clause table, and stated told apart from default."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.gate import mail
from cloud_sync.model import LawfulBasis, Stream
from cloud_sync.policy import Policy, company, diff, lint, load_policy, notes
from cloud_sync.report import reports
from tests.unit.cloud_sync.policy.policy_world import changed, loaded, write

FOLDER = Path("cloud_sync/policy/profiles")
FIVE = ("ct", "cg", "mm", "st", "tt")
CLAUSE = re.compile(r"[A-Z]{1,2}-[0-9]{2}")


@cache
def text_of(name: str) -> str:
    """The text of a profile."""
    return (FOLDER / f"{name}.toml").read_text("utf-8")


@cache
def policy_of(name: str) -> Policy:
    """A profile, compiled."""
    return load_policy(FOLDER / f"{name}.toml")


@cache
def reports_of(name: str) -> dict[str, str]:
    """The reports of a profile."""
    return reports(policy_of(name))


def raw_of(name: str) -> dict[str, Any]:
    """A profile as TOML."""
    return tomllib.loads(text_of(name))


@pytest.mark.parametrize("name", FIVE)
def test_a_profile_has_no_gap_and_its_notes_are_of_known_kinds(name: str) -> None:
    """What is noted is what nothing carries out yet, and a few things that each profile's comments explain."""
    path = FOLDER / f"{name}.toml"
    assert lint(path) == []
    known = {
        "ct": {"covers nothing"},  # instruments that the text allows and no recipient needs
        "cg": {
            "nobody may disclose anything to them",
            "ends with retention.total_cap",
        },  # the unnamed partner; applicants
        "mm": {"ends with retention.total_cap"},  # the fourteen months of analytics, X-26
    }.get(name, set())
    told = [each.message for each in notes(path, date(2026, 1, 15))]
    rest = [message for message in told if not message.startswith("nothing carries this out yet")]
    assert all(any(kind in message for kind in known) for message in rest), rest
    assert all(any(kind in message for message in rest) for kind in known)


# version, country, role, deadline, extension, precision, regions, instruments, horizon, cap, age in DK: clause table, 6.1
HEADS = {
    "ct": ("2018-04", "DK", "processor", "P1M", "P2M", "EXACT", {"adequacy", "scc", "bcr"}, "P30D", "P13M", 15),
    "cg": ("2018-05-25", "RO", "controller", "P1M", "P2M", "EXACT", set(), "P30D", "P13M", 16),
    "mm": ("2019-09-29", "DK", "controller", "P1M", "P2M", "NONE", set(), "P30D", "P13M", 15),
    "st": ("2024-08-14", "NL", "controller", "P28D", "P0D", "NONE", {"scc"}, "P1Y", "P2Y", 16),
    "tt": ("1.0/2022", "DK", "controller", "P1M", "P2M", "COUNTRY", set(), "P30D", "P13M", 15),
}


@pytest.mark.parametrize("name", FIVE)
def test_head_values_are_those_of_the_clause_table(name: str) -> None:
    """Versions, roles, deadlines, precision, regions, backups, ages."""
    policy = policy_of(name)
    rights, age = policy.rights, policy.children.floor("tracking", policy.country)
    assert HEADS[name] == (
        *(policy.version, policy.country, policy.role, rights.deadline.text, rights.extension_max.text),
        *(policy.precision.name, set(policy.mechanisms), policy.backup_horizon.text, policy.total_cap.text, age),
    )
    assert policy.authority == policy.country
    assert policy.regions == {"EEA"}


# profile: category and its term and clock: clause table, 6.2 to 6.6
TERMS = {
    "ct": "exact_location P90D captured, temperature P12M captured, light P12M captured, motion P90D captured, "
    "cell_info P30D captured, geofence P3M account.closed, account P3M account.closed, metadata P12M record.created, "
    "device_storage P30D captured, support_case P12M case.closed, billing P5Y fiscal_year.end, "
    "consent_ledger P3Y consent.ended, audit P3Y record.created",
    "cg": "identity P12M last_interaction, birth_date P1D record.created, contact P12M last_interaction, "
    "transactions P5Y fiscal_year.end, traffic_area P6M invoice.issued, exact_location P90D captured, "
    "user_content P3M account.closed, feedback P12M record.created, web_metadata P12M record.created, "
    "own_marketing P0D consent.ended, partner_marketing P0D consent.ended, loyalty P0D purpose.concluded, "
    "personalisation P12M last_interaction, risk P12M case.closed, applicant P3Y application.submitted, "
    "log P12M record.created",
    "mm": "application P3M relation.ended, relation P3M relation.ended, chat P3M relation.ended, "
    "chat_image P3M relation.ended, image P3M relation.ended, avatar P3M relation.ended, account P3M relation.ended, "
    "crm_contact P12M purpose.concluded, support_case P12M case.closed, billing P5Y fiscal_year.end, "
    "log P1Y record.created, access_log P1Y record.created, analytics P14M record.created, "
    "newsletter P0D consent.ended, environment P90D captured, motion P90D captured",
    "st": "contact P12M last_interaction, ip P30D record.created, enquiry P6M case.closed, "
    "given_freely P12M last_interaction, site_activity P12M record.created, account P3M account.closed, "
    "billing P7Y fiscal_year.end, newsletter P0D consent.ended, identity_copy P1D identity.decided, "
    "environment P90D captured, order P30D purpose.concluded",
    "tt": "contact P12M last_interaction, order P30D order.closed, billing P5Y fiscal_year.end, "
    "service P3M relation.ended, traffic P6M invoice.issued, country P6M invoice.issued, flow_raw P30D record.created, "
    "support_case P12M case.closed, newsletter P0D consent.ended, cookies P12M record.created, "
    "claims P0D hold.released, motion P90D captured, log P12M record.created",
}


@pytest.mark.parametrize("name", FIVE)
def test_terms_and_clocks_are_those_of_the_clause_table(name: str) -> None:
    """Category by category; the joining window of statistics stands by itself."""
    rules = [rule for rule in policy_of(name).rules if "market_statistics" not in rule.purposes or name == "tt"]
    found: dict[str, set[tuple[str, str]]] = {}
    for rule in rules:
        found.setdefault(rule.category, set()).add((rule.retention.text, rule.clock.value))
    for entry in TERMS[name].split(", "):
        category, term, clock = entry.split()
        assert found[category] == {(term, clock)}, category


@pytest.mark.parametrize("name", FIVE)
def test_what_a_device_senses_reaches_few(name: str) -> None:
    """Hosts, and in CT whom the person chose: no office service, no authority, no operator, nobody outside the EEA."""
    policy = policy_of(name)
    sensed = {rule.category for rule in policy.rules if rule.stream not in (None, Stream.STATUS)}
    got = {who for who, each in policy.recipients.items() if sensed & {category for category, _ in each.fields}}
    assert got == ({"hosting", "chosen_service"} if name == "ct" else set())


def test_recipients_get_exactly_the_fields_of_their_clauses() -> None:
    """ST-29 to ST-37, TT-33, CG-26, CG-59, MM-45."""
    st, tt, cg, mm = (policy_of(name).recipients for name in ("st", "tt", "cg", "mm"))
    assert {field for _, field in st["video_host"].fields} == {"ip_prefix"}
    assert {field for category, field in st["site_operator"].fields if category == "enquiry"} == {
        "name",
        "email",
        "phone",
    }
    assert {field for _, field in st["bookkeeping_one"].fields} == {"name", "email", "phone", "amount"}
    assert {field for _, field in st["crm"].fields} == {"name", "email", "phone"}
    assert {field for _, field in st["mailing"].fields} == {"name", "email", "ip_prefix"}
    assert len(st) == 11
    assert all(each.agreement for each in st.values())
    assert tt["payment_enrolment"].fields == {("billing", "account_no"), ("billing", "customer_no")}
    assert len(cg["debt_register"].fields) == 3
    assert {category for category, _ in mm["tax_office"].fields} == {"billing", "invoice"}


def test_telemetry_of_ct_rests_on_contract_or_consent_alone() -> None:
    """CT-34: the status tells of nobody and is no telemetry in this sense."""
    rules = [rule for rule in policy_of("ct").rules if rule.stream not in (None, Stream.STATUS)]
    assert {rule.basis for rule in rules} == {LawfulBasis.CONTRACT, LawfulBasis.CONSENT}


@pytest.mark.parametrize("name", FIVE)
def test_stated_and_default_make_up_every_rule(name: str) -> None:
    """Each value is one of the two; a value is called stated only where the file says so."""
    raw, data = raw_of(name), json.loads(reports_of(name)["record.json"])
    assert data["origin"]["source"] == raw["origin"]["source"]
    pairs = [
        *zip(raw["rule"], data["activities"], strict=True),
        *zip(raw["recipient"], data["recipients"], strict=True),
    ]
    for entry, told in pairs:
        assert set(told["stated"]).isdisjoint(told["default"])
        assert set(told["stated"]) - {"role"} == set(entry.get("stated", [])) - {"role"}
        assert told["clauses"] == entry.get("clauses", [])
    for rule, told in zip(raw["rule"], data["activities"], strict=True):
        own = {"purpose", "fields", "basis", "role", "retention", "clock", "after", "recipients", "region"}
        assert {*told["stated"], *told["default"]} >= own
        whole = "policy.role" in raw["origin"]["stated"] and told["role"] == raw["policy"]["role"]
        assert ("role" in told["stated"]) == ("role" in rule.get("stated", []) or whole)
    some = [told for _, told in pairs]
    assert any(each["stated"] for each in some)
    assert any(each["default"] for each in some)


@pytest.mark.parametrize("name", FIVE)
def test_clauses_are_the_companys_own_or_of_the_shared_lists(name: str) -> None:
    """A clause of another company in a profile would be somebody else's promise."""
    raw = raw_of(name)
    ids = {each for key in ("rule", "recipient") for entry in raw[key] for each in entry.get("clauses", [])}
    ids |= {each for listed in raw["origin"]["clauses"].values() for each in listed}
    assert len(ids) > 40
    assert {each.partition("-")[0] for each in ids} == {name.upper(), "X", "V"}
    assert all(CLAUSE.fullmatch(each) for each in ids)


@pytest.mark.parametrize("name", FIVE)
def test_pages_tell_stated_from_default(name: str) -> None:
    """In the record one line for each rule, in the notice one sentence below it; every clause is on both."""
    policy, found = policy_of(name), reports_of(name)
    ids = {each for rule in policy.rules for each in rule.clauses}
    for page in ("record.md", "notice.en.md"):
        assert ids <= set(CLAUSE.findall(found[page]))
    purposes = sum(len(rule.purposes) for rule in policy.rules)
    assert (
        found["notice.en.md"].count("\n  - Stated in the published policy: ")
        + found["notice.en.md"].count("\n  - Our default: ")
        == purposes
    )
    assert found["record.md"].count("\n## Stated and default\n") == 1


def test_each_clause_leads_to_what_carries_it_out() -> None:
    """MM-41: seven rules, and the cap of application data; every clause of the file has a place."""
    told = json.loads(reports_of("mm")["record.json"])["origin"]["by_clause"]
    assert "rule application for activity_planning" in told["MM-41"]
    assert {"retention.application.max", "retention.application.clock"} <= set(told["MM-41"])
    assert len(told["MM-41"]) == 9
    assert told["MM-45"] == ["rule billing for invoicing, legal_reporting", "recipient tax_office"]
    assert set(told) == set(
        re.findall(
            r"(?:MM|X|V)-[0-9]{2}",
            "".join(map(json.dumps, (raw_of("mm")["rule"], raw_of("mm")["recipient"], raw_of("mm")["origin"]))),
        )
    )


def test_a_file_without_origin_says_nothing_of_stated_or_default() -> None:
    """The demo's reports have no such part: a company's own file is its own word."""
    demo = reports(load_policy(FOLDER / "demo.toml"))
    assert not any("default:" in text or '"stated"' in text for text in demo.values())


@pytest.mark.parametrize("name", FIVE)
def test_nothing_personal_of_the_published_texts_is_in_a_profile(name: str) -> None:
    """Addresses end in .example, and no number looks like a telephone's."""
    found = re.findall(r"\S+@\S+", text_of(name))
    assert found
    assert all(each.strip('"').endswith(f"@{name}.example") for each in found)
    assert not re.search(r"\+\d[\d ]{6,}", text_of(name))


# name: (old, new, gone from every report, there instead)
DRIFTS = {
    "a term": ('retention = "P3M"\nclock = "relation.ended"', 'retention = "P80D"\nclock = "relation.ended"', "P80D"),
    "a clause": ('"MM-30"', '"MM-99"', "MM-99"),
    "a recipient": ('id = "bank"', 'id = "bank_two"', "bank_two"),
    "a source": ("version 29 September 2019", "version 30 September 2019", "version 30 September 2019"),
}


@pytest.mark.parametrize("name", DRIFTS)
def test_a_change_of_the_profile_changes_its_pages(tmp_path: Path, name: str) -> None:
    """Record and notice follow the file."""
    old, new, there = DRIFTS[name]
    text = changed(old, new, text_of("mm"))
    if name == "a recipient":
        text = text.replace('recipients = ["bank", ', 'recipients = ["bank_two", ')
    found = reports(loaded(tmp_path, text))
    for page in ("record.md", "notice.en.md"):
        assert there in found[page]
        assert there not in reports_of("mm")[page]


def test_a_default_that_becomes_stated_is_told(tmp_path: Path) -> None:
    """The line of its rule moves the key from one column to the other."""
    old = 'stated = ["fields", "purpose", "region"]\nclauses = ["MM-18", "V-28"]'
    new = old.replace('"region"]', '"region", "retention"]')
    before = json.loads(reports_of("mm")["record.json"])
    after = json.loads(reports(loaded(tmp_path, changed(old, new, text_of("mm"))))["record.json"])
    then, now = (next(a for a in each["activities"] if a["category"] == "support_case") for each in (before, after))
    assert ("retention" in then["default"], "retention" in now["stated"]) == (True, True)
    assert "retention" not in now["default"]


# name: (profile, old, new, key of the finding)
GAPS = {
    "a key that the rule lacks": ("mm", 'stated = ["region"]', 'stated = ["precision"]', "rule[15].stated[0]"),
    "about itself": ("mm", 'stated = ["region"]', 'stated = ["clauses"]', "rule[15].stated[0]"),
    "a single key that is not there": ("mm", '  "policy.version",', '  "policy.versions",', "origin.stated[0]"),
    "clauses of a key that is not there": (
        "mm",
        '"policy.version" = ',
        '"policy.versions" = ',
        "origin.clauses.policy.versions",
    ),
    "no clause": ("mm", '"MM-30"', '"mm 30"', "rule[2].clauses[0]"),
    "no officer": ("ct", 'dpo_email = "dpo@ct.example"\n', "", "controller.required"),
    "no officer of TT": ("tt", 'dpo_email = "dpo@tt.example"\n', "", "controller.required"),
    "no registration": ("mm", 'registration = "DK00000000"\n', "", "controller.required"),
    "a picture of people": ("cg", "profiling = true", "profiling = false", "rule[19].category"),
    "a purpose that makes pictures": (
        "tt",
        'purpose = ["enquiry", "contact"]',
        'purpose = ["enquiry", "profiling"]',
        "rule[0].purpose[1]",
    ),
    "no ground": (
        "cg",
        'grounds = ["consent", "contract", "fraud_prevention", "law"]',
        "grounds = []",
        "automated.decisions",
    ),
    "another ground": (
        "ct",
        'purpose = ["theft_alarm"]\nbasis = "contract"',
        'purpose = ["theft_alarm"]\nbasis = "legitimate_interest"\nbalancing_id = "BT-1"',
        "rule[7].basis",
    ),
    "keys that outlive backups": ("st", 'keys_horizon = "P30D"', 'keys_horizon = "P2Y"', "backup.keys_horizon"),
    "a sensed field in a picture": ("cg", '"score", "case"', '"temperature", "case"', "rule[19].fields[3]"),
    "P5Y of what is no accounting": ("mm", 'retention = "P3M"', 'retention = "P5Y"', "rule[0].retention"),
    "a law that is not listed": (
        "tt",
        'legal_ref = "DK Telecom Act"',
        'legal_ref = "Another Act"',
        "rule[4].legal_ref",
    ),
}


@pytest.mark.parametrize("name", GAPS)
def test_one_change_of_a_profile_is_found(tmp_path: Path, name: str) -> None:
    """Each is the only thing that was changed in a file without a gap."""
    profile, old, new, key = GAPS[name]
    found = {finding.key for finding in lint(write(tmp_path, changed(old, new, text_of(profile))))}
    assert key in found, found


def test_a_rule_that_states_needs_a_text(tmp_path: Path) -> None:
    """Without [origin] nobody knows what states it."""
    text = text_of("st")
    whole = text[text.index("[origin]") : text.index("# Who answers for the data")]
    found = {finding.key for finding in lint(write(tmp_path, changed(whole, "", text)))}
    assert found == {
        f"{kind}[{n}].stated"
        for kind in ("rule", "recipient")
        for n, entry in enumerate(raw_of("st")[kind])
        if "stated" in entry
    }


def test_the_notice_tells_whether_machines_decide() -> None:
    """GDPR Art. 13(2)(f): CG on four grounds with a person who looks again, the others not at all."""
    for name in FIVE:
        notice = reports_of(name)["notice.en.md"]
        assert ("Machines may decide" in notice) == (name == "cg")
        assert ("No machine decides" in notice) == (name != "cg")
        assert ("No profiles of people are made." in notice) == (name != "cg")
    told = "your consent, the contract with you, preventing fraud and debt, a law that allows it"
    assert told in reports_of("cg")["notice.en.md"]
    assert json.loads(reports_of("cg")["record.json"])["automated"]["decisions"] is True


def test_the_purposes_that_make_pictures_are_the_gates() -> None:
    """The lint and the gate mean the same purposes."""
    assert company.PROFILING == mail.PROFILING


def test_automated_decisions_widen_a_policy(tmp_path: Path) -> None:
    """Switching them on, or another ground for them, is told."""
    on = changed(
        "decisions = false\nprofiling = false", 'decisions = true\nprofiling = true\ngrounds = ["law"]', text_of("tt")
    )
    found = {excess.text for excess in diff(policy_of("tt"), loaded(tmp_path, on)).widens}
    assert found == {"automated.decisions", "automated.profiling", "automated.grounds law"}
