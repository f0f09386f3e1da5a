"""Complete records of ISO/IEC TS 27560, receipts, and rows from before there were as many fields."""

from __future__ import annotations

import copy
import hashlib
import json
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.consent import ConsentLedger, complete
from cloud_sync.consent.notice import REQUIRED, digest, particulars
from cloud_sync.consent.receipt import receipt
from cloud_sync.errors import ConsentError
from cloud_sync.model import ConsentState, Precision
from cloud_sync.policy import Policy, load_policy
from cloud_sync.policy.compiled import Texts
from cloud_sync.policy.period import Period
from cloud_sync.service import CloudSync
from cloud_sync.storage.schema import TELEMETRY
from cloud_sync.storage.sqlite import SqliteEngine, SqliteTelemetry
from tests.unit.cloud_sync.consent.consent_world import NAMELESS, TEXT, Place, by
from tests.unit.cloud_sync.ingest.ingest_world import FakeClock

T = "tracking"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An installation whose policy names its controller."""
    return Place(tmp_path)


@pytest.fixture
def cloud(place: Place) -> Iterator[CloudSync]:
    """A server with one person who was asked and said yes."""
    with place.open() as opened:
        opened.consent.request("s-1", T, by("c-1", act="shown_notice"))
        opened.consent.give("s-1", T, by("s-1", language="da"))
        yield opened


def only(cloud: CloudSync) -> dict[str, Any]:
    """The one complete record."""
    [record] = cloud.consent.history("s-1")
    return record


# The fields of the standard


def test_the_record_is_complete(cloud: CloudSync) -> None:
    """No mandatory field is absent, and what is constant comes from the policy: parties, terms, places, rights."""
    record = only(cloud)
    assert complete.missing(record) == []
    processing = record["pii_processing"]
    assert processing["storage_locations"] == ["EEA"]
    assert processing["retention_period"] == {
        "position": {"term": "P90D", "clock": "captured", "after": "delete", "steps": []}
    }
    assert processing["recipient_third_parties"] == ["roadside_assistance"]
    assert (processing["jurisdiction"], processing["authority_party"]) == ("DK", "DK")
    roles = {party["party_id"]: (party["role"], party["address"]) for party in record["party_identification"]}
    assert roles["demo"] == ("controller", tomllib.loads(TEXT)["controller"]["address"])
    assert roles["roadside_assistance"][0] == "third_party"
    asked, given = record["event"]
    assert (asked["event_state"], asked["entity_role"], asked["validity_duration"]) == (
        "requested",
        "controller",
        "PT0S",
    )
    assert (given["event_state"], given["entity_role"], given["language"]) == ("given", "data_subject", "da")
    assert given["validity_duration"].count("/") == 1


def paths(record: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Every mandatory field of a record: its name as `missing` says it, the table that holds it, its key."""
    processing = record["pii_processing"]
    tables = {
        "record": record,
        "pii_processing": processing,
        "privacy_notice": processing["privacy_notice"],
        "pii_information": processing["pii_information"][0],
        "party": record["party_identification"][0],
        "event": record["event"][1],
    }
    for section, names in complete.MANDATORY.items():
        for name in names:
            yield f"{section}.{name}", tables[section], name


def test_each_mandatory_field_that_goes_is_missed(cloud: CloudSync) -> None:
    """One at a time, deleted or emptied, of 36 fields: the record says exactly which."""
    record = only(cloud)
    names = [name for name, _, _ in paths(record)]
    assert len(names) == 36
    for number, name in enumerate(names):
        for change in (dict.pop, lambda table, key: table.update({key: ""})):
            changed = copy.deepcopy(record)
            _, table, key = list(paths(changed))[number]
            change(table, key)
            assert name in complete.missing(changed), name


def test_a_policy_without_a_controller_says_what_is_missing(tmp_path: Path) -> None:
    """The record names the fields that the policy leaves empty; with the table there are none."""
    assert NAMELESS != TEXT
    with Place(tmp_path, NAMELESS).open() as cloud:
        cloud.consent.give("s-1", T, by("s-1"))
        assert complete.missing(only(cloud)) == ["party.address", "party.contact", "party.name"]
        assert (
            "does not say: party.address" in cloud.consent.receipt("s-1", cloud.ledger.records("s-1")[0].record_id).text
        )


# Records and their events


def test_events_of_one_question_are_one_record_and_a_new_question_is_another(cloud: CloudSync) -> None:
    """Asked, given, renewed, withdrawn; given anew without being asked; another purpose: three records, all events once."""
    cloud.consent.give("s-1", T, by("s-1"))
    cloud.consent.withdraw("s-1", T, by("s-1"))
    cloud.consent.give("s-1", "theft_alarm", by("s-1"))
    cloud.consent.give("s-1", T, by("s-1"))
    states = [[event["event_state"] for event in record["event"]] for record in cloud.consent.history("s-1")]
    assert states == [["requested", "given", "given", "withdrawn"], ["given"], ["given"]]
    ids = [event["event_id"] for record in cloud.consent.history("s-1") for event in record["event"]]
    assert sorted(ids) == sorted(record.record_id for record in cloud.ledger.records("s-1"))


