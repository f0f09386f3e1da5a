"""Batches without the readings of a span."""

from __future__ import annotations

import pytest

from cloud_sync.errors import WireFormatError
from cloud_sync.model import Fix, Motion, MotionEvent, Precision, Reading, Sensor, Stream
from cloud_sync.wire.batch import TIME_STEP_S, pack_location, unpack_location
from cloud_sync.wire.codec import pack
from cloud_sync.wire.columns import encode
from cloud_sync.wire.pieces import MOST_PLAINTEXT_BYTES, parted, touches, without
from cloud_sync.wire.readings import decode_environment, decode_motion, pack_environment, pack_motion

EPOCH = 20_500
T = EPOCH * 86_400 + 3600
PLACES = [(556_761_000, 125_683_000), (-899_999_999, 1_799_999_999), (899_990_000, -1_800_000_000), (123_456_789, 17)]


def fixes(precision: Precision, step_s: int = 3600) -> list[Fix]:
    """Four fixes in corners of the earth, as the format tells them."""
    side = {"speed_dm_s": 137, "course_deg": 359} if precision == Precision.EXACT else {}
    made = [Fix(T + n * step_s, lat, lon, precision, 9 + n, **side) for n, (lat, lon) in enumerate(PLACES)]
    return unpack_location(pack_location(precision, made, EPOCH), EPOCH)


@pytest.mark.parametrize("precision", [p for p in Precision if p <= Precision.REGION])
def test_the_fixes_that_stay_are_those_that_were_sent(precision: Precision) -> None:
    """Cells, quality, side fields and all, in any corner of the earth."""
    sent = fixes(precision)
    plaintext = pack_location(precision, sent, EPOCH)
    [piece] = without(Stream.LOCATION, plaintext, EPOCH, (sent[1].time, sent[1].time + 1))
    assert unpack_location(piece.plaintext, EPOCH) == [sent[0], *sent[2:]]
    assert piece.oldest_capture == sent[0].time
    [rest] = without(Stream.LOCATION, plaintext, EPOCH, (0, sent[2].time))
    assert (unpack_location(rest.plaintext, EPOCH), rest.oldest_capture) == (sent[2:], sent[2].time)


def test_readings_and_motions_that_stay_are_those_that_were_sent() -> None:
    """All columns of both streams."""
    readings = [Reading(T + 60 * n, 60, 200 + n, 100 * n) for n in range(5)]
    span = (T + 60, T + 180)
    sent = pack_environment(Sensor.TEMPERATURE | Sensor.LIGHT, 60, readings, EPOCH)
    [piece] = without(Stream.ENVIRONMENT, sent, EPOCH, span)
    before = decode_environment(sent, EPOCH).readings()
    assert decode_environment(piece.plaintext, EPOCH).readings() == [before[0], *before[3:]]
    motions = [MotionEvent(T + 60 * n, 60, Motion(1 + n)) for n in range(5)]
    [piece] = without(Stream.MOTION, pack_motion(60, motions, EPOCH), EPOCH, span)
    assert decode_motion(piece.plaintext, EPOCH).motions() == [motions[0], *motions[3:]]


def test_a_batch_outside_stays_as_it_is_padding_and_all() -> None:
    """Byte for byte; one within the span leaves nothing."""
    plaintext = pack_location(Precision.CELL_100M, fixes(Precision.CELL_100M), EPOCH) + b"\xc1" * 9
    [piece] = without(Stream.LOCATION, plaintext, EPOCH, (T + 90_000, T + 90_001))
    assert piece.plaintext == plaintext
    assert without(Stream.LOCATION, plaintext, EPOCH, (T, T + 90_000)) == []


