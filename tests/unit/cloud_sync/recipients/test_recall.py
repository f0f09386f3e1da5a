"""What recipients hear of what they have."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from cloud_sync.disclosure import CallbackSink, FileSink
from cloud_sync.errors import ConfigError, LinkError
from cloud_sync.policy.vocabulary import RecipientKind
from tests.clauses.made import CLERK, World
from tests.clauses.recipients.recipients_world import hand, put, reach


def _reader(world: World, subject: str) -> str:
    world.cloud.enrol(subject=subject, settings={})
    world.yes(subject, "newsletter")
    return put(world, "newsletter", subject)


def test_a_removal_names_deliveries_and_nobody(world: World) -> None:
    """No pseudonym, no reason, no field: the recipient knows what it has by the delivery's name."""
    mailing = reach(world, "mailing")["mailing"]
    made = hand(world, _reader(world, "u-1"), "mailing", "newsletter")
    (told,) = world.cloud.recipients.notify("u-1", "removed")
    assert mailing.taken[1] == {"message": told.message, "recipient": "mailing", "removed": [made.delivery]}
    assert "u-1" not in str(mailing.taken[1])
    (entry,) = world.logged("recipient.told", "u-1")
    assert entry == {"recipient": "mailing", "action": "removed", "count": 1, "reason": "taken"}


def test_the_sweep_recalls_what_a_withdrawal_ended(world: World) -> None:
    """Of whoever still allows it nothing is recalled, and what rests on a contract is none of it."""
    outside = reach(world, "mailing", "crm")
    for subject in ("u-1", "u-2"):
        hand(world, _reader(world, subject), "mailing", "newsletter", subject=subject)
    hand(world, put(world, "contact"), "crm", "contact")
    world.later(hours=1)
    world.withdraw("u-1", "newsletter")
    world.sweep()
    world.sweep()
    assert [sorted(part) for part in outside["mailing"].taken[2:]] == [["message", "recipient", "removed"]]
    assert len(outside["crm"].taken) == 1


def test_a_recipient_that_is_away_is_asked_again(world: World) -> None:
    """And until it has taken the removal, its list gets nothing new."""
    away = False
    taken: list[Any] = []

    def take(parcel: Any) -> None:
        if away:
            raise LinkError("away")
        taken.append(parcel)

    world.cloud.sinks["mailing"] = CallbackSink(take)
    hand(world, _reader(world, "u-1"), "mailing", "newsletter")
    later = _reader(world, "u-2")
    assert later
    world.later(hours=1)
    world.withdraw("u-1", "newsletter")
    away = True
    world.sweep()
    sync: dict[str, Any] = {"actor": CLERK, "purpose": "newsletter", "recipient": "mailing"}
    with pytest.raises(ConfigError, match="did not take a removal"):
        world.cloud.recipients.sync("newsletter", **sync)
    assert len(taken) == 1
    away = False
    gone, handed = world.cloud.recipients.sync("newsletter", **sync)
    assert ([each.taken for each in gone], len(handed.told)) == ([True], 1)
    assert [entry["reason"] for entry in world.logged("recipient.told", "u-1")] == ["failed", "failed", "taken"]


def test_a_rectification_is_told_and_recalls_nothing(world: World) -> None:
    """The recipient keeps what it has, and hears of a removal later on all the same."""
    crm = reach(world, "crm")["crm"]
    hand(world, put(world, "contact"), "crm", "contact")
    assert [each.taken for each in world.cloud.recipients.notify("u-1", "rectified")] == [True]
    assert [each.taken for each in world.cloud.recipients.notify("u-1", "removed")] == [True]
    assert world.cloud.recipients.notify("u-1", "removed") == []
    assert [sorted(part)[-1] for part in crm.taken[1:]] == ["rectified", "removed"]
    with pytest.raises(ConfigError, match="sold: a recipient is told"):
        world.cloud.recipients.notify("u-1", "sold")


def test_a_category_alone_is_told(world: World) -> None:
    """Whoever got another one hears nothing."""
    outside = reach(world, "crm", "bookkeeping_one")
    hand(world, put(world, "contact"), "crm", "contact")
    hand(world, put(world, "billing", amount=1), "bookkeeping_one", "invoicing")
    assert [each.recipient for each in world.cloud.recipients.notify("u-1", "removed", "contact")] == ["crm"]
    assert len(outside["bookkeeping_one"].taken) == 1


def test_one_that_cannot_be_reached_keeps_no_other_from_hearing(world: World) -> None:
    """It is in the list as not told, with the reason."""
    reach(world, "crm", "office_suite")
    record = put(world, "contact")
    for name in ("crm", "office_suite"):
        hand(world, record, name, "contact")
    del world.cloud.sinks["crm"]
    found = {each.recipient: each.why for each in world.cloud.recipients.notify("u-1", "removed")}
    assert found == {"crm": "crm has no sink: say how it is reached", "office_suite": ""}


def test_a_letter_promises_of_processors_alone(world: World) -> None:
    """Of each that was told; nobody is named who got nothing and answers to us."""
    reach(world, "crm")
    assert world.cloud.recipients.promises("u-1") == []
    hand(world, put(world, "contact"), "crm", "contact")
    (promise,) = world.cloud.recipients.promises("u-1")
    assert (promise.recipient, promise.kind, promise.actions) == ("crm", RecipientKind.PROCESSOR, 1)


