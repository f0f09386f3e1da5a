"""Consent, reads, retention, erasure and audit by the commands, over real files."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.cli import sync
from cloud_sync.model import Precision, Sensor
from cloud_sync.storage.sqlite import SqliteTelemetry
from tests.unit.cloud_sync.cli.cli_world import PROOF, RUNNER, Installation
from tests.unit.cloud_sync.ingest.ingest_world import NOON, FakeClock, Tracker

T = int(NOON) + 60
DAY = "2026-02-16"  # the day of NOON
READ = ("read", "s-1", "--purpose", "tracking", "--actor", "s-1", "--role", "data_subject")


@pytest.fixture
def tracker(depot: Installation, clock: FakeClock) -> Tracker:
    """A device whose person agreed, and that has sent two fixes."""
    tracker = depot.enrol()
    depot.give()
    depot.feed(tracker, tracker.status())
    clock.at = NOON + 120
    depot.feed(tracker, tracker.fixes([T, T + 10]))
    return tracker


def test_a_read_in_four_forms(depot: Installation, tracker: Tracker) -> None:
    """JSON, CSV, GeoJSON and a table say the same two fixes, none finer than the person allowed."""
    rows = depot.ask(*READ)
    assert [row["time"] for row in rows] == [f"{DAY}T12:01:00Z", f"{DAY}T12:01:10Z"]
    assert {row["precision"] for row in rows} == {"cell_100m"} and rows[0]["accuracy_m"] == 256
    parsed = list(csv.DictReader(io.StringIO(depot.do(*READ, "--csv").stdout)))
    assert [(row["time"], float(row["lat"])) for row in parsed] == [(row["time"], row["lat"]) for row in rows]
    features = json.loads(depot.do(*READ, "--geojson").stdout)["features"]
    assert [each["geometry"]["coordinates"] for each in features] == [[row["lon"], row["lat"]] for row in rows]
    assert features[0]["properties"]["time"] == rows[0]["time"]
    table = depot.do(*READ).stdout
    assert rows[1]["time"] in table and "2 fixes" in table
    assert "choose one" in depot.do(*READ, "--csv", "--geojson", code=1).stderr


def test_a_span_and_a_coarser_precision(depot: Installation, tracker: Tracker) -> None:
    """From is included, to is not; times are UTC where nothing else is said; a wrong one is an error."""
    span = ("--from", f"{DAY}T12:01:10", "--to", f"{DAY}T13:01:11+01:00")
    assert [row["time"] for row in depot.ask(*READ, *span)] == [f"{DAY}T12:01:10Z"]
    assert depot.ask(*READ, "--to", f"{DAY}T12:01:00Z") == []
    assert {row["precision"] for row in depot.ask(*READ, "--precision", "cell_10km", "--from", DAY)} == {"cell_10km"}
    assert "ISO 8601" in depot.do(*READ, "--from", "yesterday", code=1).stderr


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (("--purpose", "marketing"), "purpose_not_declared"),
        (("--role", "staff"), "role_not_permitted"),
        (("--actor", "s-2"), "role_not_permitted"),
        (("--precision", "exact"), "precision_too_fine"),
        (("--recipient", "insurer"), "role_not_permitted"),
    ],
)
def test_a_denial_says_why_and_ends_with_2(
    depot: Installation, tracker: Tracker, changed: tuple[str, str], reason: str
) -> None:
    """One thing changed of a read that is allowed; the denial is in the audit log."""
    assert len(depot.ask(*READ)) == 2
    denied = depot.do(*READ, *changed, code=2)
    assert denied.stderr.startswith(f"denied: {reason}: ") and denied.stdout == ""
    [entry] = depot.ask("audit", "list", "--kind", "gate.denied")
    assert entry["detail"]["reason"] == reason


def test_a_disclosure_names_a_recipient(depot: Installation, tracker: Tracker) -> None:
    """The controller may hand positions to the roadside assistance of the policy; `quality` is not listed for it."""
    words = ("read", "s-1", "--purpose", "tracking", "--actor", "c-1", "--role", "controller")
    denied = depot.do(*words, "--recipient", "roadside_assistance", code=2)
    assert "recipient_not_listed" in denied.stderr
    assert len(depot.ask(*words)) == 2


def test_consent_show_tells_standing_and_ledger(depot: Installation, tracker: Tracker) -> None:
    """Before an answer: never asked; after it: given, with the finest position; a record has the standard's fields."""
    shown = depot.ask("consent", "show", "s-1")
    standing = {row["purpose"]: (row["state"], row["open"], row["precision"]) for row in shown["standing"]}
    assert standing["tracking"] == ("given", True, "cell_100m")
    assert standing["theft_alarm"] == (None, False, "none")
    [record] = shown["records"]
    assert (record["event_state"], record["pii_principal_id"], record["privacy_notice"]) == ("given", "s-1", "demo-1")
    table = depot.do("consent", "show", "s-1").stdout
    assert "given by app" in table and "tapped_allow" in table and "never asked" in table


