"""cloud_sync.wire replays every vector."""

from __future__ import annotations

from typing import Any

import pytest

from cloud_sync.errors import CloudSyncError, SealBroken, WireFormatError
from cloud_sync.model import (
    Aggregate,
    Directive,
    Fix,
    Header,
    HealAnswer,
    HealOffer,
    Motion,
    MotionEvent,
    PlaceChange,
    PlaceEvent,
    Precision,
    Reading,
    StatusReason,
    StatusReport,
    Stream,
    UpdateState,
    Verdict,
    VerdictCode,
)
from cloud_sync.wire import batch, cells, codec, columns, directive, downlink, envelope, ladder, light, readings, status
from cloud_sync.wire.release import Offer

from . import corpora
from .vectorfile import Case

REFUSALS = {"seal": SealBroken}  # every other kind is a WireFormatError


def cases(name: str, group: str) -> Any:
    """Parametrise over the cases of a group of a vector file, by their names."""
    chosen = corpora.vectors(name)[group]
    return pytest.mark.parametrize("case", chosen, ids=[case["name"] for case in chosen])


def refusal(case: Case) -> type[CloudSyncError]:
    """The very class that a kind of refusal is raised as."""
    return REFUSALS.get(case["kind"], WireFormatError)


def value_of(plain: Any) -> Any:
    """A wire value from its JSON form."""
    if isinstance(plain, dict):
        return bytes.fromhex(plain["bin"])
    return [value_of(entry) for entry in plain] if isinstance(plain, list) else plain


def raw(case: Case, *names: str) -> tuple[bytes, ...]:
    """The byte strings of a case."""
    return tuple(bytes.fromhex(case[name]) for name in names)


@cases("messagepack", "valid")
def test_messagepack_valid(case: Case) -> None:
    """A value packs to the vector's bytes, and they unpack to it."""
    value, (data,) = value_of(case["value"]), raw(case, "bytes")
    assert codec.pack(value) == data
    assert codec.unpack(data) == value


@cases("messagepack", "invalid")
def test_messagepack_invalid(case: Case) -> None:
    """A longer form, a foreign type, a bound or a length that is broken is refused."""
    with pytest.raises(WireFormatError):
        codec.unpack(bytes.fromhex(case["bytes"]))


@cases("columns", "valid")
def test_columns_valid(case: Case) -> None:
    """A column decodes to its values in either order, and a sender writes the shorter one."""
    assert columns.decode(case["column"], case["n"]) == case["values"]
    if case["canonical"]:
        assert columns.encode(case["values"]) == case["column"]


@cases("columns", "invalid")
def test_columns_invalid(case: Case) -> None:
    """A column that no sender may write is refused."""
    with pytest.raises(WireFormatError):
        columns.decode(value_of(case["column"]), case["n"])


@cases("cells", "valid")
def test_cells_valid(case: Case) -> None:
    """A position falls into the vector's cell, whose centre lies in it."""
    precision, row, col = case["precision"], case["row"], case["col"]
    centre = (case["centre_lat_e7"], case["centre_lon_e7"])
    assert cells.cell_of(case["lat_e7"], case["lon_e7"], precision) == (row, col)
    assert cells.centre_e7(row, col, precision) == centre
    if precision:
        assert cells.width_e7(row, cells.STEP_E7[precision]) == case["k"] * cells.STEP_E7[precision]
        assert cells.cell_of(*centre, precision) == (row, col)


@cases("cells", "invalid")
def test_cells_invalid(case: Case) -> None:
    """A position off the globe, or a precision without cells, is refused."""
    with pytest.raises(WireFormatError):
        cells.cell_of(case["lat_e7"], case["lon_e7"], case["precision"])


