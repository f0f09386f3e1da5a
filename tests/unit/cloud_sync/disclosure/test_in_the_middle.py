"""What changes while something leaves: a term that passes, an erasure, a withdrawal; and a name that is used again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cloud_sync.errors import ConfigError, Denied
from cloud_sync.model import Action, Reason
from cloud_sync.model.access import Delivery, DeliveryState
from cloud_sync.read.query import Query
from cloud_sync.read.sources import LOCATION
from cloud_sync.stores import Parcel
from tests.unit.cloud_sync.disclosure.outlet_world import CLERK, ME, NOON, Depot, ListSink, T, evidence

DAY_S = 86_400.0


class Doing(ListSink):
    """Does something once, while the first part is on its way."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__()
        self._act = act

    def deliver(self, parcel: Parcel) -> None:
        """Take it, and then do it."""
        super().deliver(parcel)
        if len(self.taken) == 1:
            self._act()


def send(depot: Depot, sink: Any, **changed: Any) -> Delivery:
    """A delivery of exact positions to the carrier, with single parts changed."""
    depot.cloud.sinks["carrier"] = sink
    asked: dict[str, Any] = {"actor": CLERK, "purpose": "dispatch", "subject": "s-1", "recipient": "carrier"}
    return depot.cloud.disclosures.deliver(LOCATION, **{**asked, "start": 0, "end": NOON, **changed})


def later(depot: Depot, *, sweep: bool) -> None:
    """Forty days pass; the term is thirty."""
    depot.clock.at = NOON + 40 * DAY_S
    if sweep:
        depot.cloud.sweep(clock_confirmed=True)


@pytest.mark.parametrize("sweep", [False, True])
def test_a_term_that_passes_during_a_delivery_ends_what_is_told(depot: Depot, sweep: bool) -> None:
    """The first part went within the term; nothing goes behind its end, whether or not the sweep has run."""
    depot.feed(60)
    assert send(depot, ListSink()).count == 1200
    sink = Doing(lambda: later(depot, sweep=sweep))
    made = send(depot, sink)
    assert (made.count, len(sink.taken)) == (500, 1)


def test_a_term_that_passes_while_a_piece_is_made_counts_for_it(depot: Depot) -> None:
    """The piece was found at one moment and is told at another: it is made anew."""
    depot.feed()
    reader = depot.cloud._reader
    query = Query(CLERK, "dispatch", "s-1", 0.0, NOON, act=Action.READ)
    assert [len(piece) for piece in reader.pieces(LOCATION, query)] == [20]
    narrowed = reader.narrowed

    def slowly(*args: Any) -> Any:
        found = narrowed(*args)
        depot.clock.at = NOON + 30 * DAY_S
        return found

    reader.narrowed = slowly  # type: ignore[method-assign]
    assert [len(piece) for piece in reader.pieces(LOCATION, query) if piece] == []


def test_a_key_that_is_destroyed_while_a_piece_is_made_counts_for_it(depot: Depot) -> None:
    """Rows and keys that were looked up before the sweep open nothing after it."""
    depot.feed()
    reader, store = depot.cloud._reader, depot.cloud._reader._store
    query = Query(CLERK, "dispatch", "s-1", 0.0, NOON, act=Action.READ)
    narrowed = reader.narrowed

    def shredding(*args: Any) -> Any:
        found = narrowed(*args)
        row = args[0].id
        store.destroy_leaf(row.device, row.generation, row.stream, row.epoch)
        return found

    reader.narrowed = shredding  # type: ignore[method-assign]
    assert [len(piece) for piece in reader.pieces(LOCATION, query) if piece] == []


def test_an_erasure_during_a_delivery_leaves_no_row_of_it(depot: Depot) -> None:
    """The row does not come back, nothing more is sent, and the log counts what had gone."""
    depot.feed(60)
    sink = Doing(lambda: depot.cloud.erase(subject="s-1"))
    made = send(depot, sink)
    assert (made.state, made.count) == (DeliveryState.STOPPED, 500)
    assert [each.key.partition("-")[0] for each in sink.taken] == [
        made.delivery,
        "removed",
    ]  # what it took it is to remove
    assert depot.cloud.disclosures.of("s-1") == []
    assert depot.entries("gate.allowed")[-1]["count"] == 500


def test_an_erasure_before_a_retry_begins_leaves_no_row_of_it(depot: Depot) -> None:
    """What was looked up is put back only where it still is."""
    depot.feed(60)
    with pytest.raises(Exception, match="did not take"):
        send(depot, ListSink(refuse={1}), delivery="d-1")
    sink, reader = ListSink(), depot.cloud._reader
    pieces = reader.pieces

    def erased(*args: Any) -> Any:
        found = pieces(*args)
        depot.cloud.erase(subject="s-1")
        return found

    reader.pieces = erased  # type: ignore[method-assign]
    with pytest.raises(Denied) as denied:
        depot.cloud.disclosures.retry("d-1", actor=CLERK)
    assert denied.value.reason is Reason.ERASED
    assert sink.taken == [] and depot.cloud.disclosures.of("s-1") == []


def test_a_read_in_whose_middle_the_person_withdraws_hands_out_nothing(depot: Depot) -> None:
    """Sixty fixes without it; with it none of those that were found already."""
    depot.feed(3)
    asked: dict[str, Any] = {"actor": ME, "purpose": "tracking", "subject": "s-1", "start": T, "end": NOON}
    assert len(depot.cloud.read_location(**asked)) == 60
    reader = depot.cloud._reader
    narrowed, rows = reader.narrowed, list[int]()

    def withdrawing(*args: Any) -> Any:
        rows.append(0)
        if len(rows) == 2:
            depot.cloud.consent.withdraw("s-1", "tracking", evidence())
        return narrowed(*args)

    reader.narrowed = withdrawing  # type: ignore[method-assign]
    with pytest.raises(Denied) as denied:
        depot.cloud.read_location(**asked)
    assert denied.value.reason is Reason.CONSENT_MISSING
    assert depot.entries("gate.denied")[-1]["reason"] == "consent_missing"


def test_the_name_of_a_delivery_is_of_one_span_and_one_reference(depot: Depot) -> None:
    """The same again is its retry; another span or reference is another delivery, and is not done in silence."""
    depot.feed()
    sink = ListSink()
    named: dict[str, Any] = {"delivery": "day", "end": NOON - 60}
    done = send(depot, sink, **named)
    assert send(depot, sink, **named) == done and len(sink.taken) == 1
    for change in ({"start": 1}, {"end": NOON}, {"reference": "order-7"}):
        with pytest.raises(ConfigError, match="another delivery"):
            send(depot, sink, **{**named, **change})
    assert len(sink.taken) == 1


def test_a_delivery_ends_where_it_was_begun_and_not_in_the_future(depot: Depot) -> None:
    """What is captured after it was asked for is no part of it, nor of its retry."""
    depot.feed(60)
    sink = ListSink(refuse={1})
    with pytest.raises(Exception, match="did not take"):
        send(depot, sink, delivery="d-1", end=NOON + 3600)
    depot.clock.at = NOON + 1800
    tracker = depot.tracker
    depot.take(tracker, [tracker.fixes([int(NOON) + 900 + 10 * n for n in range(20)], version=1)])
    sink.refuse = set()
    done = send(depot, sink, delivery="d-1", end=NOON + 3600)
    assert (done.end, done.count) == (NOON, 1200)
    times = [row["time"] for parcel in sink.taken for row in json.loads(parcel.body)["readings"]]
    assert len(times) == 1200
    assert replace(done, salt=b"") == replace(depot.cloud.disclosures.of("s-1")[0], salt=b"")