def test_every_answer_has_its_command(depot: Installation) -> None:
    """Asked, later, given coarser, withdrawn, refused; then the ledger's own words for a step that it does not allow."""
    depot.enrol()
    asked = depot.ask("consent", "request", "s-1", "tracking", "--by", "c-1", *PROOF)
    assert asked["record"]["event_state"] == "requested"
    depot.do("consent", "later", "s-1", "tracking", "--by", "s-1", *PROOF)
    given = depot.ask("consent", "give", "s-1", "tracking", "--by", "s-1", *PROOF, "--precision", "cell_1km")
    assert given["record"]["precision"] == "cell_1km"
    told = depot.do("consent", "withdraw", "s-1", "tracking", "--by", "s-1", *PROOF).stdout
    assert told.startswith("tracking is withdrawn for s-1\n")
    depot.do("consent", "refuse", "s-1", "theft_alarm", "--by", "s-1", *PROOF)
    states = [record["event_state"] for record in depot.ask("consent", "show", "s-1")["records"]]
    assert states == ["requested", "later", "given", "withdrawn", "refused"]
    again = depot.do("consent", "withdraw", "s-1", "tracking", "--by", "s-1", *PROOF, code=1)
    assert "nothing to withdraw" in again.stderr
    other = depot.do("consent", "give", "s-1", "tracking", "--by", "c-1", *PROOF, code=1)
    assert "by the person alone" in other.stderr
    old = depot.do("consent", "give", "s-1", "tracking", "--by", "s-1", *PROOF, "--notice", "demo-0", code=1)
    assert "not in force" in old.stderr
    pestering = depot.do("consent", "request", "s-1", "tracking", "--by", "c-1", *PROOF, code=1)
    assert "may not ask" in pestering.stderr
    depot.do("consent", "request", "s-1", "tracking", "--by", "s-1", *PROOF, "--own-initiative")


def test_a_withdrawal_while_the_broker_is_away(depot: Installation, clock: FakeClock) -> None:
    """The gate closes, the command says that the device is told later, and at its next status it is."""
    tracker = depot.enrol()
    given = depot.give()
    assert given["devices"]["downlinks"] == 0 and "next status" in given["devices"]["told"]
    depot.feed(tracker, tracker.status())
    clock.at = NOON + 120
    told = depot.withdraw()["devices"]
    assert (told["downlinks"], told["acknowledged"]) == (1, 0)
    assert "127.0.0.1:1 is away" in told["trouble"] and "told at its next status" in told["told"]
    depot.do(*READ, code=2)
    heard = depot.feed(tracker, tracker.status(directive=1, down_next=2, challenge=b"another!"))
    assert heard[0].sensors == Sensor(0) and heard[0].precision is Precision.NONE and heard[0].version > 1


def test_sweep_destroys_what_is_over_and_halts_at_a_leap(
    depot: Installation, tracker: Tracker, clock: FakeClock
) -> None:
    """Swept; two hundred days later halted with 1 and nothing lost; confirmed, the fixes are gone."""
    assert depot.ask("sweep")["envelopes"] == 0
    clock.at = NOON + 200 * 86_400
    halted = depot.do("sweep", code=1)
    assert "nothing was destroyed" in halted.stderr and "--confirm-clock" in halted.stderr
    assert depot.ask("sweep", code=1)["halted"]
    assert depot.ask("devices")[0]["envelopes"] == 2
    assert "destroyed 1 envelopes" in depot.do("sweep", "--confirm-clock").stdout