@cases("ladder", "valid")
def test_ladder_valid(case: Case) -> None:
    """Every key of the ladder is the vector's, from the root or from the healing exchange."""
    stream = int(Stream[case["stream"].upper()])
    if case["form"] == "heal":
        private, public, shared, old, new = raw(case, "device_private", "server_public", "shared", "old", "new")
        assert ladder.shared_secret(private, public) == shared
        assert ladder.mix(old, shared, stream) == new
        return
    (root,) = raw(case, "root")
    if case["form"] == "down":
        chain = ladder.down_chain(root)
    else:
        value = ladder.spine(root, stream)
        for _ in range(case["epoch"] - case["first_epoch"]):
            value = ladder.next_spine(value, stream)
        assert (value, ladder.next_spine(value, stream), ladder.day_key(value, stream)) == raw(
            case, "spine", "next_spine", "day"
        )
        chain = ladder.day_chain(value, stream)
    assert chain == bytes.fromhex(case["chain"])
    for counter, link, key in case["counters"]:
        moved = ladder.step(chain, stream, counter)
        assert (moved.hex(), ladder.seal_key(moved, stream).hex()) == (link, key)


@cases("ladder", "invalid")
def test_ladder_invalid(case: Case) -> None:
    """A shared secret of zeros is refused."""
    with pytest.raises(WireFormatError):
        ladder.mix(*raw(case, "old", "shared"), int(Stream[case["stream"].upper()]))


def fix_of(case: Case, line: list[int]) -> Fix:
    """A record from the vector's [time, lat, lon, quality, speed, course]."""
    speed, course = (None if side < 0 else side for side in line[4:])
    return Fix(line[0], line[1], line[2], Precision(case["precision"]), line[3], speed, course)


@cases("location", "valid")
def test_location_valid(case: Case) -> None:
    """A batch decodes to the vector's fixes, and the same fixes pack to the vector's bytes."""
    (plaintext,) = raw(case, "plaintext")
    fixes = [fix_of(case, line) for line in case["fixes"]]
    assert batch.unpack_location(plaintext, case["epoch"]) == fixes
    if case["canonical"]:
        assert batch.pack_location(case["precision"], fixes, case["epoch"]) == plaintext.rstrip(b"\xc1")


@cases("location", "invalid")
def test_location_invalid(case: Case) -> None:
    """A batch with one field wrong is refused before any record is made of it."""
    with pytest.raises(WireFormatError):
        batch.decode_location(bytes.fromhex(case["plaintext"]), case["epoch"])


@cases("environment", "valid")
def test_environment_valid(case: Case) -> None:
    """A batch decodes to the vector's readings and packs to its bytes; a class and a step are the vector's."""
    if case["form"] == "light":
        light_class, least = case["light"], case["least_lux"]
        assert [light.light_class(lux) for lux in (case["lux"], least)] == [light_class, light_class]
        assert light.least_lux(light_class) == least
    elif case["form"] == "step":
        assert directive.step_of(directive.from_wire(value_of(case["directive"]))) == case["step"]
    else:
        environment_batch(case)


def environment_batch(case: Case) -> None:
    """One batch, there and back."""
    (plaintext,) = raw(case, "plaintext")
    expected = [Reading(time, case["step"], *values) for time, *values in case["readings"]]
    decoded = readings.decode_environment(plaintext, case["epoch"])
    assert (decoded.sensors, decoded.step_s, decoded.readings()) == (case["sensors"], case["step"], expected)
    if case["canonical"] and case["reached"]:
        packed = readings.pack_environment(case["sensors"], case["step"], expected, case["epoch"])
        assert packed == plaintext.rstrip(b"\xc1")


@cases("environment", "invalid")
def test_environment_invalid(case: Case) -> None:
    """A batch with one field wrong is refused before any record is made of it."""
    with pytest.raises(WireFormatError):
        readings.decode_environment(bytes.fromhex(case["plaintext"]), case["epoch"])


