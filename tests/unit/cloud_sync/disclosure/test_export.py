"""A person's own copy: everything for access, less for portability, streamed, on the record, and honest about what it lacks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from cloud_sync.disclosure.export import Export, Kind
from cloud_sync.disclosure.files import Array
from cloud_sync.errors import ConfigError, Denied
from cloud_sync.model import Actor, Reason
from cloud_sync.read.rows import iso
from cloud_sync.read.sources import LOCATION
from tests.unit.cloud_sync.disclosure.outlet_world import CLERK, HELPER, ME, NOON, Depot, ListSink, T, evidence


def write(depot: Depot, kind: Kind = Kind.ACCESS, actor: Actor = ME, name: str = "") -> Export:
    """A copy in a folder of its own."""
    return depot.cloud.export(depot.directory / (name or kind.value), "s-1", actor=actor, kind=kind)


def load(made: Export, name: str) -> Any:
    """What a file of a copy says."""
    return json.loads((made.folder / name).read_text())


@pytest.fixture
def full(depot: Depot) -> Depot:
    """A person of whom there is one of everything."""
    depot.feed()
    tracker = depot.tracker
    depot.take(
        tracker,
        [
            tracker.motion([(T, 1)], version=1),
            tracker.environment([(T, 215, 80)], version=1),
            tracker.status(epoch=int(T) // 86_400),
        ],
    )
    cloud = depot.cloud
    cloud.staff.open_ticket("K-1", "s-1", by="desk")
    cloud.staff.open(HELPER, "s-1", purposes=["tracking"], categories=["position"], by=HELPER, ticket="K-1")
    cloud.read_location(actor=HELPER, purpose="tracking", subject="s-1", start=T, end=NOON)
    cloud.sinks["carrier"] = ListSink()
    asked: dict[str, Any] = {"actor": CLERK, "purpose": "tracking", "subject": "s-1", "recipient": "carrier"}
    cloud.disclosures.deliver(LOCATION, start=0, end=NOON, **asked)
    cloud.records.put("billing", {"s-1": b"invoice 7: 12.50"})
    return depot


def test_the_access_copy_has_everything(full: Depot) -> None:
    """Telemetry of each stream, consents, who read what and why, staff, recipients, terms, records, and the log's own entries."""
    made = write(full)
    assert len(load(made, "location.tracking.json")) == 20
    assert load(made, "motion.theft_alarm.json") == [
        {"time": iso(T), "step_s": 60, "began": True, "ended": False, "shock": False}
    ]
    assert load(made, "environment.condition_monitoring.json")[0]["temperature_c"] == 21.5
    assert load(made, "status.diagnosis.json")[0]["battery"] == 4000
    seen = load(made, "reads.json")
    assert ("e-1", "tracking", 20, True) in {(r["actor"], r["purpose"], r["count"], r["allowed"]) for r in seen}
    [told] = load(made, "disclosures.json")
    assert (told["recipient"], told["count"]) == ("carrier", 20) and "salt" not in told
    assert load(made, "staff.json")[0]["ticket"] == "K-1"
    assert load(made, "devices.json")[0]["device"] == full.tracker.name
    assert load(made, "billing.invoicing.json")[0]["text"] == "invoice 7: 12.50"
    assert {entry["kind"] for entry in load(made, "audit.rights_handling.json")} >= {"consent.given", "access.opened"}
    policy = load(made, "policy.json")
    assert {rule["category"] for rule in policy["rules"]} >= {"position", "billing", "contact"}
    assert {rule["kept_for"] for rule in policy["rules"]} >= {"P30D", "P5Y"}
    assert {each["recipient"] for each in policy["recipients"]} == {"carrier", "police"}
    assert load(made, "limits.json")["zones"] == []
    page = (made.folder / "index.html").read_text()
    assert all(file.name in page for file in made.files)


def test_the_portability_file_has_less(full: Depot) -> None:
    """Consent and contract, given and observed: no billing, no status, no consents, no log; positions under both bases."""
    made = write(full, Kind.PORTABILITY)
    names = {path.name for path in made.folder.iterdir()}
    assert {name for name in names if name.endswith(".json")} == {
        *("manifest.json", "location.tracking.json", "location.dispatch.json", "motion.theft_alarm.json"),
        *("contact.service_change_notice.json", "contact.safety_notice.json"),
    }
    assert {name.removesuffix(".csv") for name in names if name.endswith(".csv")} == {
        file.name.removesuffix(".json") for file in made.files if not file.form_of
    }
    assert len(load(made, "location.tracking.json")) == 20
    why = {(what, purpose): reason for what, purpose, reason in made.withheld}
    assert why["billing", "invoicing"] == "rests on legal_obligation"
    assert why["environment", "condition_monitoring"] == "rests on legitimate_interest"
    assert why["device_storage", "remote_help"] == "consent_missing"


