"""For every directive and every trajectory of the corpora: nothing finer than permitted is in any envelope, side fields included.

From the receiver's solutions to the sealed bytes by the firmware's own sampler, minimiser, batches and sealer; read by the
server's codec. What an envelope tells beside its content is looked at too: header, length, how many there are.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cloud_sync.model import Stream
from cloud_sync.wire import batch, codec, envelope, ladder
from tests.properties.device_world import DAY_S, DEVICE, Unit, World
from tests.unit.firmware.minimise.leaving import SECRET, THINNING, Fix, rising
from tests.unit.firmware.minimise.tracks import all_tracks
from tests.unit.firmware.nor import Nor
from tests.unit.firmware.test_minimise import DEFAULTS

from firmware.flash.recordlog import RecordLog  # isort: skip
from firmware.flash.region import RawRegion  # isort: skip
from firmware.flash.spool import Spool  # isort: skip
from firmware.keystore import SLOT_BYTES, KeyStore  # isort: skip
from firmware.minimise import Minimiser  # isort: skip
from firmware.rules import InForce  # isort: skip
from firmware.sampler import Sampler  # isort: skip
from firmware.sealer import Sealer  # isort: skip
from firmware.sensing import sensors  # isort: skip
from firmware.sensing.batches import BatchBuilder  # isort: skip
from firmware.wire import cells  # isort: skip
from firmware.wire.directive import Directive  # isort: skip

TRACKS = {name: tuple(rising(fixes[:250])) for name, fixes in all_tracks().items()}
NAMES = sorted(name for name, fixes in TRACKS.items() if len(fixes) > 1)
NAMES += 3 * [name for name in NAMES if len(TRACKS[name]) > 60]  # of which more can leave
ROOT = bytes(range(32))
SECTORS = 64  # nothing falls out of the ring
__all__ = ["Unit", "World"]  # lends CPython MicroPython's names


@st.composite
def cases(draw: st.DrawFn) -> tuple[tuple[Fix, ...], Directive]:
    """A track and a directive over all its fields: sensors, lease, batches, padding and hours beside what the minimisers take."""
    fixes = TRACKS[draw(st.sampled_from(NAMES))]
    some, begin_s, end_s = st.sampled_from(fixes), fixes[0][0], fixes[-1][0]
    precision = draw(st.sampled_from((0, 0, 1, 1, 2, 3, 4, 6, 6, 5)))
    lease_s = min(draw(st.sampled_from((2, 2, 2, 1, 0))) * (end_s - begin_s) // 2 + 1, 93 * DAY_S)
    fields: dict[str, Any] = DEFAULTS | {"precision": precision, "issued_at": begin_s, "lease_until": begin_s + lease_s}
    fields["version"] = draw(st.integers(1, 2**31 - 1))
    fields["sensors"] = draw(st.sampled_from((1, 1, 1, 33, 63, 63, 62, 0)))
    fields["interval"] = draw(st.sampled_from((1, 10, 60, 600)))
    fields["batch"], fields["batch_age"] = draw(st.sampled_from((1, 5, 64))), draw(st.sampled_from((1, 300, DAY_S)))
    fields["size"] = draw(st.sampled_from((0, 0, 96, 300, 960)))
    thinning = dict.fromkeys(THINNING, 0)
    if precision == 0:
        thinning["blur"] = draw(st.sampled_from((0, 0, 30, 500, 10_000)))
        fields["fields"] = 0 if thinning["blur"] else draw(st.integers(0, 1))
    if precision == 6 and draw(st.sampled_from((True, True, False))):
        at = draw(st.lists(st.tuples(some, st.integers(50, 3000)), min_size=1, max_size=4))
        fields["places"] = [[i + 1, *cells.cell_of(*fix[1:3], 0), radius] for i, (fix, radius) in enumerate(at)]
    kind = draw(st.sampled_from(("", "", "distance", "stay", "error")))
    if kind:
        thinning[kind] = draw(st.sampled_from((20, 300)))
    thinning["stay_time"] = 300 if kind == "stay" else 0
    thinning["rest"] = draw(st.sampled_from((0, 600))) if fields["interval"] <= 600 else 0
    zones = draw(st.one_of(st.just([]), st.lists(some, max_size=2)))
    fields["zones"] = [list(cell) for cell in {cells.cell_of(*fix[1:3], cells.CELL_1KM) for fix in zones}]
    minute = draw(some)[0] % DAY_S // 60
    fields["hours"] = draw(st.sampled_from(([], [[minute, min(minute + 7, 1440)]])))
    return fixes, Directive.from_wire(list((fields | {"thinning": list(thinning.values())}).values()))


def sealed(fixes: Iterable[Fix], under: Directive) -> list[tuple[tuple[int, ...], bytes]]:
    """(header, plaintext) of each envelope that the device seals of a track, the server's way."""
    fixes = list(fixes)
    epoch, now = fixes[0][0] // DAY_S, SimpleNamespace(s=fixes[0][0])
    keys = KeyStore(RecordLog(RawRegion(Nor(2)), SLOT_BYTES))
    keys.enrol(DEVICE, bytearray(ROOT), 0, epoch, fixes[0][0])
    spool, salts = Spool(RawRegion(Nor(SECTORS))), itertools.count()
    sealer = Sealer(keys, spool, lambda n: next(salts).to_bytes(n, "big"))
    clock = SimpleNamespace(
        now_s=lambda: now.s,
        lease_over=lambda: now.s >= under.lease_until,
        behind_epoch=lambda: False,
        offer_gnss=lambda *args: True,
    )
    in_force = InForce(SimpleNamespace(), keys, clock, None, spool)
    in_force.directive, in_force.minimiser = under, Minimiser(under, SECRET)
    builder = BatchBuilder(1, sensors._location, sealer, keys, lambda: now.s * 1000, lambda end, start: end - start)
    unseen = lambda *args: None  # noqa: E731
    sampler = Sampler(None, clock, in_force, builder, on_time=unseen, on_fix=unseen, moved=None)

    def day() -> None:
        if now.s // DAY_S > keys.epoch:
            sampler.finish()
            builder.close()
            keys.advance(now.s // DAY_S, now.s)

    sampler._on_time = day
    for fix in fixes:
        now.s = fix[0]
        day()
        if not in_force.senses_location():  # as the keeper has it: what is held back waits for no other fix
            sampler.finish()
        sampler._take(fix, under, True)
        builder.close_if_old()
    sampler.finish()
    builder.close()
    assert builder.lost == 0 and spool.lost == 0
    return [opened(bytes(entry.envelope), epoch) for entry in spool.pending()]


def opened(data: bytes, first_epoch: int) -> tuple[tuple[int, ...], bytes]:
    """As the server opens it."""
    parsed = envelope.parse_uplink(data)
    _, stream, epoch, counter, _ = parsed.header
    spine = ladder.spine(ROOT, stream)
    for _ in range(epoch - first_epoch):
        spine = ladder.next_spine(spine, stream)
    key = ladder.seal_key(ladder.step(ladder.day_chain(spine, stream), stream, counter), stream)
    return tuple(parsed.header), envelope.open_uplink(DEVICE, parsed, key)


def of_every(case: Any, examples: int = 120) -> Any:
    """Bounded, and without Hypothesis' deadline: a busy machine is no defect."""
    return lambda test: settings(deadline=None, max_examples=examples)(given(case)(test))


@of_every(cases())
def test_no_envelope_tells_anything_finer_than_permitted(case: tuple[tuple[Fix, ...], Directive]) -> None:
    """Its times, cells, quality and side fields are those of the precision, of fixes that may be told, so many at most."""
    fixes, under = case
    told = [fix for fix in fixes if may_be_told(fix, under)]
    envelopes = sealed(fixes, under)
    for number, ((generation, stream, epoch, counter, version), plaintext) in enumerate(envelopes):
        assert (generation, stream, version) == (0, Stream.LOCATION, under.version)
        assert counter == number - sum(header[2] < epoch for header, _ in envelopes)
        assert not under.size or len(plaintext) == under.size
        columns = codec.unpack_padded(plaintext)
        assert columns[0] == under.precision and 1 <= columns[1] <= under.batch
        assert len(columns) == 5 if under.places else len(columns) in ((6, 8) if under.fields else (6,))
        if under.places:
            check_events(batch.unpack_places(plaintext, epoch), told, under)
        else:
            check_fixes(batch.unpack_location(plaintext, epoch), told, under)


def may_be_told(fix: Fix, under: Directive) -> bool:
    """By the directive alone: its sensor, its lease, its hours, its zones."""
    if not under.sensors & 1 or (under.precision > 4 and not under.places) or not fix[0] < under.lease_until:
        return False
    minute = fix[0] % DAY_S // 60
    quiet = any(begin <= minute < end for begin, end in under.hours)
    return not quiet and cells.cell_of(*fix[1:3], cells.CELL_1KM) not in under.zones


def check_fixes(found: list[Any], told: list[Fix], under: Directive) -> None:
    """Positions: each is of a fix that may be told, cut to the precision; at least an interval apart."""
    step_s = (1, 10, 60, 600, 3600)[under.precision]
    cut = {fix[0] - fix[0] % step_s for fix in told}
    for fix in found:
        assert fix.time % step_s == 0 and fix.time in cut
        assert fix.precision == under.precision and fix.quality >= (0, 7, 10, 14, 15)[under.precision]
        assert (fix.speed_dm_s is None and fix.course_deg is None) or under.fields
    if not under.blur and not under.stay:
        spots = {(fix[0] - fix[0] % step_s, *cells.cell_of(*fix[1:3], under.precision)) for fix in told}
        assert {(fix.time, *cells.cell_of(fix.lat_e7, fix.lon_e7, under.precision)) for fix in found} <= spots
    gaps = [after.time - before.time for before, after in itertools.pairwise(found)]
    assert all(gap > under.interval - step_s and gap >= step_s for gap in gaps)


def check_events(found: list[Any], told: list[Fix], under: Directive) -> None:
    """Events of places: whole minutes of fixes that may be told, and places of the directive."""
    minutes = {fix[0] - fix[0] % 60 for fix in told}
    for event in found:
        # A crossing lies between two fixes.
        assert event.time % 60 == 0 and min(minutes) <= event.time <= max(minutes)
        assert event.place in {place[0] for place in under.places}


@of_every(cases())
def test_what_looks_alike_makes_the_same_envelopes(case: tuple[tuple[Fix, ...], Directive]) -> None:
    """Fixes moved within what is told of them, with other side fields: every header and every byte of plaintext is the same."""
    fixes, under = case
    assume(not under.places and not under.fields)
    minimiser = Minimiser(under, SECRET)
    # Side fields that no rule of time looks at: the receiver's rest is by its speed.
    moved = [(fix[0], *alike(minimiser, fix, under), fix[3], fix[4], 1_234_567, 2, 4) for fix in fixes]
    assert sealed(moved, under) == sealed(fixes, under)


@of_every(cases())
def test_what_happens_in_a_zone_changes_no_envelope(case: tuple[tuple[Fix, ...], Directive]) -> None:
    """Another way through it, at another speed, in other accuracy: header by header and byte by byte the same."""
    fixes, under = case
    assume(under.zones)

    def elsewhere(fix: Fix) -> Fix:
        row, col = cells.cell_of(*fix[1:3], cells.CELL_1KM)
        if (row, col) not in under.zones:
            return fix
        return (fix[0], *cells.centre_e7(row, col, cells.CELL_1KM), 3_000, fix[4], 77, 3, 5)

    assert sealed([elsewhere(fix) for fix in fixes], under) == sealed(fixes, under)


def alike(minimiser: Minimiser, fix: Fix, under: Directive) -> tuple[int, ...]:
    """Another position that is told alike and lies in the same zones, near enough for no jump; the same if there is none."""
    if under.precision > 4:
        return fix[1:3]

    def told(lat_e7: int, lon_e7: int) -> tuple[Any, ...]:
        entry = (fix[0], *cells.cell_of(lat_e7, lon_e7, under.precision), 3)
        blurred = minimiser._blur.entry(entry) if minimiser._blur else entry
        return (*blurred[1:3], cells.cell_of(lat_e7, lon_e7, cells.CELL_1KM) in under.zones)

    for north, east in ((200, 200), (-200, 200), (200, -200), (-200, -200), (5, 5), (-5, -5)):
        at = (fix[1] + north, fix[2] + east)
        if told(*at) == told(*fix[1:3]):
            return at
    return fix[1:3]


def test_the_comparison_is_not_an_empty_one() -> None:
    """A bus under plain directives: dozens of envelopes, positions with and without side fields, events."""
    fixes = TRACKS["bus"]
    base = DEFAULTS | {"issued_at": fixes[0][0], "lease_until": fixes[-1][0] + 1, "batch": 5}
    row, col = cells.cell_of(*fixes[60][1:3], 0)
    kinds = ({}, {"precision": 1}, {"fields": 1}, {"precision": 6, "places": [[1, row, col, 500]]})
    counts = [len(sealed(fixes, Directive.from_wire(list((base | changes).values())))) for changes in kinds]
    assert min(counts[:3]) > 20 and counts[3] >= 1
