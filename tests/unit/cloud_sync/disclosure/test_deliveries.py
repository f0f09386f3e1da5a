"""Disclosures: one decision a recipient, listed fields alone, in parts that stop with the leave, and nothing counted untaken."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest

from cloud_sync.audit import accesses
from cloud_sync.disclosure import CallbackSink, FileSink
from cloud_sync.errors import ConfigError, Denied, LinkError
from cloud_sync.model import Actor, Reason
from cloud_sync.model.access import Delivery, DeliveryState
from cloud_sync.read.sources import LOCATION
from cloud_sync.stores import Parcel
from tests.properties.gate_policies import SYNTHETIC
from tests.unit.cloud_sync.disclosure.outlet_world import CLERK, NOON, Depot, ListSink, evidence


def send(depot: Depot, sink: Any, **changed: Any) -> Delivery:
    """A delivery of positions to the carrier, with single parts changed."""
    asked: dict[str, Any] = {
        "actor": CLERK,
        "purpose": "tracking",
        "subject": "s-1",
        "recipient": "carrier",
        "start": 0,
        "end": NOON,
    }
    depot.cloud.sinks[str(changed.get("recipient", "carrier"))] = sink
    return depot.cloud.disclosures.deliver(LOCATION, **{**asked, **changed})


def readings(sink: ListSink) -> list[dict[str, Any]]:
    """Everything that a recipient took."""
    return [row for parcel in sink.taken for row in json.loads(parcel.body)["readings"]]


def test_a_recipient_gets_the_fields_of_its_list_and_the_log_says_how_many(depot: Depot) -> None:
    """Time and place without the quality; begun is logged before, count and commitment after; the person sees both."""
    depot.feed()
    sink = ListSink()
    made = send(depot, sink)
    assert (made.state, made.count, made.parts) == (DeliveryState.DONE, 20, 1)
    rows = readings(sink)
    assert len(rows) == 20 and set(rows[0]) == {"time", "lat", "lon", "precision"}
    assert rows[0]["precision"] == "cell_100m"
    [begun] = depot.entries("disclosure.begun")
    assert {
        "recipient": "carrier",
        "count": 0,
        "delivery": made.delivery,
        "action": "disclose",
    }.items() <= begun.items()
    [told] = depot.entries("gate.allowed")
    assert {"recipient": "carrier", "count": 20, "commitment": made.commitment}.items() <= told.items()
    [seen] = [each for each in accesses(depot.cloud.audit, "s-1") if each.recipient]
    assert (seen.recipient, seen.count, seen.actor) == ("carrier", 20, "c-1")


def test_the_commitment_is_to_what_was_handed_over(depot: Depot) -> None:
    """HMAC under the delivery's own salt, chained over the parts; another byte gives another one."""
    depot.feed(60)
    sink = ListSink()
    made = send(depot, sink)
    assert (made.parts, made.count) == (3, 1200)

    def chain(bodies: list[bytes]) -> str:
        said = ""
        for body in bodies:
            said = hmac.new(made.salt, said.encode() + hashlib.sha256(body).digest(), "sha256").hexdigest()
        return said

    bodies = [parcel.body for parcel in sink.taken]
    assert chain(bodies) == made.commitment
    assert chain([bodies[0] + b" ", *bodies[1:]]) != made.commitment
    assert send(depot, ListSink()).commitment != made.commitment


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"recipient": "police"}, Reason.RECIPIENT_NOT_LISTED),
        ({"recipient": "stranger"}, Reason.RECIPIENT_NOT_LISTED),
        ({"purpose": "marketing"}, Reason.PURPOSE_NOT_DECLARED),
        ({"actor": Actor("s-1", "data_subject")}, Reason.ROLE_NOT_PERMITTED),
        ({"subject": "s-2"}, Reason.DEVICE_UNKNOWN),
    ],
)
def test_one_change_of_a_lawful_delivery_is_denied_before_anything_is_sent(
    depot: Depot, change: dict[str, Any], reason: Reason
) -> None:
    """The unchanged one is done; the changed one reaches no sink, and leaves no delivery but an entry."""
    depot.feed()
    assert send(depot, ListSink()).count == 20
    sink = ListSink()
    with pytest.raises(Denied) as denied:
        send(depot, sink, **change)
    assert denied.value.reason is reason
    assert sink.seen == []
    assert len(depot.cloud.disclosures.of("s-1")) == 1
    assert depot.entries("gate.denied", str(change.get("subject", "s-1")))[-1]["reason"] == reason.value