@pytest.mark.parametrize(
    ("start", "end", "hit"), [(-1, 0, False), (-1, 1, True), (3599, 3600, True), (3600, 3601, False), (0, 3600, True)]
)
def test_a_step_counts_as_a_whole(start: int, end: int, hit: bool) -> None:
    """A region of one o'clock was captured between one and two; what ends or begins at its edges does not touch it."""
    plaintext = pack_location(Precision.REGION, fixes(Precision.REGION)[:1], EPOCH)
    assert touches(Stream.LOCATION, plaintext, EPOCH, [(T + start, T + end)]) is hit
    assert touches(Stream.LOCATION, plaintext, EPOCH, [(0, 1), (T + start, T + end)]) is hit
    assert bool(without(Stream.LOCATION, plaintext, EPOCH, (T + start, T + end))) is not hit


def test_what_grows_too_long_by_a_gap_becomes_several() -> None:
    """A batch that just fits an envelope, and a hole in the middle of columns that were short by their regularity."""
    n = 64
    noise = [(-1) ** i * 300_000 * (i % 7) for i in range(n)]
    regular = list(range(3600, 3600 + 600 * n, 600))
    parts = [encode(column) for column in (regular, noise, noise, [9] * n)]
    head = pack([0, n, *parts])
    sent = head + b"\xc1" * (MOST_PLAINTEXT_BYTES + 16 - len(head))
    assert len(head) <= MOST_PLAINTEXT_BYTES < len(sent)
    before = unpack_location(sent, EPOCH)
    for span in ((0, 1), (T + 600 * 30, T + 600 * 31)):
        pieces = without(Stream.LOCATION, sent, EPOCH, span)
        assert all(len(piece.plaintext) <= MOST_PLAINTEXT_BYTES for piece in pieces)
        found = [fix for piece in pieces for fix in unpack_location(piece.plaintext, EPOCH)]
        assert found == [fix for fix in before if not span[0] <= fix.time < span[1]]


def test_a_long_batch_is_halved_until_it_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every piece fits, none is empty, all fixes are there in order, each piece with its own oldest."""
    monkeypatch.setattr("cloud_sync.wire.pieces.MOST_PLAINTEXT_BYTES", 30)
    sent = fixes(Precision.EXACT)
    pieces = without(Stream.LOCATION, pack_location(Precision.EXACT, sent, EPOCH), EPOCH, (0, 1))
    assert len(pieces) == 4
    opened = [unpack_location(piece.plaintext, EPOCH) for piece in pieces]
    assert [fix for part in opened for fix in part] == sent
    assert [piece.oldest_capture for piece in pieces] == [part[0].time for part in opened]


@pytest.mark.parametrize(
    ("stream", "plaintext"), [(Stream.LOCATION, b"\x90"), (Stream.MOTION, b""), (Stream.STATUS, b"\x90")]
)
def test_what_breaks_the_format_is_the_package_s_own_error(stream: Stream, plaintext: bytes) -> None:
    """Neither touched nor cut."""
    with pytest.raises(WireFormatError):
        touches(stream, plaintext, EPOCH, [(0, 1)])
    with pytest.raises(WireFormatError):
        without(stream, plaintext, EPOCH, (0, 1))


@pytest.mark.parametrize("precision", [p for p in Precision if p <= Precision.REGION])
def test_readings_are_parted_by_what_is_said_of_their_steps(precision: Precision) -> None:
    """Two parts, one that goes, and the batch as it is where all is said to be one; each asked of its whole step."""
    sent = fixes(precision, step_s=86_400 // 5)
    plaintext = pack_location(precision, sent, EPOCH)
    asked: list[float] = []

    def part(start: float, end: float) -> str | None:
        asked.append(end - start)
        return {sent[0].time: None, sent[1].time: "a", sent[3].time: "a"}.get(int(start), "b")

    one, other = parted(Stream.LOCATION, plaintext, EPOCH, part)
    assert unpack_location(one.plaintext, EPOCH) == [sent[1], sent[3]] and one.oldest_capture == sent[1].time
    assert unpack_location(other.plaintext, EPOCH) == [sent[2]] and other.oldest_capture == sent[2].time
    assert set(asked) == {TIME_STEP_S[precision]}
    [whole] = parted(Stream.LOCATION, plaintext, EPOCH, lambda *_: 0)
    assert whole.plaintext == plaintext and parted(Stream.LOCATION, plaintext, EPOCH, lambda *_: None) == []
