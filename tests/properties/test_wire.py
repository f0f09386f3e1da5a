"""Properties of wire format 1 beyond any list of vectors; firmware, cloud_sync and the generator must agree."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cloud_sync.errors import CloudSyncError
from cloud_sync.model import EPOCH_SECONDS, Fix, Header, Precision
from cloud_sync.wire import batch, cells, codec, columns, directive, envelope, readings, status
from firmware.errors import FirmwareError
from firmware.wire import batch as firmware_batch
from firmware.wire import ccm as firmware_ccm
from firmware.wire import cells as firmware_cells
from firmware.wire import columns as firmware_columns
from firmware.wire import directive as firmware_directive
from firmware.wire import envelope as firmware_envelope
from firmware.wire import msgpack as firmware_msgpack
from tests.conformance import plain
from tests.conformance.test_firmware_replay import HostAes

EPOCH = 20_600
DEVICE = "abcdefghijklmnop"
METRES = {1: 100, 2: 1_000, 3: 10_000, 4: 100_000}  # what a cell is called
EQUATOR_M_PER_DEGREE = 111_319.49  # WGS 84: 2π·6378137 m / 360
ECCENTRICITY_2 = 0.00669438  # WGS 84


def holds(*strategies: Any) -> Any:
    """Hypothesis without its deadline: a busy machine is no defect."""
    return lambda test: settings(deadline=None)(given(*strategies)(test))


ints = st.integers(-(2**31), 2**32 - 1)
leaves = st.one_of(ints, st.binary(max_size=300), st.text(max_size=40))
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=20), max_leaves=40)
precisions = st.integers(0, 4)
lats = st.integers(-900_000_000, 900_000_000)
lons = st.integers(-1_800_000_000, 1_800_000_000)
# Numbers as they come (close together) and as an attacker would choose them.
series = st.one_of(
    st.lists(st.integers(-(2**30), 2**30 - 1), min_size=1, max_size=64),
    st.lists(st.integers(-300, 300), min_size=1, max_size=64),
    st.builds(
        lambda start, step, n: [start + i * step for i in range(n)],
        st.integers(0, 9999),
        st.integers(0, 99),
        st.integers(1, 64),
    ),
)


def depth(value: Any) -> int:
    """How deep arrays are nested in a value."""
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


def outcome(function: Any, *arguments: Any) -> Any:
    """What a call returns, or the one word `refused` if it raises an error of its package."""
    try:
        return function(*arguments)
    except (CloudSyncError, FirmwareError):
        return "refused"


@holds(values)
def test_messagepack_round_trip_and_agreement(value: Any) -> None:
    """Every value of the subset has one encoding, the same three times, and comes back."""
    assume(depth(value) <= 4)
    data = codec.pack(value)
    assert data == plain.pack(value) == firmware_msgpack.pack(value)
    assert codec.unpack(data) == value == firmware_msgpack.unpack(data)


@holds(values, st.integers(0, 10_000), st.integers(0, 255))
def test_changed_bytes_are_refused_alike(value: Any, place: int, byte: int) -> None:
    """One byte changed anywhere: both sides refuse, or both read the same value, which encodes to those very bytes."""
    assume(depth(value) <= 4)
    data = bytearray(plain.pack(value))
    data[place % len(data)] = byte
    hostile = bytes(data)
    read = outcome(codec.unpack, hostile)
    assert read == outcome(firmware_msgpack.unpack, hostile)
    assert read == "refused" or plain.pack(read) == hostile


@holds(st.binary(max_size=60))
def test_any_bytes_raise_nothing_foreign(data: bytes) -> None:
    """Arbitrary bytes raise the package's own error or are read; nothing else comes out of any reader."""
    assert outcome(codec.unpack, data) == outcome(firmware_msgpack.unpack, data)
    for reader in (envelope.parse_uplink, codec.unpack_padded):
        outcome(reader, data)
    for reader in (batch.unpack_location, status.read_status, readings.decode_environment):
        outcome(reader, data, EPOCH)


@holds(values)
def test_any_value_raises_nothing_foreign(value: Any) -> None:
    """Any well-formed value in the place of a directive, a batch, a status or an envelope is refused properly."""
    assume(depth(value) <= 4)
    data = codec.pack(value)
    assert outcome(directive.from_wire, value) == outcome(firmware_directive.Directive.from_wire, value) == "refused"
    for reader in (batch.unpack_location, batch.unpack_places, status.read_status, readings.decode_environment):
        assert outcome(reader, data, EPOCH) == "refused"
    assert outcome(firmware_batch.unpack_location, data, EPOCH) == "refused"
    assert outcome(envelope.parse_uplink, data) == "refused"


@holds(series)
def test_columns_round_trip_and_agreement(numbers: list[int]) -> None:
    """Every series comes back from its column, and all three senders write the same one, no longer than order 1."""
    column = columns.encode(numbers)
    assert column == plain.best_column(numbers) == firmware_columns.encode(numbers)
    assert columns.decode(column, len(numbers)) == numbers == firmware_columns.decode(column, len(numbers))
    assert len(plain.pack(column)) <= len(plain.pack(plain.column(numbers, 1)))


