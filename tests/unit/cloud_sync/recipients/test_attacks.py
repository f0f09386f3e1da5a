"""Ways around the register: silences that nobody ordered, contents with more in them than their field's name says, tables."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.disclosure import CallbackSink, FileSink
from cloud_sync.disclosure.fieldwise import cut, told
from cloud_sync.disclosure.parcel import part_of
from cloud_sync.disclosure.parquet import ParquetSink
from cloud_sync.errors import CloudSyncError, ConfigError, Denied, LinkError
from tests.clauses.made import CLERK, DAY, DPO, LEAD, World
from tests.clauses.recipients.recipients_world import approve, hand, put, reach


@pytest.fixture
def billed(tmp_path: Path) -> World:
    """An installation with an authority, and a processor that needs no acceptance."""
    made = World(tmp_path, "tt")
    reach(made, "authority", "hosting", "payment_enrolment")
    return made


def test_who_is_no_authority_forbids_nothing_without_a_reference_either(billed: World) -> None:
    """Nobody's order at all, and for ever: nothing is sent, and nothing is kept from the person."""
    record = put(billed, "contact", company="C")
    with pytest.raises(ConfigError, match="no authority"):
        hand(billed, record, "hosting", "contact", silent_until=billed.now + 9_999 * DAY)
    assert billed.cloud.recipients.silent() == []
    assert billed.cloud.disclosures.of("u-1") == []
    assert hand(billed, record, "hosting", "contact").count == 1
    billed.close()


def test_a_silence_is_not_made_longer_by_asking_again(billed: World) -> None:
    """The order is carried out once: its delivery asked for again keeps its day, and one that was told of has no silence."""
    record = put(billed, "billing")
    approve(billed, record, "authority", "invoicing", "O-1")
    asked: dict[str, Any] = {"reference": "O-1", "delivery": "d-1"}
    hand(billed, record, "authority", "invoicing", silent_until=billed.now + DAY, **asked)
    (notice,) = billed.cloud.recipients.silent()
    billed.later(hours=12)
    with pytest.raises(ConfigError, match="a new order"):
        hand(billed, record, "authority", "invoicing", silent_until=billed.now + 300 * DAY, **asked)
    hand(billed, record, "authority", "invoicing", silent_until=notice.due_at, **asked)
    assert billed.cloud.recipients.silent() == [notice]
    assert len(billed.logged("disclosure.silent")) == 1
    open_one = put(billed, "billing")
    approve(billed, open_one, "authority", "invoicing", "O-2")
    hand(billed, open_one, "authority", "invoicing", reference="O-2", delivery="d-2")
    with pytest.raises(ConfigError, match="a new order"):
        hand(billed, open_one, "authority", "invoicing", reference="O-2", delivery="d-2", silent_until=billed.now + DAY)
    assert billed.cloud.recipients.silent() == [notice]
    billed.close()


def test_another_delivery_s_name_keeps_nothing_from_anybody(billed: World) -> None:
    """An order that nobody signed, under the name of a delivery that there is: refused, and the copy is whole."""
    hand(billed, put(billed, "contact", company="C"), "hosting", "contact", delivery="d-1")
    record = put(billed, "billing")
    with pytest.raises(ConfigError):
        hand(billed, record, "authority", "invoicing", reference="O-9", delivery="d-1", silent_until=billed.now + DAY)
    assert billed.cloud.recipients.silent() == []
    billed.close()


def test_a_silent_delivery_that_was_lost_is_retried_under_the_same_notice(billed: World) -> None:
    """The sink failed: the retry goes out, and there is one notice of it."""

    def lost(_: object) -> None:
        raise LinkError("away")

    record = put(billed, "billing")
    approve(billed, record, "authority", "invoicing", "O-1")
    asked: dict[str, Any] = {"reference": "O-1", "delivery": "d-1", "silent_until": billed.now + DAY}
    billed.cloud.sinks["authority"] = CallbackSink(lost)
    with pytest.raises(LinkError):
        hand(billed, record, "authority", "invoicing", **asked)
    reach(billed, "authority")
    assert hand(billed, record, "authority", "invoicing", **asked).count == 1
    assert [each.delivery for each in billed.cloud.recipients.silent("u-1")] == ["d-1"]
    billed.close()