@cases("places", "valid")
def test_places_valid(case: Case) -> None:
    """A batch decodes to the vector's events, tells no fix, and packs to its bytes."""
    (plaintext,) = raw(case, "plaintext")
    expected = [PlaceEvent(time, place, PlaceChange(change)) for time, place, change in case["entries"]]
    assert batch.unpack_places(plaintext, case["epoch"]) == expected
    assert batch.unpack_location(plaintext, case["epoch"]) == []
    if case["canonical"]:
        assert batch.pack_places(expected, case["epoch"]) == plaintext.rstrip(b"\xc1")


@cases("places", "invalid")
def test_places_invalid(case: Case) -> None:
    """A batch with one field wrong is refused before any record is made of it."""
    with pytest.raises(WireFormatError):
        batch.unpack_places(bytes.fromhex(case["plaintext"]), case["epoch"])


@cases("aggregates", "valid")
def test_aggregates_valid(case: Case) -> None:
    """Sums decode to the vector's readings and pack to its bytes; a reading's own value is the mean."""
    (plaintext,) = raw(case, "plaintext")
    expected = [summed(case, *line) for line in case["readings"]]
    assert readings.unpack_environment(plaintext, case["epoch"]) == expected
    if case["canonical"] and case["reached"]:
        packed = readings.pack_sums(case["sensors"], case["span"], expected, case["epoch"])
        assert packed == plaintext.rstrip(b"\xc1")


def summed(case: Case, time: int, warm: list[int] | None, lit: list[int] | None) -> Reading:
    """A vector's line as the record of it."""
    temperature, light_of = (Aggregate(time, case["span"], *part) if part else None for part in (warm, lit))
    return Reading(time, case["span"], warm[2] if warm else None, lit[2] if lit else None, temperature, light_of)


@cases("aggregates", "invalid")
def test_aggregates_invalid(case: Case) -> None:
    """Sums with one field wrong are refused before any record is made of them."""
    with pytest.raises(WireFormatError):
        readings.decode_environment(bytes.fromhex(case["plaintext"]), case["epoch"])


@cases("motion", "valid")
def test_motion_valid(case: Case) -> None:
    """A batch decodes to the vector's events, and they pack to its bytes."""
    (plaintext,) = raw(case, "plaintext")
    expected = [MotionEvent(time, case["step"], Motion(events)) for time, events in case["entries"]]
    decoded = readings.decode_motion(plaintext, case["epoch"])
    assert (decoded.step_s, decoded.motions()) == (case["step"], expected)
    if case["canonical"]:
        assert readings.pack_motion(case["step"], expected, case["epoch"]) == plaintext.rstrip(b"\xc1")


@cases("motion", "invalid")
def test_motion_invalid(case: Case) -> None:
    """A batch with one field wrong is refused before any record is made of it."""
    with pytest.raises(WireFormatError):
        readings.decode_motion(bytes.fromhex(case["plaintext"]), case["epoch"])


@cases("status", "valid")
def test_status_valid(case: Case) -> None:
    """A status decodes to the vector's fields, and packs to the same bytes again."""
    (plaintext,), fields = raw(case, "plaintext"), case["fields"]
    if "public" in fields:
        answer = HealAnswer(fields["number"], bytes.fromhex(fields["public"]["bin"]))
        assert status.read_status(plaintext, case["epoch"]) == answer
        assert status.pack_heal_answer(answer) == plaintext.rstrip(b"\xc1")
        return
    report = StatusReport(
        StatusReason(fields["reason"]),
        fields["time"],
        fields["uptime"],
        fields["directive"],
        fields["down_next"],
        bytes.fromhex(fields["challenge"]["bin"]),
        *(
            fields[name]
            for name in ("boots", "reset", "battery", "spooled", "lost", "refused", "faults", "heap", "firmware")
        ),
        *(fields[name] for name in ("crash", "security")),
        UpdateState(fields["update"]),
    )
    assert status.read_status(plaintext, case["epoch"]) == report == status.unpack_status(plaintext, case["epoch"])
    assert status.pack_status(report, case["epoch"]) == plaintext.rstrip(b"\xc1")