@holds(st.lists(ints, min_size=0, max_size=8), st.integers(1, 8))
def test_columns_refuse_alike(column: list[int], n: int) -> None:
    """Any list of integers is a column to both sides or to neither, with the same values, all within 32 bits."""
    read = outcome(columns.decode, column, n)
    assert read == outcome(firmware_columns.decode, column, n)
    assert read == "refused" or (len(read) == n and all(-(2**31) <= value < 2**31 for value in read))


@holds(lats, lons, precisions)
def test_cell_of_centre_is_the_cell(lat: int, lon: int, precision: int) -> None:
    """The centre of a position's cell lies in that cell, all three agree on it, and a receiver accepts it."""
    cell = cells.cell_of(lat, lon, precision)
    assert cell == plain.cell_of(lat, lon, precision) == tuple(firmware_cells.cell_of(lat, lon, precision))
    centre = cells.centre_e7(*cell, precision)
    assert centre == plain.centre_e7(*cell, precision) == tuple(firmware_cells.centre_e7(*cell, precision))
    assert cells.cell_of(*centre, precision) == cell


@holds(lats, lons, st.integers(1, 4))
def test_position_is_at_most_half_a_cell_from_the_centre(lat: int, lon: int, precision: int) -> None:
    """No position is further from its cell's centre than half the cell, the short way round the globe."""
    row, col = cells.cell_of(lat, lon, precision)
    centre_lat, centre_lon = cells.centre_e7(row, col, precision)
    step = cells.STEP_E7[precision]
    apart = abs(lon - centre_lon) % plain.TURN_E7
    assert abs(lat - centre_lat) <= step // 2
    assert min(apart, plain.TURN_E7 - apart) <= cells.width_e7(row, step) // 2


@holds(lats, st.integers(1, 4))
def test_no_cell_is_narrower_than_its_name(lat: int, precision: int) -> None:
    """The edge of a cell that is nearer to the pole is at least as long as the cell's name says (WGS 84)."""
    step = cells.STEP_E7[precision]
    row, _ = cells.cell_of(lat, 0, precision)
    width = cells.width_e7(row, step)
    assume(width < plain.TURN_E7)  # one cell around the pole
    edge = math.radians(max(abs(row), abs(row + 1)) * step / 1e7)
    metres_per_degree = EQUATOR_M_PER_DEGREE * math.cos(edge) / math.sqrt(1 - ECCENTRICITY_2 * math.sin(edge) ** 2)
    assert width / 1e7 * metres_per_degree >= METRES[precision]


@holds(st.integers(-10_000_000, 10_000_000), st.integers(-20_000_000, 20_000_000), precisions)
def test_cells_exist_alike(row: int, col: int, precision: int) -> None:
    """A cell exists for both sides or for neither; one that exists is the cell of its own centre."""
    read = outcome(cells.centre_e7, row, col, precision)
    assert read == outcome(firmware_cells.centre_e7, row, col, precision)
    assert read == "refused" or cells.cell_of(*read, precision) == (row, col)


def fixes(side: bool) -> st.SearchStrategy[list[list[int]]]:
    """1 to 64 firmware fixes of one day; with speed and course if `side`."""
    speed, course = (st.integers(0, 1_000_000), st.integers(0, 35_999_999)) if side else (st.just(-1), st.just(-1))
    time = st.integers(EPOCH * EPOCH_SECONDS - 60, EPOCH * EPOCH_SECONDS + 86_459)
    fix = st.tuples(time, lats, lons, st.integers(-1, 40_000_000), speed, course, st.just(3), st.just(9))
    return st.lists(fix.map(list), min_size=1, max_size=64)


@holds(st.booleans().flatmap(fixes), precisions)
def test_location_batches_agree(raw: list[list[int]], precision: int) -> None:
    """The firmware, the generator and the server write the same batch; what the server reads writes the same again."""
    plaintext = plain.pack(plain.location(precision, raw, EPOCH))
    entries = [firmware_batch.entry_of(tuple(fix), precision, True) for fix in raw]
    assert firmware_batch.pack_location(precision, entries, EPOCH) == plaintext
    read = batch.unpack_location(plaintext, EPOCH)
    assert [fix.time for fix in read] == [fix[0] - fix[0] % plain.TIME_STEPS_S[precision] for fix in raw]
    assert batch.pack_location(precision, read, EPOCH) == plaintext
    assert {fix.precision for fix in read} == {precision}
    assert precision == 0 or {(fix.speed_dm_s, fix.course_deg) for fix in read} == {(None, None)}