def test_each_prompt_begins_a_record_and_its_end_keeps_the_notice(cloud: CloudSync, place: Place) -> None:
    """Later and asked again: two records; what ends one, by the person or its term, names the notice that was answered."""
    cloud.consent.request("s-1", "theft_alarm", by("c-1", act="shown_notice"))
    cloud.consent.later("s-1", "theft_alarm", by("s-1"))
    cloud.consent.request("s-1", "theft_alarm", by("s-1", act="asked_again"), own_initiative=True)
    given = cloud.consent.give("s-1", "theft_alarm", by("s-1"))
    states = [[event["event_state"] for event in record["event"]] for record in cloud.consent.history("s-1")]
    assert states == [["requested", "given"], ["requested", "later"], ["requested", "given"]]
    withdrawn = cloud.consent.withdraw("s-1", T, by("s-1", notice="demo-0", language="fr"))
    assert withdrawn.notice_hash == cloud.ledger.records("s-1", T)[1].notice_hash != ""
    assert given.validity_until is not None
    place.clock.at = given.validity_until
    [ended] = cloud.ledger.settle()
    assert (ended.notice_hash, ended.entity_role) == (given.notice_hash, "system")


def test_a_record_is_told_by_the_policy_that_it_was_made_under(cloud: CloudSync, place: Place) -> None:
    """After a policy with a shorter term the old record still says the old one, and a new answer the new one."""
    cloud.close()
    place.write(TEXT.replace('retention = "P90D"', 'retention = "P80D"', 1))
    with place.open() as later:
        later.consent.give("s-1", T, by("s-1"))
        old, new = later.consent.history("s-1")
        terms = [each["pii_processing"]["retention_period"]["position"]["term"] for each in (old, new)]
        assert terms == ["P90D", "P80D"]
        assert old["event"][-1]["event_state"] == "given"
        assert old["policy_hash"] != new["policy_hash"]


# The notice (V-08)


def test_the_notices_hash_is_kept_and_can_be_computed_again(cloud: CloudSync) -> None:
    """SHA-256 of the particulars in canonical JSON; computed here without the product's function."""
    processing = only(cloud)["pii_processing"]
    told = processing["privacy_notice"]["particulars"]
    text = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert processing["privacy_notice"]["hash"] == hashlib.sha256(text.encode()).hexdigest()
    assert all(told[name] for name in ("purpose", "data", "recipient", "duration", "withdrawal"))


WORDS = Texts({T: "To find the van"}, {}, {}, {})
CHANGES: dict[str, Callable[[Policy], Policy]] = {
    "another version": lambda policy: replace(policy, notice="demo-2"),
    "a coarser position": lambda policy: with_rule(policy, precision=Precision.CELL_1KM),
    "a shorter term": lambda policy: with_rule(policy, retention=Period.parse("P89D")),
    "a field less": lambda policy: with_rule(policy, fields=("time", "lat", "lon")),
    "no recipient": lambda policy: with_rule(policy, recipients=frozenset()),
    "own words": lambda policy: replace(policy, texts={"en": WORDS}),
}


def with_rule(policy: Policy, **changed: Any) -> Policy:
    """The policy with another rule for tracking."""
    rules = tuple(replace(rule, **changed) if T in rule.purposes else rule for rule in policy.rules)
    return replace(policy, rules=rules)


@pytest.mark.parametrize("name", CHANGES)
def test_another_text_has_another_hash(tmp_path: Path, name: str) -> None:
    """Each change of what is said about tracking changes its hash, and, but for the version, that of no other purpose."""
    before = load_policy(Place(tmp_path).policy)
    after = CHANGES[name](before)
    assert digest(before, T, "en") != digest(after, T, "en")
    same = digest(before, "theft_alarm", "en") == digest(after, "theft_alarm", "en")
    assert same is (name != "another version")