def test_an_erasure_is_told_to_whoever_has_something(world: World) -> None:
    """Once, at once, by the names of deliveries; the log's new entry names nobody."""
    crm = reach(world, "crm")["crm"]
    made = hand(world, put(world, "contact"), "crm", "contact")
    world.cloud.enrol(subject="u-1", settings={})
    world.cloud.erase(subject="u-1", actor="dpo-1")
    world.sweep()
    (part,) = crm.taken[1:]
    assert part["removed"] == [made.delivery]
    (entry,) = world.cloud.audit.entries(kind="recipient.told")
    assert (entry.event.subject, dict(entry.event.detail)["reason"]) == ("", "taken")


def test_a_copy_that_the_person_sent_somewhere_stays_theirs(world: World) -> None:
    """A company that they named is asked for nothing: neither by a removal nor by an erasure."""
    crm = reach(world, "crm")["crm"]
    made = hand(world, put(world, "contact"), "crm", "contact")
    world.cloud.database.put_delivery(replace(made, source="portability"))
    assert world.cloud.recipients.notify("u-1", "removed") == []
    world.cloud.enrol(subject="u-1", settings={})
    world.cloud.erase(subject="u-1", actor="dpo-1")
    world.sweep()
    assert len(crm.taken) == 1


def test_a_recipient_that_is_away_hears_of_an_erasure_later(world: World) -> None:
    """Also from a process that has no way to it, and after a restart; nothing in the store leads to the person meanwhile."""
    reach(world, "crm")
    hand(world, put(world, "contact"), "crm", "contact")
    world.cloud.enrol(subject="u-1", settings={})
    world.cloud.sinks.clear()
    world.cloud.erase(subject="u-1", actor="dpo-1")
    world.reopen()
    owed = world.cloud.database.marks("recipients/removal/")
    assert len(owed) == 1
    assert "u-1" not in owed[0] + world.cloud.database.mark(owed[0])

    def away(_: object) -> None:
        raise LinkError("away")

    world.cloud.sinks["crm"] = CallbackSink(away)
    assert world.cloud.recipients.settle() == 0
    crm = reach(world, "crm")["crm"]
    world.sweep()
    assert [sorted(part) for part in crm.taken] == [["message", "recipient", "removed"]]
    assert world.cloud.database.marks("recipients/removal/") == []


def test_files_of_a_folder_go_when_the_service_sweeps(world: World) -> None:
    """Erased by a command that knows no folder, and taken back by the service that does."""
    folder = world.folder / "outbox"
    folder.mkdir()
    world.cloud.sinks["crm"] = FileSink(folder)
    hand(world, put(world, "contact"), "crm", "contact")
    world.cloud.enrol(subject="u-1", settings={})
    world.cloud.sinks.clear()
    world.cloud.erase(subject="u-1", actor="dpo-1")
    assert len(list(folder.iterdir())) == 1
    world.cloud.sinks["crm"] = FileSink(folder)
    world.sweep()
    assert list(folder.iterdir()) == []


def test_a_sink_of_somebody_s_own_stops_no_sweep(world: World) -> None:
    """Whatever it raises; it is a recipient that is away."""

    class Broken:
        def deliver(self, _: object) -> None:
            raise RuntimeError("secret")

    reach(world, "mailing")
    hand(world, _reader(world, "u-1"), "mailing", "newsletter")
    world.cloud.sinks["mailing"] = Broken()
    world.later(hours=1)
    world.withdraw("u-1", "newsletter")
    world.sweep()
    assert world.logged("recipient.told")[-1]["reason"] == "failed"


def test_one_that_is_away_is_tried_once_a_sweep(world: World) -> None:
    """A thousand withdrawals are not a thousand timeouts."""
    tries: list[Any] = []

    def away(parcel: Any) -> None:
        tries.append(parcel)
        raise LinkError("away")

    reach(world, "mailing")
    for subject in ("u-1", "u-2", "u-3"):
        hand(world, _reader(world, subject), "mailing", "newsletter", subject=subject)
    world.cloud.sinks["mailing"] = CallbackSink(away)
    world.later(hours=1)
    for subject in ("u-1", "u-2", "u-3"):
        world.withdraw(subject, "newsletter")
    world.sweep()
    assert len(tries) == 1


def test_what_may_have_arrived_is_recalled_too(world: World) -> None:
    """The recipient took it and its answer was lost: after a withdrawal it is asked to remove it all the same, and once."""
    taken: list[Any] = []

    def take(parcel: Any) -> None:
        taken.append(parcel)
        if len(taken) == 1:
            raise LinkError("the answer was lost")

    world.cloud.sinks["mailing"] = CallbackSink(take)
    with pytest.raises(LinkError):
        hand(world, _reader(world, "u-1"), "mailing", "newsletter", delivery="d-1")
    world.later(hours=1)
    world.withdraw("u-1", "newsletter")
    world.sweep()
    world.sweep()
    assert [json.loads(part.body).get("removed") for part in taken[1:]] == [["d-1"]]


def test_a_retry_after_a_removal_is_removed_again(world: World) -> None:
    """What a recipient got anew under the same name is none of what it removed before."""
    taken: list[Any] = []

    def take(parcel: Any) -> None:
        taken.append(parcel)
        if len(taken) == 1:
            raise LinkError("the answer was lost")

    world.cloud.sinks["crm"] = CallbackSink(take)
    record = put(world, "contact")
    with pytest.raises(LinkError):
        hand(world, record, "crm", "contact", delivery="d-1")
    assert len(world.cloud.recipients.notify("u-1", "removed")) == 1
    assert world.cloud.recipients.notify("u-1", "removed") == []
    assert hand(world, record, "crm", "contact", delivery="d-1").count == 1
    assert [each.deliveries for each in world.cloud.recipients.notify("u-1", "removed")] == [("d-1",)]