@cases("status", "invalid")
def test_status_invalid(case: Case) -> None:
    """A status with one field wrong is refused."""
    with pytest.raises(WireFormatError):
        status.read_status(bytes.fromhex(case["plaintext"]), case["epoch"])


@cases("uplink", "valid")
def test_uplink_valid(case: Case) -> None:
    """An envelope parses and opens to the vector's values, and seals to the same bytes."""
    data, key, salt, plaintext = raw(case, "envelope", "key", "salt", "plaintext")
    stream = int(Stream[case["stream"].upper()])
    header = Header(case["generation"], stream, case["epoch"], case["counter"], case["directive_version"])
    parsed = envelope.parse_uplink(data)
    assert parsed == (header, *raw(case, "header", "salt", "sealed", "digest"))
    assert envelope.open_uplink(case["device"], parsed, key) == plaintext
    assert envelope.seal_uplink(case["device"], header, salt, key, plaintext) == data


@cases("uplink", "invalid")
def test_uplink_invalid(case: Case) -> None:
    """An envelope with one field changed is refused: for its form while parsing, for its tag while opening."""
    data, key = raw(case, "envelope", "key")
    if case["kind"] == "seal":
        parsed = envelope.parse_uplink(data)
        with pytest.raises(SealBroken):
            envelope.open_uplink(case["device"], parsed, key)
    else:
        with pytest.raises(WireFormatError):
            envelope.parse_uplink(data)


@cases("downlink", "valid")
def test_downlink_valid(case: Case) -> None:
    """A downlink opens to the vector's value, which seals to the same bytes."""
    data, key, nonce = raw(case, "envelope", "key", "nonce")
    value = value_of(case["value"])
    assert downlink.peek_downlink(data) == (case["generation"], case["number"])
    assert downlink.open_downlink(case["device"], data, key) == value
    assert downlink.seal_downlink(case["device"], case["generation"], case["number"], key, nonce, value) == data
    assert built_again(value) == value


def built_again(value: list[Any]) -> list[Any]:
    """The value that the builders make from its meaning."""
    meaning = downlink.read_value(value)
    if isinstance(meaning, Directive):
        return downlink.directive_value(meaning)
    if isinstance(meaning, downlink.TimeAnswer):
        return downlink.time_value(*meaning)
    if isinstance(meaning, HealOffer):
        return downlink.healing_value(meaning)
    if isinstance(meaning, Offer):
        return downlink.update_value(meaning)
    assert all(type(line) is Verdict and type(line.code) is VerdictCode for line in meaning)
    return downlink.verdicts_value(meaning)


@cases("downlink", "invalid")
def test_downlink_invalid(case: Case) -> None:
    """A downlink with one field changed is refused, and the server cannot seal the value of it either."""
    data, key = raw(case, "envelope", "key")
    with pytest.raises(refusal(case)):
        downlink.open_downlink(case["device"], data, key)
    if "value" in case:
        with pytest.raises(WireFormatError):
            downlink.seal_downlink(case["device"], 0, 0, key, bytes(13), value_of(case["value"]))


@cases("directive", "valid")
def test_directive_valid(case: Case) -> None:
    """A directive survives the way to the wire and back; a comparison has the vector's answer."""
    if case["form"] == "wire":
        value = value_of(case["value"])
        assert directive.to_wire(directive.from_wire(value)) == value
        assert codec.pack(value) == bytes.fromhex(case["bytes"])
        return
    current = None if case["current"] is None else directive.from_wire(value_of(case["current"]))
    assert directive.widens(directive.from_wire(value_of(case["new"])), current) is case["expected"]


@cases("directive", "invalid")
def test_directive_invalid(case: Case) -> None:
    """A directive with one field wrong is refused."""
    with pytest.raises(WireFormatError):
        directive.from_wire(value_of(case["value"]))
