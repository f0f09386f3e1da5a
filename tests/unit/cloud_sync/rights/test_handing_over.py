"""A copy for another company: handed over whole, put together again, taken in by another installation, and what stops either."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from pathlib import Path

import pytest

from cloud_sync.disclosure import FileSink, Kind
from cloud_sync.disclosure.manifest import read_manifest
from cloud_sync.errors import ConfigError, LinkError
from cloud_sync.model.rights import Case
from cloud_sync.stores import Parcel
from tests.unit.cloud_sync.disclosure.outlet_world import ListSink
from tests.unit.cloud_sync.rights.rights_world import ME, T0, Bureau
from tests.unit.cloud_sync.service_world import GIVE, tracker_of

R2 = "other-tracker"


@pytest.fixture
def known(bureau: Bureau) -> Bureau:
    """The person of the bureau with a hundred fixes on a device of their own."""
    tracker = tracker_of(bureau.cloud.enrol(subject="s-1", settings={}))
    bureau.cloud.consent.give("s-1", "tracking", GIVE)
    bureau.cloud.handle([(tracker.topic, tracker.status())])
    bureau.clock.at = T0 + 1200
    pieces = [[int(T0) + 100 + 10 * n for n in range(k, k + 20)] for k in range(0, 100, 20)]
    bureau.cloud.handle([(tracker.topic, tracker.fixes(piece)) for piece in pieces])
    return bureau


def granted(bureau: Bureau) -> Case:
    """A portability case that is granted."""
    return bureau.grant(bureau.one("portability"))


def put_together(parcels: list[Parcel], folder: Path) -> Path:
    """The files as a receiver has them, by nothing but the parts in the order of their numbers."""
    folder.mkdir()
    for body in sorted((json.loads(parcel.body) for parcel in parcels), key=lambda body: body["part"]):
        with (folder / body["file"]).open("a", encoding="utf-8", newline="") as file:
            assert file.tell() == 0 or body["place"] > 0
            file.write(body["text"])
    return folder


def test_the_receiver_has_the_files_of_the_manifest(known: Bureau, tmp_path: Path) -> None:
    """Rows and SHA-256 of the receipt are those of what arrived; the case, the log and the person's copy name the receiver."""
    sink, case = ListSink(), granted(known)
    made = known.cloud.rights.carry.hand_over(case.case_id, receiver=R2, region="NL", sink=sink, actor=ME)
    manifest = read_manifest(put_together(sink.taken, tmp_path / "arrived"))
    assert (made.rows, made.sha256, made.warnings) == (manifest.rows, manifest.sha256, ()) and made.rows >= 100
    lines = "".join(
        f"{hashlib.sha256((tmp_path / 'arrived' / file.name).read_bytes()).hexdigest()}  {file.name}\n"
        for file in sorted(manifest.files, key=lambda each: each.name)
    )
    assert hashlib.sha256(lines.encode()).hexdigest() == made.sha256
    [entry] = known.logged("export.handed_over")
    assert (entry["recipient"], entry["count"], entry["commitment"]) == (R2, made.rows, made.sha256)
    event = known.cloud.database.case_events(case.case_id)[-1]
    assert (event.detail, event.digest) == (f"to {R2} NL rows {made.rows}", made.sha256)
    known.cloud.export(tmp_path / "copy", "s-1", actor=ME)
    [told] = json.loads((tmp_path / "copy" / "disclosures.json").read_text())
    assert (told["recipient"], told["state"], told["count"]) == (R2, "done", made.rows)


def test_a_receiver_beyond_the_eea_is_a_warning(known: Bureau) -> None:
    """It goes all the same; what is no region is refused before anything is written."""
    sink, case = ListSink(), granted(known)
    carry = known.cloud.rights.carry
    for wrong in ("Netherlands", "nl", ""):
        with pytest.raises(ConfigError, match="region"):
            carry.hand_over(case.case_id, receiver=R2, region=wrong, sink=sink, actor=ME)
    assert not sink.taken
    made = carry.hand_over(case.case_id, receiver=R2, region="US", sink=sink, actor=ME)
    assert len(made.warnings) == 1 and "US" in made.warnings[0] and sink.taken