@holds(lats, lons, st.integers(0, 4_000), st.integers(0, 4_000), st.integers(1, 4))
def test_two_truths_in_one_cell_give_identical_bytes(lat: int, lon: int, south: int, west: int, precision: int) -> None:
    """Two positions up to 40 metres apart have the same plaintext exactly if they lie in the same cell."""
    near = (max(lat - south, -900_000_000), max(lon - west, -1_800_000_000))
    first, second = (
        batch.pack_location(precision, [Fix(EPOCH * EPOCH_SECONDS, *place, Precision.EXACT, 3)], EPOCH)
        for place in ((lat, lon), near)
    )
    assert (first == second) is (plain.cell_of(lat, lon, precision) == plain.cell_of(*near, precision))


headers = st.builds(
    Header,
    st.integers(0, 2**16 - 1),
    st.integers(1, 4),
    st.integers(0, 2**17 - 1),
    st.integers(0, 4095),
    st.integers(0, 2**31 - 1),
)
secrets = st.binary(min_size=32, max_size=32)
salts = st.binary(min_size=4, max_size=4)


@pytest.fixture(scope="module", autouse=True)
def host_aes() -> Any:
    """The firmware's cipher under CPython."""
    patch = pytest.MonkeyPatch()
    patch.setattr(firmware_ccm, "aes", HostAes)
    yield
    patch.undo()


@holds(headers, salts, secrets, st.binary(min_size=1, max_size=600))
def test_envelopes_agree_and_open(header: Header, salt: bytes, key: bytes, plaintext: bytes) -> None:
    """Firmware and server seal to the same bytes, whose header, digest and plaintext the server reads back."""
    data = envelope.seal_uplink(DEVICE, header, salt, key, plaintext)
    assert firmware_envelope.seal_uplink(DEVICE, tuple(header), salt, key, plaintext) == data
    parsed = envelope.parse_uplink(data)
    assert (parsed.header, parsed.salt, parsed.digest) == (header, salt, firmware_envelope.digest8(data))
    assert envelope.open_uplink(DEVICE, parsed, key) == plaintext


@holds(headers, salts, secrets, st.binary(min_size=1, max_size=60), st.integers(0, 10_000))
def test_one_flipped_bit_never_opens(header: Header, salt: bytes, key: bytes, plaintext: bytes, bit: int) -> None:
    """An envelope with any one bit flipped is refused, by its form or by its tag."""
    data = bytearray(envelope.seal_uplink(DEVICE, header, salt, key, plaintext))
    data[bit // 8 % len(data)] ^= 1 << bit % 8

    def read() -> bytes:
        return envelope.open_uplink(DEVICE, envelope.parse_uplink(bytes(data)), key)

    assert outcome(read) == "refused"


windows = st.tuples(st.integers(0, 1439), st.integers(1, 1440)).filter(lambda window: window[0] < window[1]).map(list)
wires = st.builds(
    lambda *fields: [fields[0], 10**9, 10**9 + fields[1], *fields[2:]],
    st.integers(1, 2**31 - 1),
    st.integers(0, 93 * 86_400),
    st.integers(0, 63),
    st.integers(1, 6),
    st.just(0),
    st.integers(1, 86_400),
    st.integers(1, 64),
    st.integers(1, 86_400),
    st.integers(3_600, 8_035_200),
    st.integers(60, 86_400),
    st.lists(st.sampled_from([[556, 62], [-18, -785], [0, 0]]), max_size=3),
    st.lists(windows, max_size=8),
    st.just([0] * 7),  # these four have properties of their own in test_directives.py
    st.just([]),
    st.just(0),
    st.just(0),
    st.sampled_from([b"", bytes(8)]),
)


@holds(wires, wires, st.sets(st.integers(0, 17), max_size=3))
def test_widening_agrees(current: list[Any], other: list[Any], changed: set[int]) -> None:
    """Device and server give the same answer on what widens, for a directive that differs in up to three fields."""
    new = [other[i] if i in changed else field for i, field in enumerate(current)]
    server_new, server_current = (directive.from_wire(value) for value in (new, current))
    device_new, device_current = (firmware_directive.Directive.from_wire(value) for value in (new, current))
    assert directive.to_wire(server_new) == new == device_new.to_wire()
    assert directive.widens(server_new, server_current) is device_new.widens(device_current)
    assert not directive.widens(server_new, server_new)


@holds(wires, st.lists(windows, min_size=1, max_size=4), st.data())
def test_a_quiet_minute_less_always_widens(wire: list[Any], quiet: list[list[int]], data: st.DataObject) -> None:
    """A directive that senses in one minute in which nothing was sensed widens, however its windows are cut."""
    start, end = data.draw(st.sampled_from(quiet))
    minute = data.draw(st.integers(start, end - 1))
    cut = [part for start, end in quiet for part in ([start, min(end, minute)], [max(start, minute + 1), end])]
    before, after = (
        directive.from_wire([*wire[:12], hours, *wire[13:]])
        for hours in (quiet, [part for part in cut if part[0] < part[1]])
    )
    assert directive.widens(after, before)
    assert not directive.widens(before, after)