def test_a_withdrawal_in_the_middle_stops_the_rest(depot: Depot) -> None:
    """The person says no after the first part: the second is not sent, what was taken is counted, a retry sends nothing."""
    depot.feed(60)

    class Withdrawing(ListSink):
        """Withdraws while the first part is on its way."""

        def deliver(self, parcel: Parcel) -> None:
            super().deliver(parcel)
            if len(self.taken) == 1:
                depot.cloud.consent.withdraw("s-1", "tracking", evidence())

    sink = Withdrawing()
    made = send(depot, sink)
    assert (made.state, made.count, len(sink.seen)) == (DeliveryState.STOPPED, 500, 1)
    assert depot.entries("gate.denied")[-1]["reason"] == "consent_missing"
    assert depot.entries("gate.allowed")[-1]["count"] == 500
    depot.clock.at += 60
    depot.cloud.consent.give("s-1", "tracking", evidence())
    assert depot.cloud.disclosures.retry(made.delivery, actor=CLERK) == made
    assert len(sink.seen) == 1


def test_a_restriction_in_the_middle_stops_the_rest_as_well(depot: Depot) -> None:
    """Not only consents: whatever the gate asks is asked for each part."""
    depot.feed(60)

    class Restricting(ListSink):
        """Restricts while the second part is on its way."""

        def deliver(self, parcel: Parcel) -> None:
            super().deliver(parcel)
            if len(self.taken) == 2:
                depot.cloud.restrictions.restrict("s-1", "objection", by="s-1")

    made = send(depot, Restricting())
    assert (made.state, made.count) == (DeliveryState.STOPPED, 1000)
    assert depot.entries("gate.denied")[-1]["reason"] == "restricted"


def test_nothing_counts_that_was_not_taken_and_a_retry_goes_on_behind_it(depot: Depot) -> None:
    """The second part is refused: 500 are counted; the retry sends that part under the same key, and nothing twice."""
    times = depot.feed(60)
    sink = ListSink(refuse={1})
    with pytest.raises(LinkError):
        send(depot, sink, delivery="d-1")
    [made] = depot.cloud.disclosures.of("s-1")
    assert (made.state, made.count, made.parts) == (DeliveryState.BEGUN, 500, 1)
    assert depot.entries("gate.allowed")[-1]["count"] == 500
    sink.refuse = set()
    done = send(depot, sink, delivery="d-1")
    assert (done.state, done.count, done.parts) == (DeliveryState.DONE, 1200, 3)
    assert sink.seen[1] == sink.seen[2] and len(set(sink.seen)) == 3
    assert len({row["time"] for row in readings(sink)}) == len(times) == 1200
    assert depot.entries("gate.allowed")[-1]["count"] == 700
    assert send(depot, sink, delivery="d-1") == done
    assert len(sink.seen) == 4


def test_a_crash_after_the_recipient_took_a_part_sends_it_again_under_the_same_key(depot: Depot) -> None:
    """The recipient can tell: key and body are those that it has."""
    depot.feed()
    sink, kept = ListSink(), depot.cloud.database.put_delivery

    def dies(delivery: Delivery) -> None:
        if delivery.parts:
            raise KeyboardInterrupt
        kept(delivery)

    depot.cloud.database.put_delivery = dies  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        send(depot, sink, delivery="d-1")
    depot.cloud.database.put_delivery = kept  # type: ignore[method-assign]
    done = send(depot, sink, delivery="d-1")
    assert (done.count, sink.seen[0]) == (20, sink.seen[1])
    assert sink.taken[0].body == sink.taken[1].body


def test_the_name_of_a_delivery_is_no_other_ones(depot: Depot) -> None:
    """Its retry with another recipient or purpose is refused, and sends nothing."""
    depot.feed()
    assert send(depot, ListSink(), delivery="d-1").count == 20
    sink = ListSink()
    for change in ({"purpose": "dispatch"}, {"subject": "s-2"}, {"recipient": "police"}):
        with pytest.raises(ConfigError, match="another delivery"):
            send(depot, sink, delivery="d-1", **change)
    assert sink.seen == []


