"""Records to recipients: once, under one key, in the fields that are listed, and accounted for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cloud_sync.disclosure import CallbackSink, FileSink
from cloud_sync.errors import ConfigError, Denied, LinkError
from cloud_sync.model import Actor
from cloud_sync.model.access import DeliveryState
from cloud_sync.stores import Parcel
from tests.clauses.made import CLERK, World
from tests.clauses.recipients.recipients_world import hand, put, reach


def test_a_record_is_handed_over_in_its_listed_fields(world: World) -> None:
    """The account tells to whom, which fields, under which commitment; the log who asked and why."""
    crm = reach(world, "crm")["crm"]
    record = put(world, "contact")
    made = hand(world, record, "crm", "contact")
    assert crm.rows == [{"name": "Kim Example", "email": "kim@mail.example", "phone": "+45 1234"}]
    assert (made.state, made.count, made.parts) == (DeliveryState.DONE, 1, 1)
    assert (made.source, made.fields) == (f"record/{record}", "email name phone")
    assert world.cloud.disclosures.of("u-1") == [made]
    entry = world.logged("gate.allowed")[-1]
    assert (entry["recipient"], entry["action"], entry["purpose"]) == ("crm", "disclose", "contact")


def test_a_recipient_that_does_not_take_it_is_tried_again_under_the_same_key(world: World) -> None:
    """What arrived is not sent twice, and the key tells the recipient that it is the same."""
    keys: list[str] = []
    broken = True

    def take(parcel: Parcel) -> None:
        keys.append(parcel.key)
        if broken:
            raise LinkError("away")

    world.cloud.sinks["crm"] = CallbackSink(take)
    record = put(world, "contact")
    with pytest.raises(LinkError):
        hand(world, record, "crm", "contact", delivery="d-1")
    (begun,) = world.cloud.disclosures.of("u-1")
    assert (begun.state, begun.count) == (DeliveryState.BEGUN, 0)
    broken = False
    assert hand(world, record, "crm", "contact", delivery="d-1").state is DeliveryState.DONE
    assert hand(world, record, "crm", "contact", delivery="d-1").state is DeliveryState.DONE
    assert len(keys) == 2
    assert keys[0] == keys[1]


def test_a_name_is_that_of_one_delivery(world: World) -> None:
    """Of another record, or to another recipient, it is refused; a record's delivery is not retried as one of readings."""
    outside = reach(world, "crm", "office_suite")
    first, second = put(world, "contact"), put(world, "contact")
    hand(world, first, "crm", "contact", delivery="d-1")
    for record, recipient in ((second, "crm"), (first, "office_suite")):
        with pytest.raises(ConfigError, match="has this name"):
            hand(world, record, recipient, "contact", delivery="d-1")
    assert (len(outside["crm"].taken), len(outside["office_suite"].taken)) == (1, 0)
    with pytest.raises(ConfigError, match="delivery of a record"):
        world.cloud.disclosures.retry("d-1", actor=CLERK)


def test_without_a_sink_nothing_is_read(world: World) -> None:
    """It is said how to reach the recipient; the log has no disclosure."""
    record = put(world, "contact")
    with pytest.raises(ConfigError, match="crm has no sink"):
        hand(world, record, "crm", "contact")
    assert world.logged("gate.allowed") == []


