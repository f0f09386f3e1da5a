"""Enrolment by invitation: the order of things, what is refused, and what is left when any of them is cut."""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.board import console
from agent.board.programs import REACH
from agent.board.typed import DIGEST, HELLO, INSTALL, LOOK, SHARE, WIPE
from agent.enrolment import invited, outcome, sealing
from agent.enrolment.sealing import Attempt
from agent.enrolment.settings import Settings, checked
from agent.errors import (
    AgentConfigError,
    AgentError,
    AlreadyEnrolled,
    BoardRefused,
    Garbled,
    LinkLost,
)
from tests.unit.agent.enrolment.bench import Bench, note_of, plugged
from tests.unit.agent.enrolment.pulling import FORMER, SETTINGS, Cut, flipped, sweep, twice, whole
from tests.unit.agent.enrolment.server import Server


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A board that nobody has enrolled, at the port "port"."""
    yield plugged(Bench(), monkeypatch)


@pytest.fixture(scope="module")
def server() -> Server:
    """Who has invited."""
    return Server(release_key=bytes(range(32)))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where the sealed enrolment goes."""
    return tmp_path / "van.enrolment"


def enrol(server: Server, out: Path, settings: Settings = SETTINGS, *, again: bool = False) -> str:
    """The device that the board at the port has become."""
    return invited.enrol("port", server.invitation, settings, out, again=again).device


def refuse(program: str) -> Callable[[str], None]:
    """At this program the board finds no room."""

    def fail(ran: str) -> None:
        if ran == program:
            raise MemoryError("memory allocation failed")

    return fail


def a_device(bench: Bench) -> None:
    """The board is somebody's."""
    bench.keys.enrol(FORMER, bytearray(range(32)), 0, 20_000, 20_000 * 86_400)


def test_board_and_file_are_of_one_device(bench: Bench, server: Server, out: Path) -> None:
    """The file opens with the server's key alone, and holds root, hello and what the board says of itself; no settings."""
    device = enrol(server, out)
    sealed = server.open(out)
    assert (sealed.device, sealed.board, sealed.version) == (device, "esp32s3", "0.1.0")
    assert bench.keys.device == device
    assert sealed.made_s // 86_400 == sealed.first_epoch == bench.keys.epoch
    assert sealed.status[0] == 1
    assert bench.settings["release_key"] == bytes(range(32)).hex()
    assert bench.settings["wifi"]["key"] == "depot1234"
    assert b"depot" not in out.read_bytes()
    assert sorted(out.parent.iterdir()) == [out]
    assert out.stat().st_mode & 0o777 == 0o600
    assert (bench.started, "e" in bench.scope) == (1, False)


def test_the_order_is_kept(bench: Bench, server: Server, out: Path) -> None:
    """The file is durable before the bytes go, without hello; it is replaced before the wipe; the wipe comes before the start."""
    seen: list[tuple[str, Any]] = []
    names = {
        REACH: "reach",
        LOOK: "look",
        SHARE: "share",
        DIGEST: "digest",
        INSTALL: "install",
        HELLO: "hello",
        WIPE: "wipe",
    }

    def watch(program: str) -> None:
        hello = server.open(out).hello if out.exists() else None
        seen.append((names.get(program, program[:4]), None if hello is None else bool(hello)))

    bench.before = watch
    enrol(server, out)
    assert seen == [
        ("reach", None),
        ("look", None),
        ("share", None),
        ("e = ", False),
        ("digest", False),
        ("install", False),
        ("look", False),
        ("hello", False),
        ("wipe", True),
        ("look", True),
    ]


