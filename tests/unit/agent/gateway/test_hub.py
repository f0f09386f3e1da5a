"""The core as a whole: many ports, floods, claims to another's name, a card that is slow, a clean stop, a blind gateway."""

from __future__ import annotations

import ast
import sqlite3
import tracemalloc
from pathlib import Path

import pytest

import agent.gateway
from agent.gateway import frames
from agent.gateway.frames import Frame, pack
from agent.gateway.limits import Bucket, Limits
from tests.unit.agent.gateway.bench import A, B, C, Clock, Line, Rig, drained, kinds, spool_at

ON_DISK = ("spool", "spoolfile", "medium", "aside")
CORE = ("frames", "limits", "contact", "downs", "rotation", "room", "rows", *ON_DISK, "forward", "hub")


# --- limits


def test_a_bucket_gives_its_rate_and_its_burst() -> None:
    """Never more than the burst, all or nothing, and a clock that goes back changes nothing."""
    clock = Clock()
    bucket = Bucket(10.0, 20.0, clock)
    assert bucket.take(20) and not bucket.take(1)
    clock.pass_s(0.5)
    assert not bucket.take(6) and bucket.take(5)
    clock.pass_s(-100)
    assert not bucket.take(1)
    clock.pass_s(1000)
    assert bucket.take(20) and not bucket.take(1)


def test_a_faster_line_may_bring_more(tmp_path: Path) -> None:
    """In proportion; a slower one is allowed as much, and what is counted by contacts stays."""
    assert Limits().at(921_600).up_bytes_s == 8 * Limits().up_bytes_s
    assert Limits().at(9600) == Limits()
    assert Limits().at(921_600).hellos_min == Limits().hellos_min