def test_a_sink_that_leads_elsewhere_is_not_used(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Where the register lists hosts, a sink without one, or to another, gets nothing."""
    agreement = 'agreement = "DPA-CRM"\n'
    world = World(tmp_path_factory.mktemp("w"), "st", [(agreement, f'{agreement}hosts = ["crm.example"]\n')])
    record = put(world, "contact")
    taken: list[Any] = []
    world.cloud.sinks["crm"] = CallbackSink(taken.append)
    with pytest.raises(ConfigError, match=r"leads elsewhere than the register says \(crm\.example\)"):
        hand(world, record, "crm", "contact")
    crm = reach(world, "crm")["crm"]
    with pytest.raises(ConfigError, match="leads elsewhere"):
        hand(world, record, "crm", "contact")
    assert (taken, crm.taken) == ([], [])
    crm.host = "crm.example"
    assert hand(world, record, "crm", "contact").count == 1
    world.close()


def test_a_record_that_there_is_not_is_not_handed_over(world: World) -> None:
    """Nor is another person's part of one; the gate is asked, and the log knows who tried."""
    crm = reach(world, "crm")["crm"]
    record = put(world, "contact")
    for name, subject in ((record, "u-2"), ("none", "u-1")):
        with pytest.raises(Denied):
            hand(world, name, "crm", "contact", subject=subject)
    assert crm.taken == []
    assert len(world.logged("gate.denied")) == 2


def test_a_role_that_may_not_disclose_hands_nothing_over(world: World) -> None:
    """The person themselves among them: they take a copy."""
    crm = reach(world, "crm")["crm"]
    record = put(world, "contact")
    with pytest.raises(Denied, match="role_not_permitted"):
        hand(world, record, "crm", "contact", actor=Actor("u-1", "data_subject", mfa=True))
    assert crm.taken == []


def test_all_records_of_a_person_go_but_those_that_are_denied(world: World) -> None:
    """How many, and why not the others; where none may go it is a denial."""
    reach(world, "crm", "mailing")
    for _ in range(3):
        put(world, "contact")
    asked: dict[str, Any] = {"actor": CLERK, "purpose": "contact", "subject": "u-1"}
    assert len(world.cloud.recipients.hand_all("contact", recipient="crm", **asked).told) == 3
    with pytest.raises(Denied, match="recipient_not_listed"):
        world.cloud.recipients.hand_all("contact", recipient="mailing", **asked)
    assert world.cloud.recipients.hand_all("contact", recipient="crm", **{**asked, "subject": "u-9"}).told == ()


def test_a_list_is_brought_in_line_once(world: World) -> None:
    """Who is restricted is passed over and counted, and comes along once that is lifted."""
    crm = reach(world, "crm")["crm"]
    for subject in ("u-1", "u-2"):
        put(world, "contact", subject)
    limit = world.cloud.restrictions.restrict("u-2", "accuracy_contested", by="dpo-1")
    sync: dict[str, Any] = {"actor": CLERK, "purpose": "contact", "recipient": "crm"}
    handed = world.cloud.recipients.sync("contact", **sync)[1]
    assert ([each.subject for each in handed.told], dict(handed.denied)) == (["u-1"], {"restricted": 1})
    world.cloud.restrictions.lift(limit.restriction_id, by="dpo-1", told=True)
    assert [each.subject for each in world.cloud.recipients.sync("contact", **sync)[1].told] == ["u-2"]
    assert len(crm.rows) == 2


def test_an_erasure_takes_back_what_lies_in_a_folder(world: World) -> None:
    """A record that was handed over as a file goes with the person, if nobody fetched it."""
    folder = world.folder / "outbox"
    folder.mkdir()
    world.cloud.sinks["crm"] = FileSink(folder)
    hand(world, put(world, "contact"), "crm", "contact")
    (file,) = folder.iterdir()
    assert json.loads(file.read_bytes())["readings"][0]["name"] == "Kim Example"
    world.cloud.enrol(subject="u-1", settings={})
    world.cloud.erase(subject="u-1", actor="dpo-1")
    assert list(folder.iterdir()) == []
    assert world.cloud.disclosures.of("u-1") == []


def test_a_position_in_a_record_is_told_exactly_or_not_at_all(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Where the rule allows a cell, a record's own numbers are finer: denied, read or handed over; its other fields are not."""
    rule = 'category = "geofence"\n'
    exact = World(tmp_path_factory.mktemp("exact"), "ct")
    start = exact.text.index(rule)
    table = exact.text[start : exact.text.index("[[rule]]", start)]
    coarse = World(
        tmp_path_factory.mktemp("coarse"),
        "ct",
        [(table, table.replace('precision = "exact"', 'precision = "cell_1km"'))],
    )
    for world, denied in ((exact, False), (coarse, True)):
        hosting = reach(world, "hosting")["hosting"]
        world.cloud.recipients.accept("hosting", reference="DPA-7", by=CLERK)
        record = put(world, "geofence", label="depot", lat=55.676098, lon=12.568337, radius=100)
        if denied:
            with pytest.raises(Denied, match="precision_too_fine"):
                hand(world, record, "hosting", "geofence_alert")
            assert hosting.taken == []
        else:
            assert hand(world, record, "hosting", "geofence_alert").fields == "label lat lon radius"
        world.close()