def test_what_the_host_holds_is_overwritten(
    bench: Bench, server: Server, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root, the board's share, what is installed, its literal and the plaintext: zeros, each of them, also when it fails."""
    kept: list[bytearray] = []
    drawn, installation, literal = Attempt.drawn, Attempt.installation, invited.become.__globals__["literal"]

    def keep(made: bytearray) -> bytearray:
        kept.append(made)
        return made

    def draw(*known: Any) -> Attempt:
        keep(known[1])
        attempt = drawn(*known)
        keep(attempt.root)
        assert any(attempt.root)
        return attempt

    monkeypatch.setattr(Attempt, "drawn", draw)
    monkeypatch.setattr(Attempt, "installation", lambda self, text: keep(installation(self, text)))
    monkeypatch.setitem(invited.become.__globals__, "literal", lambda data: keep(literal(data)))
    pack_into = sealing.pack_into
    monkeypatch.setattr(sealing, "pack_into", lambda to, *values: pack_into(keep(to), *values))
    enrol(server, out)
    assert len(kept) == 7  # share, root, twice the plaintext, the installation as two, its literal
    assert not any(any(each) for each in kept)
    kept.clear()
    bench.before = refuse(INSTALL)
    with pytest.raises(BoardRefused):
        enrol(server, out, again=True)
    assert len(kept) == 6
    assert not any(any(each) for each in kept)


def test_either_side_alone_makes_the_keys_random(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    """With the same bytes of the one, those of the other make another root and another pseudonym; with both the same, the same."""

    def of(host: int, board: int) -> tuple[str, bytes]:
        monkeypatch.setattr(sealing.os, "urandom", lambda n: random.Random(host).randbytes(n))
        share = bytearray(random.Random(board).randbytes(42))
        made = Attempt.drawn(server.invitation, share, "esp32s3", "0.1.0", 1_780_000_000)
        assert not any(share)
        return made.device, bytes(made.root)

    assert of(1, 2) == of(1, 2)
    for other in (of(1, 3), of(3, 2)):
        assert other[0] != of(1, 2)[0]
        assert other[1] != of(1, 2)[1]
    assert repr(Attempt.drawn(server.invitation, bytearray(42), "b", "v", 1)).count("root") == 0


def test_somebodys_device_stays_it(bench: Bench, server: Server, out: Path) -> None:
    """Without --again it goes on with its work, and no file is made; with it, it is replaced."""
    a_device(bench)
    with pytest.raises(AlreadyEnrolled, match=f"device {FORMER} already.*--again"):
        enrol(server, out)
    assert (bench.keys.device, bench.started, INSTALL in bench.typed) == (FORMER, 1, False)
    assert list(out.parent.iterdir()) == []
    assert enrol(server, out, again=True) == bench.keys.device != FORMER
    # Its program had started the watchdog, which would bite while the board erases.
    assert bench.typed.index(console._HOLD) < bench.typed.index(INSTALL)


def test_a_finished_file_is_not_made_anew_by_mistake(bench: Bench, server: Server, out: Path) -> None:
    """It is all that says the keys of its board; --again ends what the board is, and the file with it."""
    first = enrol(server, out)
    before, bench.typed = out.read_bytes(), []
    with pytest.raises(AlreadyEnrolled, match=r"is finished.*sync admit.*--again") as error:
        enrol(server, out)
    assert error.value.exit_code == 7
    assert (out.read_bytes(), bench.typed) == (before, [])
    assert enrol(server, out, again=True) == server.open(out).device != first


def test_settings_of_another_board_change_nothing(bench: Bench, server: Server, out: Path) -> None:
    """They are refused once the board has said what it is, and it goes on."""
    other = checked({**SETTINGS.values, "board": "pico_w"})
    with pytest.raises(AgentConfigError, match="board is not the board that was found, esp32s3"):
        enrol(server, out, other)
    assert (bench.started, bench.keys.enrolled, list(out.parent.iterdir())) == (1, False, [])
    modem = checked({"modem": {"chip": "sim7080g"}, "broker": SETTINGS.values["broker"]})
    bench.NAME = "pico_w"  # type: ignore[misc]
    with pytest.raises(AgentConfigError, match="modem must be on one of"):
        enrol(server, out, modem)
    other_key = checked({**SETTINGS.values, "release_key": "0f" * 32})
    with pytest.raises(AgentConfigError, match="release_key is not the key that the invitation names"):
        enrol(server, out, other_key)
    assert enrol(server, out)


@pytest.mark.parametrize("what", ["text", "other", "link", "folder", "no folder"])
def test_nothing_else_is_overwritten(bench: Bench, server: Server, out: Path, what: str) -> None:
    """A file of another kind, another invitation's enrolment, a link, a folder: refused before the board is interrupted."""
    if what == "text":
        out.write_text("my notes")
    elif what == "other":
        enrol(Server(), out)
        bench.typed.clear()
    elif what == "link":
        enrol(server, out.parent / "real")
        bench.typed.clear()
        out.symlink_to(out.parent / "real")
    elif what == "folder":
        out.mkdir()
    else:
        out = out.parent / "gone" / "van.enrolment"
    there = sorted(path.name for path in out.parent.parent.rglob("*"))
    said = {
        "text": "is no enrolment, and is not overwritten; choose another --out",
        "other": "is the enrolment of another invitation, and is not overwritten; choose another --out",
        "link": "is something else .*; choose another --out",
        "folder": "is no enrolment, and is not overwritten; choose another --out",
        "no folder": "cannot be written .*; choose a folder of yours with room",
    }
    with pytest.raises(AgentError, match=said[what]):
        enrol(server, out, again=True)
    assert bench.typed == []
    assert sorted(path.name for path in out.parent.parent.rglob("*")) == there


def test_two_commands_do_not_share_a_file(bench: Bench, server: Server, out: Path) -> None:
    """While one is at work the other is told so, and its board is not interrupted."""
    with (
        outcome.Outcome.opened(out, server.id),
        pytest.raises(AgentError, match="another command enrols into the same file"),
    ):
        enrol(server, out)
    assert bench.typed == []
    assert enrol(server, out)


@pytest.mark.parametrize("at", [1, 2])
def test_a_full_disk(bench: Bench, server: Server, out: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """Before the keys go, the board stays what it was; at the hello it is wiped and told; once there is room, it ends well."""
    write, calls = outcome.write_private, []

    def full(path: Path, data: bytes) -> None:
        calls.append(path)
        if len(calls) == at:
            raise AgentError(f"{path}: cannot be written (No space left on device)")
        write(path, data)

    monkeypatch.setattr(outcome, "write_private", full)
    with pytest.raises(AgentError, match="No space"):
        enrol(server, out)
    assert bench.keys.enrolled is (at == 2)
    assert "e" not in bench.scope
    assert enrol(server, out) == bench.keys.device == server.open(out).device


@pytest.mark.parametrize("program", [SHARE, INSTALL, HELLO], ids=["share", "install", "hello"])
def test_a_board_that_refuses(bench: Bench, server: Server, out: Path, program: str) -> None:
    """An error at the board: nothing of it is left in its memory, it starts, and the same command ends well."""
    bench.before = refuse(program)
    with pytest.raises(BoardRefused, match="the board says: MemoryError"):
        enrol(server, out)
    assert "e" not in bench.scope
    bench.before = lambda ran: None
    assert enrol(server, out) == bench.keys.device == server.open(out).device


def hello_answer(digits: str) -> list[str]:
    """A hello, if it were one, with its right digest."""
    return [digits, hashlib.sha256(bytes.fromhex(digits) if len(digits) % 2 == 0 else b"").hexdigest()]


@pytest.mark.parametrize("program", [LOOK, SHARE, DIGEST, HELLO], ids=["look", "share", "digest", "hello"])
@pytest.mark.parametrize("garbage", [b'{"', b"\x04", b"\x00\xff>", b"[1"], ids=["quote", "end", "binary", "bracket"])
def test_an_answer_in_garbage(bench: Bench, server: Server, out: Path, program: str, garbage: bytes) -> None:
    """What is not understood is lost, never guessed; the same command ends well."""

    def garble(ran: str) -> None:
        bench.noise = garbage if ran == program else b""

    bench.before = garble
    with pytest.raises((LinkLost, BoardRefused)) as error:
        enrol(server, out)
    assert re.search('same command again|the board says: \\["esp32s3', str(error.value))
    assert not re.search("[0-9a-f]{20}", str(error.value))
    bench.plug()
    bench.before, bench.noise = lambda ran: None, b""
    assert enrol(server, out) == bench.keys.device == server.open(out).device
    assert server.open(out).status


@pytest.mark.parametrize(
    ("program", "answer"),
    [
        (SHARE, ["00" * 41, "0.1.0"]),
        (SHARE, ["00" * 42, ""]),
        (SHARE, ["00" * 42, "0.1.0-" + "x" * 11]),
        (SHARE, ["00" * 42, "\x1b[2J"]),
        (SHARE, ["zz" * 42, "0.1.0"]),
        (SHARE, [7, "0.1.0"]),
        (HELLO, hello_answer("")),
        (HELLO, hello_answer("00" * 1025)),
        (HELLO, hello_answer("0")),
        (HELLO, ["00" * 90, "00" * 32]),
        (HELLO, ["00" * 90, None]),
        (HELLO, [None, ""]),
        (HELLO, None),
        (DIGEST, hashlib.sha256().hexdigest()),
        (DIGEST, None),
        (LOOK, ["esp32s3", "", 0]),
        (LOOK, ["esp32s3", "", "0", 0]),
        (LOOK, {}),
    ],
)
def test_an_answer_of_another_form(bench: Bench, server: Server, out: Path, program: str, answer: Any) -> None:
    """A share too short, a release without a name, a hello longer than any envelope: lost, and the command can be given again."""
    run = console.Console.run
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            console.Console, "run", lambda self, code: json.dumps(answer) if code == program else run(self, code)
        )
        with pytest.raises(LinkLost, match=r"garbled.*same command again"):
            enrol(server, out)
    assert enrol(server, out) == server.open(out).device


def test_a_board_that_prints_lines_of_its_own(bench: Bench, server: Server, out: Path) -> None:
    """What it logs before each answer is passed over."""
    bench.noise = b"wifi: beacon timeout\r\n\xff\xfe\x00[1, 2]\r\n"
    assert enrol(server, out) == server.open(out).device


def test_a_board_that_talks_while_it_is_written(tmp_path: Path) -> None:
    """A letter of its own among the host's bytes: nothing is half, and the next try ends well."""
    sent = whole(tmp_path).sent
    ended = sweep(tmp_path, (Cut(talks=n) for n in range(1, sent, 97)))
    assert ended["nothing"] + ended["a file"] + ended["a device"] > 5


def test_complete_is_not_made_anew(bench: Bench, server: Server, out: Path) -> None:
    """Cut behind the hello, where the file may be on its way to the server already: the next try wipes and starts, no more."""

    def gone(program: str) -> None:
        bench.away = program == WIPE

    bench.before = gone
    with pytest.raises(LinkLost, match=r"same command again.*take all its power away"):
        enrol(server, out)
    before, device = out.read_bytes(), bench.keys.device
    assert server.open(out).hello
    bench.plug()
    bench.typed.clear()
    bench.before = lambda program: None
    assert enrol(server, out) == device
    assert INSTALL not in bench.typed
    assert bench.typed.index(console._HOLD) < bench.typed.index(WIPE)
    assert out.read_bytes() == before
    assert not note_of(out).exists()


def test_a_note_that_was_cut(bench: Bench, server: Server, out: Path) -> None:
    """Half a line of it, or half its head, is no line; the next try goes on behind it, and is known by the one after."""
    for left in range(70):
        out.unlink(missing_ok=True)
        note_of(out).write_text((f"byleave-unfinished-1 {server.id.hex()}\ntried {'a' * 16}\n")[:left])
        with outcome.Outcome.opened(out, server.id) as one:
            one.begin("b" * 16, sealing.MAGIC + server.id)
        with outcome.Outcome.opened(out, server.id) as one:
            assert "b" * 16 in one.tried
            assert one.tried <= {"a" * 16, "b" * 16}
            assert (one.complete, one.finished) == ("", False)
            one.replace("b" * 16, sealing.MAGIC + server.id)
        with outcome.Outcome.opened(out, server.id) as one:
            assert one.complete == "b" * 16
            one.finish()
        assert not note_of(out).exists()


# --- cut everywhere; all places are in `python -m tests.benchmarks enrolment`


def test_cut_at_the_bytes_of_the_host(tmp_path: Path) -> None:
    """The cable is pulled behind every 17th byte that is sent, and around what ends a program."""
    sent = whole(tmp_path).sent
    ended = sweep(tmp_path, (Cut(sent=n) for n in (*range(1, sent, 17), *range(sent - 8, sent))))
    assert sum(ended.values()) - ended["through"] > sent // 17
    assert set(ended) >= {"nothing", "a file", "a device", "complete"}


def test_a_bit_that_the_line_changes(tmp_path: Path) -> None:
    """One bit of every 53rd byte of the host, and of every 29th of the board: noticed, or nothing that the board became; the keys
    that the file says and the settings that were given are the board's in the end."""
    one, rng = whole(tmp_path), random.Random(8)
    sent = [(n, None, 1 << rng.randrange(8)) for n in range(1, one.sent, 53)]
    heard = [(None, n, 1 << rng.randrange(8)) for n in range(1, one.heard, 29)]
    ended = flipped(tmp_path, sent + heard)
    assert ended["what the board heard came garble"] > 10
    assert ended["what the board said came garbled"] > 5


def test_a_bit_of_the_root_or_of_a_password(bench: Bench, server: Server, out: Path) -> None:
    """What the board took in is not what was typed: nothing of it is installed, and the same command ends well."""
    literal = invited.become.__globals__["literal"]
    for at in (b"depot1234", b"broker"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(
                invited.become.__globals__, "literal", lambda data, at=at: literal(data.replace(at, at[:-1] + b"5"))
            )
            with pytest.raises(Garbled, match="came garbled; see to the cable and give the same command again"):
                enrol(server, out)
        assert (bench.keys.enrolled, bench.settings, "e" in bench.scope) == (False, {}, False)
    assert enrol(server, out) == bench.keys.device


def test_cut_at_the_bytes_of_the_board(tmp_path: Path) -> None:
    """Behind every 9th byte that it answers."""
    heard = whole(tmp_path).heard
    ended = sweep(tmp_path, (Cut(heard=n) for n in range(1, heard, 9)))
    assert sum(ended.values()) - ended["through"] > heard // 10
    assert set(ended) >= {"nothing", "a file", "a device", "complete"}


@pytest.mark.parametrize("former", [False, True], ids=["new", "somebody's"])
def test_cut_with_its_power(tmp_path: Path, former: bool) -> None:
    """A board that lives on its cable: its power goes with each operation of its flash, before it or in its middle."""
    operations = whole(tmp_path, former=former).operations
    cuts = [Cut(operation=n, torn=torn) for n in range(operations) for torn in (False, True)]
    ended = sweep(tmp_path, cuts, former=former)
    assert sum(ended.values()) == 2 * operations
    assert ended["through"] == 0
    assert set(ended) >= {"a file", "a device"}


def test_cut_twice(tmp_path: Path) -> None:
    """The next try is cut too, at other places."""
    rng, sent = random.Random(8), whole(tmp_path).sent
    pairs = [(Cut(sent=rng.randrange(600, sent)), Cut(sent=rng.randrange(1, sent))) for _ in range(40)]
    ended = twice(tmp_path, pairs)
    assert sum(ended.values()) - ended["through"] > 30