@pytest.mark.parametrize("size", [60, 1024])
def test_a_line_that_is_full_meets_no_limit(tmp_path: Path, size: int) -> None:
    """Twenty seconds of envelopes at 11 520 bytes a second, the smallest and the largest: each is accepted."""
    rig = Rig(tmp_path, most_bytes=4 << 20)
    line = rig.line()
    line.hello(A)
    sent = accepted = 0
    each = len(pack(frames.UP, 1, bytes(range(1, 251)) * (size // 250) + bytes(size % 250)))
    while sent * each < 20 * 11_520:
        sent += 1
        line.contact.heard(pack(frames.UP, sent % 65_535 + 1, sent.to_bytes(size, "big")))
        rig.turn(each / 11_520)
        rig.broker.answer()
        accepted += kinds(line.heard()).count(frames.ACCEPTED)
    rig.turn(1)
    assert accepted + kinds(line.heard()).count(frames.ACCEPTED) == sent


def test_a_flood_is_bounded_and_the_others_are_not_held_up(tmp_path: Path) -> None:
    """A port with twenty times what a line carries: it gets its rate, another gets all of its own, and what was over the
    limit is accepted when it is said again after 8 s."""
    rig = Rig(tmp_path, most_bytes=8 << 20)
    flood, calm = rig.line("flood"), rig.line("calm")
    flood.hello(A)
    calm.hello(B)
    for n in range(150):
        for k in range(20):
            flood.contact.heard(pack(frames.UP, 1, (20 * n + k).to_bytes(1024, "big")))
        if n % 10 == 0:
            calm.say(frames.UP, n + 1, n.to_bytes(1024, "big"))
        rig.turn(1024 / 11_520)
        rig.broker.answer()
        flood.heard()
    rig.turn(1)
    assert calm.contact.counts["said_accepted"] == 15
    limits = Limits()
    passed_s = 150 * 1024 / 11_520 + 1
    assert flood.contact.counts["said_accepted"] * 1024 <= limits.up_bytes_s * passed_s + limits.up_burst_bytes
    assert flood.contact.counts["said_accepted"] > 150
    assert flood.contact.counts["limited_bytes"] + 1024 * flood.contact.counts["limited_up"] > 2_500_000
    rig.turn(8)
    flood.say(frames.UP, 1, (2_999).to_bytes(1024, "big"), again=True)
    rig.turn(1)
    assert kinds(flood.heard()) == [frames.ACCEPTED]


def test_noise_without_end_costs_no_more_than_twice_a_line(tmp_path: Path) -> None:
    """A port that is no UART sends a megabyte a second: most of it is not looked at, and a device's frame is found after."""
    rig = Rig(tmp_path)
    line = rig.line()
    for _ in range(250):
        line.contact.heard(b"\1" * 4095 + b"\0")
        rig.turn(0.004)
    assert line.contact.counts["limited_bytes"] > 800_000
    rig.turn(3)
    line.contact.heard(b"\0")
    assert kinds(line.hello(A)) == [frames.WELCOME]


def test_hellos_and_pseudonyms_are_bounded(tmp_path: Path) -> None:
    """Each is a connection and a session at the broker: six at once, twelve a minute; twenty names, then one a minute."""
    rig = Rig(tmp_path)
    line = rig.line()
    assert [len(line.hello(A)) for _ in range(8)] == [1] * 6 + [0] * 2
    assert line.contact.counts["limited_hello"] == 2
    rig.pass_s(5)
    assert len(line.hello(A)) == 1
    welcome = 0
    for n in range(720):
        rig.pass_s(5)
        name = "".join("abcdefghijklmnopqrstuvwxyz234567"[n >> 5 * k & 31] for k in range(16))
        welcome += len([frame for frame in line.hello(name) if frame.kind == frames.WELCOME])
    assert 70 <= welcome <= 82
    assert len(rig.hub._listeners) == len(rig.hub._downs) == 1
    rig.pass_s(120)
    assert kinds(line.hello(A)) == [frames.WELCOME], "and the port is not shut for good"


def test_limits_that_are_set_to_nothing_shut_no_port(tmp_path: Path) -> None:
    """Bursts below what comes at once are taken for as much: slow, and not for ever."""
    rig = Rig(
        tmp_path,
        limits=Limits(up_burst_bytes=1, raw_burst_bytes=1, burst_frames=0.1, burst_hellos=0.1, burst_changes=0.1),
    )
    line = rig.line()
    assert kinds(line.hello(A)) == [frames.WELCOME]
    rig.turn(1)
    line.contact.heard(pack(frames.UP, 1, b"\x55" * 1024) + bytes(4096 - 1040))
    rig.turn()
    assert kinds(line.heard()) == [frames.ACCEPTED]


def test_a_port_that_takes_nothing_is_not_talked_to_without_end(tmp_path: Path) -> None:
    """16 KiB wait for it; what is beyond is said again when it listens."""
    rig = Rig(tmp_path)
    line = rig.line()
    line.hello(A)
    line.say(frames.BYE)
    line.contact.heard(pack(frames.HELLO, 0, b"\1" + A.encode()))
    for n in range(8):
        rig.hub.downlink(A, n, bytes((n + 1,)) * 1024, False)
    for _ in range(400):
        line.contact.heard(pack(frames.PING))
        rig.turn(0.01)
    rig.pass_s(3000)
    assert len(line.contact.outgoing()) <= 16_384


def test_a_frame_that_did_not_fit_is_said_later(tmp_path: Path) -> None:
    """A DOWN for which there was no room keeps its number and its turn."""
    rig = Rig(tmp_path)
    line = rig.line()
    line.hello(A)
    for _ in range(1600):
        line.contact._say(frames.PONG, 0, b"\1")
    rig.hub.downlink(A, 1, b"x" * 1024, False)
    assert line.contact.counts["limited_out"] > 0
    assert frames.DOWN not in kinds(line.heard())
    rig.pass_s(1)
    assert line.heard() == [Frame(frames.DOWN, 1, b"x" * 1024)]


# --- claims


def test_who_claims_a_name_at_another_port_cuts_nobody_off(tmp_path: Path) -> None:
    """Both are told the downlinks and the first TAKEN counts; the one who leaves takes nothing with it."""
    rig = Rig(tmp_path)
    true, false = rig.line("ttyUSB0"), rig.line("ttyUSB1")
    true.hello(A)
    rig.hub.downlink(A, 1, b"one", False)
    assert kinds(false.hello(A)) == [frames.WELCOME, frames.DOWN]
    assert rig.broker.listening == {A: 1}
    assert true.heard() == [Frame(frames.DOWN, 1, b"one")]
    false.say(frames.TAKEN, 1)
    assert rig.broker.acknowledged == [(A, 1)]
    rig.pass_s(5)
    assert true.heard() == [Frame(frames.DOWN, 1, b"one", True)], "taken elsewhere is not taken here"
    true.say(frames.TAKEN, 1)
    assert rig.broker.acknowledged == [(A, 1)]
    false.say(frames.BYE)
    assert rig.broker.listening == {A: 1}
    rig.hub.downlink(A, 2, b"two", False)
    assert true.heard() == [Frame(frames.DOWN, 2, b"two")]


def test_a_copied_envelope_does_not_stand_in_the_way_of_the_true_one(tmp_path: Path) -> None:
    """Another pseudonym that says it first says it under its own topic; the device's own goes to the device's."""
    rig = Rig(tmp_path)
    false, true = rig.line("ttyUSB1"), rig.line("ttyUSB0")
    false.hello(B)
    true.hello(A)
    false.say(frames.UP, 1, b"envelope")
    true.say(frames.UP, 1, b"envelope")
    rig.turn()
    assert kinds(true.heard()) == [frames.ACCEPTED]
    assert sorted(rig.broker.published) == [(A, b"envelope"), (B, b"envelope")]


def test_a_port_that_fills_the_spool_leaves_room_for_the_others(tmp_path: Path) -> None:
    """It is refused at half of it, with STATE 0; another port's device goes on."""
    rig = Rig(tmp_path, connected=False, most_bytes=400_000)
    flood, calm = rig.line("flood"), rig.line("calm")
    flood.hello(A)
    calm.hello(B)
    for n in range(170):
        flood.contact.heard(pack(frames.UP, n % 65_535 + 1, n.to_bytes(1024, "big")))
        rig.turn(0.1)
    assert flood.contact.device == "" and Frame(frames.STATE, 0, b"\0") in flood.heard()
    calm.say(frames.UP, 1, b"envelope")
    rig.turn()
    assert kinds(calm.heard()) == [frames.ACCEPTED] and rig.spool.size_bytes <= 201_300


# --- the disk


class SlowCard:
    """A connection whose commits take their time."""

    def __init__(self, db: sqlite3.Connection, clock: Clock, took_s: float) -> None:
        self._db, self._clock, self._took_s, self.commits = db, clock, took_s, 0

    def execute(self, statement: str, *values: object) -> sqlite3.Cursor:
        """sqlite3.Connection."""
        if statement == "COMMIT":
            self._clock.pass_s(self._took_s)
            self.commits += 1
        return self._db.execute(statement, *values)  # type: ignore[arg-type]

    def executemany(self, statement: str, values: list[tuple[object, ...]]) -> sqlite3.Cursor:
        """sqlite3.Connection."""
        return self._db.executemany(statement, values)


def test_a_slow_card_is_asked_less_often(tmp_path: Path) -> None:
    """Commits of 50 ms are 200 ms apart, so that ports are read in between."""
    rig = Rig(tmp_path, connected=False)
    line = rig.line()
    line.hello(A)
    card = SlowCard(rig.spool.medium.db, rig.clock, 0.05)
    rig.spool.medium.db = card  # type: ignore[assignment]
    begun_s, n = rig.clock.now_s, 0
    while rig.clock.now_s < begun_s + 5:
        n += 1
        line.say(frames.UP, n, n.to_bytes(20, "big"))
        rig.turn(0.01)
        line.heard()
    assert 19 <= card.commits <= 26
    rig.turn(0.5)
    assert line.contact.counts["said_accepted"] == n


def test_a_full_disk_refuses_and_goes_on(tmp_path: Path) -> None:
    """No ACCEPTED, STATE 0; the same envelope is accepted when there is room again, and what was before is still there."""
    rig = Rig(tmp_path, connected=False)
    line = rig.line()
    line.hello(A)
    line.say(frames.UP, 1, b"before")
    rig.turn()
    assert kinds(line.heard()) == [frames.ACCEPTED]
    pages = rig.spool.medium.db.execute("PRAGMA page_count").fetchone()[0]
    rig.spool.medium.db.execute(f"PRAGMA max_page_count = {pages}")
    for n in range(2, 10):
        line.say(frames.UP, n, bytes((n,)) * 1000)
    rig.turn()
    assert line.heard() == [Frame(frames.STATE, 0, b"\0")]
    assert line.hello(A) == [Frame(frames.WELCOME, 0, b"\0")]
    rig.spool.medium.db.execute("PRAGMA max_page_count = 100000")
    rig.pass_s(70)
    assert Frame(frames.STATE, 0, b"\1") in line.heard()
    line.hello(A)
    line.say(frames.UP, 2, bytes((2,)) * 1000)
    rig.turn()
    assert kinds(line.heard()) == [frames.ACCEPTED]
    assert drained(rig.spool) == [(A, b"before"), (A, bytes((2,)) * 1000)]


# --- the rest


def test_a_port_that_is_pulled_takes_its_contact_with_it(tmp_path: Path) -> None:
    """What came is kept and answered to nobody; counts stay; plugged in again it begins anew."""
    rig = Rig(tmp_path)
    line = rig.line()
    line.hello(A)
    line.say(frames.UP, 1, b"envelope")
    rig.hub.detach(line.contact)
    rig.turn()
    assert line.heard() == [] and rig.broker.published == [(A, b"envelope")]
    assert rig.broker.listening == {A: 0} and rig.hub.figures()["frame_up"] == 1
    assert kinds(rig.line().hello(A)) == [frames.WELCOME]


def test_a_stop_answers_what_came_and_ends_contacts(tmp_path: Path) -> None:
    """ACCEPTED, then STATE 0, so that nobody waits; the next gateway has it all."""
    rig = Rig(tmp_path, connected=False)
    line = rig.line()
    line.hello(A)
    line.say(frames.UP, 1, b"envelope")
    rig.hub.close()
    assert line.heard() == [Frame(frames.ACCEPTED, 1, b""), Frame(frames.STATE, 0, b"\0")]
    assert drained(spool_at(tmp_path, Clock())) == [(A, b"envelope")]


def test_figures_name_no_device(tmp_path: Path) -> None:
    """Counts and gauges by fixed names, whatever a device is called."""
    rig = Rig(tmp_path)
    for n, name in enumerate((A, B, C)):
        line = rig.line(f"port-{n}")
        line.hello(name)
        line.say(frames.UP, 1, b"envelope")
    rig.turn()
    figures = rig.hub.figures()
    assert figures["contacts"] == figures["ports"] == figures["frame_hello"] == 3
    assert figures["published"] == figures["in_flight"] == figures["spool_envelopes"] == 3
    assert not any(name in key for key in figures for name in (A, B, C))


def test_nothing_in_the_gateway_can_open_an_envelope() -> None:
    """No module of it imports a cipher, nor anything that could bring one; the core takes of hashlib digests alone."""
    folder = Path(agent.gateway.__file__).parent
    assert {f"{name}.py" for name in CORE} <= {path.name for path in folder.glob("*.py")}
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            for name in names:
                assert name.split(".")[0] not in ("cryptography", "Crypto", "nacl", "hmac"), (path.name, name)
                assert not name.startswith("hashlib") or name == "hashlib.sha256", (path.name, name)


def test_the_core_touches_no_port_no_socket_and_no_clock() -> None:
    """Time is handed in; files are the spool's alone."""
    folder = Path(agent.gateway.__file__).parent
    for name in CORE:
        tree = ast.parse((folder / f"{name}.py").read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                of = node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name
                assert of.split(".")[0] not in (
                    "time",
                    "datetime",
                    "socket",
                    "select",
                    "selectors",
                    "threading",
                    "asyncio",
                )
                assert name in ON_DISK or of.split(".")[0] not in ("os", "sqlite3", "pathlib"), (
                    name,
                    of,
                )


def hour(rig: Rig, lines: list[Line], turn: int) -> None:
    """An hour of contacts a quarter of an hour apart: hello, envelopes, downlinks, a name that changes, noise, an outage."""
    for quarter in range(4):
        (rig.broker.down if (turn + quarter) % 5 == 0 else rig.broker.up)()
        for at, line in enumerate(lines):
            name = (A, B, C)[(turn + quarter) % 3][:15] + "abcdefgh"[at]
            line.hello(name)
            line.contact.heard(b"\xff" * 700)
            for k in range(3):
                n = ((turn * 4 + quarter) * 3 + k) * 100 + at
                line.say(frames.UP, n % 65_535 + 1, n.to_bytes(200, "big"))
            if rig.broker.listening[name]:
                rig.hub.downlink(name, turn % 65_535 + 1, b"sealed", False)
            rig.pass_s(2)
            for frame in line.heard():
                if frame.kind == frames.DOWN and quarter % 2:
                    line.say(frames.TAKEN, frame.number)
            if quarter != 2:
                line.say(frames.BYE)
        rig.broker.answer()
        rig.broker.published.clear()
        rig.broker.stored.clear()
        rig.broker.acknowledged.clear()
        rig.clock.pass_s(890)
        rig.hub.turn()


def test_memory_is_flat_over_half_a_day(tmp_path: Path) -> None:
    """The second six hours of four ports holds no more than the first (a week of 32: the benchmark `gateway_week`)."""
    rig = Rig(tmp_path)
    lines = [rig.line(f"port-{n}") for n in range(4)]
    for turn in range(3):
        hour(rig, lines, turn)
    tracemalloc.start()
    try:
        for turn in range(3, 6):
            hour(rig, lines, turn)
        first = tracemalloc.take_snapshot()
        for turn in range(6, 12):
            hour(rig, lines, turn)
        second = tracemalloc.take_snapshot()
    finally:
        tracemalloc.stop()
    grown = sum(
        stat.size_diff for stat in second.compare_to(first, "filename") if "agent/gateway" in str(stat.traceback)
    )
    assert grown < 20_000, grown