def test_an_order_of_the_person_is_signed_by_the_person(billed: World) -> None:
    """Not by the office in their place, however many of it sign."""
    record = put(billed, "billing")
    approve(billed, record, "payment_enrolment", "payment", "R-1", by=(LEAD, DPO))
    with pytest.raises(Denied, match="order_missing"):
        hand(billed, record, "payment_enrolment", "payment", reference="R-1")
    billed.close()


@pytest.mark.parametrize("value", [{"name": "Kim", "lat": 55.6}, [{"lat": 55.6}], [["Kim", {"lat": 55.6}]]])
def test_a_field_with_fields_of_its_own_is_not_handed_over(value: Any) -> None:
    """Nobody listed those; a list of plain values is one value."""
    assert told(json.dumps({"name": ["Kim", "K."]}).encode(), {"name"}) == {"name": ["Kim", "K."]}
    with pytest.raises(ConfigError, match="name has fields of its own"):
        told(json.dumps({"name": value}).encode(), {"name"})
    assert told(json.dumps({"name": value, "email": "k"}).encode(), {"email"}) == {"email": "k"}


@pytest.mark.parametrize(
    "content", [b"[" * 100_000, b'{"name": "\\ud800"}', b'{"name": NaN}', b'{"name": -Infinity}', b'{"name": 1e999}']
)
def test_what_no_recipient_can_read_is_an_error_of_ours(content: bytes) -> None:
    """Nested without end, half of a character, numbers that JSON has not: refused before anything is stored or sent."""
    with pytest.raises(ConfigError):
        told(content, {"name"})


def test_an_address_within_an_address_is_cut_too() -> None:
    """6to4 has an IPv4 address in its first 48 bits (RFC 3056): three bytes of it stay."""
    assert cut("2002:c000:24d::1") == "2002:c000:200::/40"


def _table(path: Path) -> Any:
    return importlib.import_module("pyarrow.parquet").read_table(path).to_pylist()


def test_a_table_has_every_column_of_every_row(tmp_path: Path) -> None:
    """Also those that the first row has not: the account says that they left."""
    rows = [{"time": "12:00"}, {"time": "12:01", "lat": 55.6}]
    ParquetSink(tmp_path).deliver(part_of("d-1", 0, b"s" * 16, "crm", "contact", "location", rows))
    (file,) = tmp_path.iterdir()
    assert _table(file) == [{"time": "12:00", "lat": None}, {"time": "12:01", "lat": 55.6}]


@pytest.mark.parametrize("rows", [[{"a": 1}, {"a": "x"}], [{"a": [1, "x"]}], [{"a": 2**70}]])
def test_what_no_column_takes_is_an_error_of_ours(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    """It names the recipient and quotes nothing of the values."""
    with pytest.raises(CloudSyncError, match="crm") as failed:
        ParquetSink(tmp_path).deliver(part_of("d-1", 0, b"s" * 16, "crm", "contact", "location", rows))
    assert "x" not in str(failed.value).replace("text", "") and list(tmp_path.iterdir()) == []


def test_one_record_that_is_no_object_keeps_nobody_from_the_list(tmp_path: Path) -> None:
    """A person's odd form stops no other's removal or delivery: it is counted, and alone it is an error."""
    world = World(tmp_path, "st")
    crm = reach(world, "crm")["crm"]
    world.cloud.records.put("contact", {"u-1": json.dumps({"name": {"lat": 55.6}}).encode()})
    ask: dict[str, Any] = {"actor": CLERK, "purpose": "contact", "recipient": "crm"}
    with pytest.raises(ConfigError, match="name has fields of its own"):
        world.cloud.recipients.hand_all("contact", subject="u-1", **ask)
    for subject in ("u-1", "u-2"):
        put(world, "contact", subject)
    _, handed = world.cloud.recipients.sync("contact", **ask)
    assert (len(handed.told), dict(handed.denied)) == (2, {"unfit": 1})
    assert len(crm.rows) == 2
    world.close()


def test_what_is_taken_back_is_of_that_delivery_alone(tmp_path: Path) -> None:
    """Not of another person's, whose name begins with this one's."""
    sink = FileSink(tmp_path)
    for name in ("d", "d-0", "d-x"):
        sink.deliver(part_of(name, 0, b"s" * 16, "crm", "contact", "contact", [{"name": name}]))
    assert sink.withdraw("crm", "d") == 1
    assert sorted(json.loads(path.read_bytes())["delivery"] for path in tmp_path.iterdir()) == ["d-0", "d-x"]