@pytest.mark.parametrize("name", REQUIRED)
def test_nobody_is_asked_with_a_notice_that_says_nothing(
    cloud: CloudSync, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the five, made empty: refused; with all five it is asked."""
    monkeypatch.setattr("cloud_sync.consent.notice._words", lambda *_: {name: ""})
    with pytest.raises(ConsentError, match=f"nothing about {name}"):
        cloud.consent.request("s-1", "theft_alarm", by("c-1", act="shown_notice"))
    monkeypatch.undo()
    assert set(REQUIRED) < set(particulars(cloud.policy, "theft_alarm", "en"))
    cloud.consent.request("s-1", "theft_alarm", by("c-1", act="shown_notice"))


# Receipts


def test_a_receipt_names_the_notice_and_says_all_of_it(cloud: CloudSync) -> None:
    """For programs: schema, id and the complete record; to read: who, what, when, which notice, how to take it back."""
    given = cloud.ledger.records("s-1")[-1]
    found = cloud.consent.receipt("s-1", given.record_id)
    fields = found.as_dict()
    assert (fields["schema_version"], fields["receipt_id"]) == ("ISO/IEC TS 27560:2023", f"receipt-{given.record_id}")
    assert fields["consent_record"] == only(cloud)
    assert fields["missing"] == []
    assert json.loads(json.dumps(fields)) == fields
    for words in (
        "notice demo-1 (da)",
        "tracking became: given",
        given.notice_hash,
        tomllib.loads(TEXT)["controller"]["name"],
        "position (time, lat, lon, quality), no finer than cell_100m",
        "kept P90D from captured, then delete",
        "It holds until 2028-",
        "one step, through any channel",
        "withdrawal (GDPR Art. 7(3))",
    ):
        assert words in found.text, words


def test_a_receipt_is_of_ones_own_records(cloud: CloudSync) -> None:
    """Somebody else's record id, or none: refused."""
    given = cloud.ledger.records("s-1")[-1]
    for subject, record_id in (("s-2", given.record_id), ("s-1", "0" * 32)):
        with pytest.raises(ConsentError, match="no record of that id"):
            cloud.consent.receipt(subject, record_id)


def test_a_receipt_of_a_refusal_and_of_a_withdrawal(cloud: CloudSync) -> None:
    """Whatever the answer, there is a receipt; it tells all that happened since."""
    cloud.consent.refuse("s-1", "theft_alarm", by("s-1", act="tapped_refuse"))
    cloud.consent.withdraw("s-1", T, by("s-1", act="tapped_withdraw"))
    refused, withdrawn = cloud.ledger.records("s-1")[-2:]
    assert "theft_alarm became: refused" in cloud.consent.receipt("s-1", refused.record_id).text
    text = cloud.consent.receipt("s-1", withdrawn.record_id).text
    assert "tracking became: withdrawn" in text
    assert text.index("requested  by c-1") < text.index("given  by s-1") < text.index("withdrawn  by s-1")


# Rows from before

OLD_ROW = (
    '{"affirmative_act":"tapped_allow","channel":"app","entity_id":"s-1","event_state":"given","event_time":1771200000.0,'
    '"language":"en","pii_principal_id":"s-1","pii_type":["position"],"policy_hash":"%s","precision":1,'
    '"privacy_notice":"demo-1","purpose":"tracking","record_id":"old-1","schema_version":"ISO/IEC TS 27560:2023",'
    '"validity_until":1834272000.0}'
)


def test_a_database_of_before_is_migrated_and_its_consents_hold(tmp_path: Path) -> None:
    """Schema 4 with a row as it was written then: it opens, the consent holds, record and receipt are complete."""
    policy, path = load_policy(Place(tmp_path).policy), tmp_path / "telemetry.db"
    past = SqliteEngine(path, TELEMETRY[:4])
    sql = "INSERT INTO consent (record_id, subject, purpose, record) VALUES (?, ?, ?, ?)"
    past.run(sql, ("old-1", "s-1", T, OLD_ROW % policy.hash))
    past.close()
    database, clock = SqliteTelemetry(path), FakeClock()
    ledger = ConsentLedger(database, clock, policy, bounds=database)
    assert ledger.state_at("s-1", T, clock.now()).state is ConsentState.GIVEN
    [old] = ledger.records("s-1")
    assert (old.notice_hash, old.entity_role) == ("", "")
    found = receipt([old], "old-1", {policy.hash: policy}.get, clock.now())
    assert found.missing == ()
    assert found.record["event"][0]["entity_role"] == "data_subject"
    assert len(found.record["pii_processing"]["privacy_notice"]["hash"]) == 64
    assert "not kept at the time" in found.text
    ledger.withdraw("s-1", T, by("s-1"))
    assert ledger.state_at("s-1", T, clock.now()).state is ConsentState.WITHDRAWN
    database.close()


def test_a_record_whose_policy_is_lost_says_so(cloud: CloudSync) -> None:
    """What the archive has no more is missing, by name; what the ledger has is there."""
    records = cloud.ledger.records("s-1")
    found = receipt(records, records[0].record_id, {}.get, 0.0)
    assert {"pii_processing.privacy_notice", "party"} <= set(found.missing)
    assert [event["event_state"] for event in found.record["event"]] == ["requested", "given"]