def test_a_receiver_that_stops_taking_has_no_receipt(known: Bureau) -> None:
    """The case is not done; the delivery stands as stopped; sent again, all of it arrives."""
    case, carry = granted(known), known.cloud.rights.carry
    with pytest.raises(LinkError):
        carry.hand_over(case.case_id, receiver=R2, region="NL", sink=ListSink(refuse={1}), actor=ME)
    assert known.cloud.rights.get(case.case_id).carried_at is None and not known.logged("export.handed_over")
    assert [each.state for each in known.cloud.database.deliveries("s-1")] == ["stopped"]
    assert carry.hand_over(case.case_id, receiver=R2, region="NL", sink=ListSink(), actor=ME).rows >= 100


def test_an_erasure_takes_back_what_was_not_fetched(known: Bureau, tmp_path: Path) -> None:
    """A folder is emptied of the parts of the delivery."""
    (tmp_path / "out").mkdir()
    sink = known.cloud.sinks[R2] = FileSink(tmp_path / "out")
    known.cloud.rights.carry.hand_over(granted(known).case_id, receiver=R2, region="NL", sink=sink, actor=ME)
    assert list((tmp_path / "out").iterdir())
    known.cloud.erase(subject="s-1")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_second_installation_takes_it_in_once(known: Bureau, tmp_path: Path) -> None:
    """Every row, as records of one category; the same copy again adds nothing."""
    known.cloud.export(tmp_path / "copy", "s-1", actor=ME, kind=Kind.PORTABILITY)
    manifest = read_manifest(tmp_path / "copy")
    for again in (0, 1):
        made = known.cloud.rights.import_copy(tmp_path / "copy", subject="s-9", category="contact", by="desk-1")
        assert made.rows == manifest.rows and bool(made.records) is not bool(again) and made.known == again * made.known
    kept = known.cloud.records.of("s-9", "contact")
    assert len(kept) == made.known and all(part.record_id.startswith("import.") for part in kept)


def test_a_changed_copy_is_not_taken_in(known: Bureau, tmp_path: Path) -> None:
    """A row, a file more, a file less, another manifest, no manifest, an access copy: each alone; nothing is kept."""
    known.cloud.export(tmp_path / "all", "s-1", actor=ME)
    folder = tmp_path / "copy"
    for number, spoil in enumerate(
        (
            lambda at: (at / "location.tracking.json").write_text("[]\n"),
            lambda at: (at / "location.tracking.csv").write_bytes(
                (at / "location.tracking.csv").read_bytes()[:-1] + b" "
            ),
            lambda at: (at / "more.json").write_text("[]\n"),
            lambda at: (at / "location.tracking.csv").unlink(),
            lambda at: (at / "manifest.json").write_text(
                (at / "manifest.json").read_text().replace('"rows"', '"row"', 1)
            ),
            lambda at: (at / "manifest.json").write_text("{}"),
            lambda at: (at / "manifest.json").unlink(),
        )
    ):
        made = known.cloud.export(folder.with_name(f"copy-{number}"), "s-1", actor=ME, kind=Kind.PORTABILITY).folder
        read_manifest(made)
        spoil(made)
        with pytest.raises(ConfigError):
            known.cloud.rights.import_copy(made, subject="s-9", category="contact", by="desk-1")
    with pytest.raises(ConfigError, match="portability"):
        known.cloud.rights.import_copy(tmp_path / "all", subject="s-9", category="contact", by="desk-1")
    assert known.cloud.records.of("s-9") == []


def test_nothing_is_left_in_the_clear(known: Bureau) -> None:
    """Neither after a handing over nor after one that failed; what a power cut left goes with the next, what is in use stays."""
    case, carry = granted(known), known.cloud.rights.carry
    left, used = (known.directory / f"handing-over-{name}" for name in ("left", "used"))
    for folder in (left, used):
        folder.mkdir()
        (folder / "location.json").write_text("positions")
    lock = os.open(used, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    with pytest.raises(LinkError):
        carry.hand_over(case.case_id, receiver=R2, region="NL", sink=ListSink(refuse={0}), actor=ME)
    carry.hand_over(case.case_id, receiver=R2, region="NL", sink=ListSink(), actor=ME)
    assert list(known.directory.glob("handing-over-*")) == [used] and (used / "location.json").exists()
    os.close(lock)