def test_an_authority_is_told_by_a_reference_and_two_others(depot: Depot) -> None:
    """Each missing alone denies; who asks is none of the two; with both it is told, and the reference is in the log."""
    depot.feed()
    asked = {"recipient": "police", "purpose": "legal_reporting"}

    def reason(**more: Any) -> Reason:
        with pytest.raises(Denied) as denied:
            send(depot, ListSink(), **asked, **more)
        assert isinstance(denied.value.reason, Reason)
        return denied.value.reason

    def signed(reference: str, by: Actor) -> None:
        span: dict[str, Any] = {"purpose": "legal_reporting", "start": 0, "end": NOON}
        depot.cloud.approvals.approve(reference, "police", "s-1", by=by, **span)

    assert reason() is Reason.LEGAL_REF_MISSING
    assert reason(reference="order-7") is Reason.APPROVALS_MISSING
    for approver in ("c-1", "d-1", "d-1"):
        signed("order-7", Actor(approver, "dpo", mfa=True))
    assert reason(reference="order-7") is Reason.APPROVALS_MISSING
    signed("order-7", Actor("d-2", "controller", mfa=True))
    assert reason(reference="order-8") is Reason.APPROVALS_MISSING
    made = send(depot, ListSink(), **asked, reference="order-7")
    assert made.count == 20
    assert depot.entries("gate.allowed")[-1]["legal_ref"] == "order-7"
    assert len(depot.entries("disclosure.approved")) == 4


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("enabled = false\n", Reason.RECIPIENT_DISABLED),
        ("reviewed = 2024-01-15\n", Reason.REVIEW_OVERDUE),
        ("reviewed = 2026-02-01\n", None),
    ],
)
def test_a_recipient_is_enabled_and_was_reviewed_within_the_year(
    tmp_path: Any, change: str, reason: Reason | None
) -> None:
    """Off by one word of the policy; a review that is over a year old stops everything until it is done."""
    depot = Depot(tmp_path, SYNTHETIC.replace('agreement = "DPA-7"\n', f'agreement = "DPA-7"\n{change}'))
    depot.feed()
    if reason is None:
        assert send(depot, ListSink()).count == 20
    else:
        with pytest.raises(Denied) as denied:
            send(depot, ListSink())
        assert denied.value.reason is reason
    depot.close()


def test_a_recipient_without_a_sink_is_told_nothing(depot: Depot) -> None:
    """ConfigError, and no delivery stays behind."""
    depot.feed()
    assert send(depot, ListSink()).count == 20
    del depot.cloud.sinks["carrier"]
    with pytest.raises(ConfigError, match="no sink"):
        depot.cloud.disclosures.deliver(
            LOCATION, actor=CLERK, purpose="tracking", subject="s-1", recipient="carrier", start=0, end=NOON
        )
    assert len(depot.cloud.disclosures.of("s-1")) == 1


def test_files_are_whole_private_and_the_same_at_a_retry(depot: Depot, tmp_path: Any) -> None:
    """A file a part, readable by its owner alone, nothing half-written beside it; a folder that is not there is refused."""
    depot.feed(60)
    folder = tmp_path / "carrier"
    with pytest.raises(ConfigError):
        FileSink(folder)
    folder.mkdir()
    made = send(depot, FileSink(folder))
    files = sorted(folder.iterdir())
    assert len(files) == made.parts == 3
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert sum(len(json.loads(path.read_text())["readings"]) for path in files) == 1200
    assert files[0].name.startswith(f"carrier-{made.delivery}-0-")


def test_a_callback_that_fails_has_not_taken_it(depot: Depot) -> None:
    """Whatever it raises; what it quotes of the readings does not come out."""
    depot.feed()

    def fails(parcel: Parcel) -> None:
        raise RuntimeError(parcel.body.decode())

    with pytest.raises(LinkError) as caught:
        send(depot, CallbackSink(fails))
    assert "lat" not in str(caught.value) and caught.value.__cause__ is None
    taken: list[Parcel] = []
    assert send(depot, CallbackSink(taken.append)).count == 20
    assert "readings" not in repr(taken[0])


def test_an_erasure_of_everything_takes_salt_and_links_along(depot: Depot) -> None:
    """Deliveries go, so that no salt is left with which a commitment could be linked to the person."""
    depot.feed()
    assert send(depot, ListSink()).salt
    depot.cloud.erase(subject="s-1")
    assert depot.cloud.disclosures.of("s-1") == []