def test_each_file_is_on_the_record(full: Depot) -> None:
    """Begun before, and each with its count; who exported is the person."""
    before = len(full.entries("gate.allowed"))
    made = write(full)
    [begun] = full.entries("export.begun")
    assert begun == {"action": "export", "channel": "access", "role": "data_subject", "reason": "allowed"}
    exported = [entry for entry in full.entries("gate.allowed")[before:] if entry["action"] == "export"]
    counts = {(entry["category"], entry["purpose"]): entry["count"] for entry in exported}
    assert counts["position", "tracking"] == 20 and counts["billing", "invoicing"] == 1
    streams = [file for file in made.files if file.purpose]
    assert len(exported) == len(streams)


@pytest.mark.parametrize(
    ("actor", "reason"),
    [
        (CLERK, Reason.ROLE_NOT_PERMITTED),
        (Actor("s-2", "data_subject"), Reason.ROLE_NOT_PERMITTED),
        (HELPER, Reason.ROLE_NOT_PERMITTED),
    ],
)
def test_who_may_not_export_gets_no_folder(full: Depot, actor: Actor, reason: Reason) -> None:
    """The person does; others are denied and logged, and nothing is written."""
    assert write(full).files
    with pytest.raises(Denied) as denied:
        write(full, actor=actor, name="denied")
    assert denied.value.reason is reason
    assert not (full.directory / "denied").exists()
    assert full.entries("gate.denied")[-1]["action"] == "export"


def test_the_officer_exports_what_the_policy_grants(full: Depot) -> None:
    """Rights handling and what an authority asked for; the rest is withheld with its reason."""
    made = write(full, actor=Actor("d-1", "dpo"))
    assert {file.name for file in made.files} >= {"audit.rights_handling.json", "location.legal_reporting.json"}
    assert ("location", "tracking", "role_not_permitted") in made.withheld


def test_what_is_closed_is_named_and_not_left_out_in_silence(full: Depot) -> None:
    """After a withdrawal the positions under it are withheld with the reason, on the page as well."""
    full.cloud.consent.withdraw("s-1", "tracking", evidence())
    made = write(full)
    assert ("location", "tracking", "consent_missing") in made.withheld
    assert not (made.folder / "location.tracking.json").exists()
    assert "consent missing" in (made.folder / "index.html").read_text()
    assert len(load(made, "location.dispatch.json")) == 20


def test_a_restricted_person_has_their_own_copy_and_nobody_else_does(full: Depot) -> None:
    """Restricted data is used with the person's consent, which taking a copy is (Art. 18(2))."""
    officer = Actor("d-1", "dpo")
    assert write(full, actor=officer, name="before").files
    full.cloud.restrictions.restrict("s-1", "objection", by="s-1")
    assert len(load(write(full), "location.tracking.json")) == 20
    with pytest.raises(Denied) as denied:
        write(full, actor=officer, name="after")
    assert denied.value.reason is Reason.RESTRICTED


def test_a_copy_is_private_and_never_mixed_with_another(full: Depot) -> None:
    """Folder and files are the owner's alone; a folder that is there is refused."""
    made = write(full)
    assert made.folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in made.folder.iterdir()} == {0o600}
    with pytest.raises(ConfigError, match="exists already"):
        write(full)


def test_a_copy_is_streamed(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each piece is in its file before the next one is opened: memory holds one piece, however long the person was tracked."""
    depot.feed(30)
    reader, whole, written = depot.cloud._reader, depot.cloud._reader.pieces, list[int]()
    adding = Array.add

    def small(*args: Any) -> Iterator[Any]:
        for piece in whole(*args, most=100):
            written.append(0)
            yield piece

    def add(array: Array, value: Any) -> None:
        adding(array, value)
        if written:
            written[-1] += 1

    monkeypatch.setattr(reader, "pieces", small)
    monkeypatch.setattr(Array, "add", add)
    made = write(depot, Kind.PORTABILITY)
    assert len(load(made, "location.tracking.json")) == 600
    assert written[:6] == [100] * 6