def test_erasure_needs_a_yes_and_gives_a_receipt(depot: Installation, tracker: Tracker) -> None:
    """Without --yes nothing happens; a day that is not it keeps the fixes; the day itself takes them."""
    assert "nothing was erased" in depot.do("erase", "s-1", code=1).stderr
    before = depot.ask("erase", "s-1", "--to", "2026-02-15", "--yes")
    assert (before["to"], before["envelopes"], len(depot.ask(*READ))) == (f"{DAY}T00:00:00Z", 0, 2)
    receipt = depot.ask("erase", "s-1", "--from", DAY, "--to", DAY, "--yes", "--actor", "dpo-1")
    assert (receipt["from"], receipt["to"], receipt["envelopes"]) == (f"{DAY}T00:00:00Z", "2026-02-17T00:00:00Z", 1)
    assert receipt["devices"] == [tracker.name] and len(receipt["tombstones"]) == 3
    assert depot.ask(*READ) == []
    assert depot.ask("audit", "list", "--kind", "erasure.done")[-1]["actor"] == "dpo-1"
    text = depot.do("erase", "s-1", "--yes").stdout
    assert "What stays:" in text and "Answers on consent (" in text and "Proof: entry " in text
    assert "the last one is gone on 2026-03-18" in text  # the policy's P30D


def test_a_local_day_is_erased_exactly(depot: Installation, tracker: Tracker) -> None:
    """In Auckland it is the 17th already; their 16th has nothing of it."""
    auckland = ("--zone", "Pacific/Auckland", "--yes")
    before = depot.ask("erase", "s-1", "--day", DAY, *auckland)
    assert (before["from"], before["to"]) == ("2026-02-15T11:00:00Z", f"{DAY}T11:00:00Z")
    assert len(depot.ask(*READ)) == 2
    assert depot.ask("erase", "s-1", "--day", "2026-02-17", *auckland)["envelopes"] == 1
    assert depot.ask(*READ) == []


@pytest.mark.parametrize(
    "words",
    [
        ("--from", f"{DAY}T12:01:10"),
        ("--from", f"{DAY}T13:01:10+01:00", "--to", f"{DAY}T12:01:30Z"),
        ("--from", f"{DAY}T13:01:10", "--to", "2026-02-17", "--zone", "Europe/Copenhagen"),
    ],
)
def test_a_part_of_a_day_is_erased_exactly(depot: Installation, tracker: Tracker, words: tuple[str, ...]) -> None:
    """Times in UTC, with an offset, and of a zone: the second of two fixes in one envelope goes, the first stays."""
    receipt = depot.ask("erase", "s-1", *words, "--yes")
    assert (receipt["envelopes"], receipt["resealed"]) == (0, 1)
    assert [row["time"] for row in depot.ask(*READ)] == [f"{DAY}T12:01:00Z"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--from", f"{DAY}T10:60"), "ISO 8601"),
        (("--day", DAY, "--from", DAY), "leave out"),
        (("--day", DAY, "--zone", "Mars/Olympus"), "no such time zone"),
        (("--zone", "Mars/Olympus"), "no such time zone"),
        (("--day", "2026-02-30"), "a day of the calendar"),
        (("--from", DAY, "--to", "2026-02-15"), "exchange them"),
    ],
)
def test_a_span_that_is_none_erases_nothing(
    depot: Installation, tracker: Tracker, words: tuple[str, ...], why: str
) -> None:
    """The fixes are there afterwards."""
    assert why in depot.do("erase", "s-1", *words, "--yes", code=1).stderr
    assert len(depot.ask(*READ)) == 2


def test_erasing_somebody_unknown_is_an_error(depot: Installation) -> None:
    """No receipt pretends that there was something."""
    assert "nothing to erase" in depot.do("erase", "s-9", "--yes", code=1).stderr


def test_the_audit_log_is_listed_by_person_and_kind(depot: Installation, tracker: Tracker) -> None:
    """Numbers, actors and details; the newest only when asked for; the table has them too."""
    depot.do(*READ)
    entries = depot.ask("audit", "list", "--subject", "s-1")
    assert [entry["kind"] for entry in entries] == ["device.enrolled", "consent.given", "gate.allowed"]
    assert entries[2]["detail"]["count"] == 2 and entries[2]["actor"] == "s-1"
    assert depot.ask("audit", "list", "--last", "1")[0]["entry"] == 3
    assert depot.ask("audit", "list")[0]["kind"] == "policy.loaded"
    assert "gate.allowed" in depot.do("audit", "list").stdout


def test_a_proof_convinces_somebody_without_the_stores(depot: Installation, tracker: Tracker, tmp_path: Path) -> None:
    """The files that `prove` writes verify with the key that `key` prints; under another key they do not."""
    depot.do(*READ)
    out = tmp_path / "entry.json"
    told = depot.ask("audit", "prove", "3", "--out", str(out))
    key = depot.do("audit", "key").stdout.strip()
    assert told["key"] == key == depot.ask("audit", "key")["key"]
    words = ["audit", "verify-proof", str(out), told["checkpoint"], "--key"]
    held = RUNNER.invoke(sync, [*words, key, "--json"])
    assert json.loads(held.stdout)["kind"] == "gate.allowed"
    assert RUNNER.invoke(sync, [*words, key.replace(key[8:12], "0000", 1)]).exit_code == 2
    assert out.stat().st_mode & 0o777 == 0o600
    assert "exists already" in depot.do("audit", "prove", "3", "--out", str(out), code=1).stderr
    assert "no entry 99" in depot.do("audit", "prove", "99", "--out", str(tmp_path / "x"), code=1).stderr
    assert "verify-proof" in depot.do("audit", "prove", "2", "--out", str(tmp_path / "two.json")).stdout


def test_check_finds_an_edit_and_a_cut(depot: Installation, tracker: Tracker, tmp_path: Path) -> None:
    """The log holds against its checkpoint; with an event changed, or the newest entries cut, it does not: 2."""
    depot.do(*READ)
    note = tmp_path / "log.checkpoint"
    depot.do("audit", "checkpoint", "--out", str(note))
    assert depot.do("audit", "checkpoint").stdout == note.read_text() == depot.ask("audit", "checkpoint")["checkpoint"]
    against = ("audit", "check", "--against", str(note))
    assert "holds: 4 entries" in depot.do(*against).stdout
    edit(depot, "UPDATE audit_leaf SET event = replace(event, 'allowed', 'denied') WHERE position = 3")
    found = depot.ask("audit", "check", code=2)
    assert found["holds"] is False and "entry 3" in found["why"]
    edit(depot, "UPDATE audit_leaf SET event = replace(event, 'denied', 'allowed') WHERE position = 3")
    depot.do(*against)
    edit(depot, "DROP TRIGGER audit_leaf_no_delete", "DELETE FROM audit_leaf WHERE position >= 2")
    depot.do("audit", "check")
    assert "truncated" in depot.do(*against, code=2).stderr
    assert "cannot be read" in depot.do("audit", "check", "--against", str(tmp_path / "none"), code=1).stderr


def edit(depot: Installation, *statements: str) -> None:
    """What somebody with the database file does."""
    with sqlite3.connect(depot.home / "telemetry.db") as database:
        for statement in statements:
            database.execute(statement)
    database.close()


def test_nothing_is_read_by_somebody_whose_name_is_no_identifier(depot: Installation, tracker: Tracker) -> None:
    """Free text would go into the audit log: refused before the gate is asked, and the same read works without it."""
    before: Any = depot.ask("audit", "list")
    words = list(READ)
    words[words.index("--actor") + 1] = "Anna Jensen"
    depot.do(*words, code=1)
    assert depot.ask("audit", "list") == before
    assert len(depot.ask(*READ)) == 2


def test_check_and_prove_see_one_state_of_the_log(
    depot: Installation, tracker: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that appends just then has to wait: the check finds no entry too many, and the proof fits its checkpoint."""
    waited: list[str] = []
    whole_log = SqliteTelemetry.audit_events

    def meanwhile(store: SqliteTelemetry, subject: str | None = None, kind: str | None = None) -> Any:
        if kind is None:  # the reading of the whole log, in `check` and in `prove`
            other = sqlite3.connect(depot.home / "telemetry.db", timeout=0)
            try:
                other.execute(
                    "INSERT INTO audit_leaf SELECT max(position) + 1, kind, '', event, leaf, leaf_hash FROM audit_leaf"
                )
                other.commit()
            except sqlite3.OperationalError as busy:
                waited.append(str(busy))
            other.close()
        return whole_log(store, subject, kind)

    monkeypatch.setattr(SqliteTelemetry, "audit_events", meanwhile)
    assert depot.ask("audit", "check")["entries"] == 3
    told = depot.ask("audit", "prove", "2", "--out", str(tmp_path / "entry.json"))
    words = ["audit", "verify-proof", told["proof"], told["checkpoint"], "--key", told["key"]]
    assert RUNNER.invoke(sync, words).stdout.startswith("holds: entry 2 of 3")
    assert waited == ["database is locked"] * 2
