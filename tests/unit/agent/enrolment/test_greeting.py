"""The server's answer on the desk: opened by the board's own keys, and nothing that it says is lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from agent.cli import build
from agent.enrolment import greeting, invited
from agent.enrolment.greeting import greet
from agent.errors import BoardRefused, EnrolmentFileError, LinkLost, NotProven
from tests.unit.agent.enrolment.bench import Bench, plugged
from tests.unit.agent.enrolment.pulling import SETTINGS
from tests.unit.agent.enrolment.server import Opened, Server

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[4] / "tests/conformance/vectors/answer.json").read_text())


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A board that nobody has enrolled, at the port "port"."""
    yield plugged(Bench(), monkeypatch)


@pytest.fixture
def enrolled(bench: Bench, tmp_path: Path) -> Opened:
    """What its server knows of it, now that it is."""
    server, out = Server(), tmp_path / "van.enrolment"
    invited.enrol("port", server.invitation, SETTINGS, out)
    return server.open(out)


@pytest.fixture
def answer(tmp_path: Path) -> Callable[..., Path]:
    """An answer's file."""

    def write(*envelopes: bytes) -> Path:
        path = tmp_path / "van.answer"
        path.write_bytes(greeting.MAGIC + b"".join(len(each).to_bytes(2, "big") + each for each in envelopes))
        return path

    return write


@pytest.mark.parametrize("case", VECTORS["valid"], ids=lambda case: case["name"])
def test_a_valid_answer_is_read(case: dict[str, Any], tmp_path: Path) -> None:
    """Each envelope, in its order."""
    path = tmp_path / "van.answer"
    path.write_bytes(bytes.fromhex(case["answer"]))
    assert [each.hex() for each in greeting.read(path)] == case["envelopes"]


@pytest.mark.parametrize("case", VECTORS["invalid"], ids=lambda case: case["name"])
def test_an_invalid_answer_is_refused(case: dict[str, Any], bench: Bench, tmp_path: Path) -> None:
    """Before the board is interrupted."""
    path = tmp_path / "van.answer"
    path.write_bytes(bytes.fromhex(case["answer"]))
    with pytest.raises(EnrolmentFileError, match="sync admit FILE --answer"):
        greet("port", path)
    assert bench.typed == []


def test_the_board_opens_its_servers_answer(bench: Bench, enrolled: Opened, answer: Callable[..., Path]) -> None:
    """As often as it is asked, until a contact has used the number up; nothing changes, and the board goes on each time."""
    path, started, before = answer(enrolled.verdict()), bench.started, bench.flash.raw()
    found = greet("port", path)
    assert (found.board.device, found.opened, found.known) == (enrolled.device, 1, 0)
    words = ["agent", "greet", "--port", "port", "--answer", str(path)]
    said = CliRunner().invoke(build(), words)
    assert (said.exit_code, said.output) == (
        0, f"the server has answered, and the board opened it (device {enrolled.device})\n",
    )  # fmt: skip
    assert (bench.started, bench.flash.raw()) == (started + 2, before)
    several = answer(enrolled.verdict(), enrolled.down([3, enrolled.made_s, bytes(8)], 1))
    figures = json.loads(CliRunner().invoke(build(), [*words[:-1], str(several), "--json"]).output)
    assert (figures["device"], figures["opened"], figures["known"]) == (enrolled.device, 2, 0)
    keys = bench.keys
    keys.down_key(0)
    keys.down_accept(0)
    assert greet("port", answer(enrolled.verdict())).known == 1
    said = CliRunner().invoke(build(), [*words[:-1], str(answer(enrolled.verdict()))])
    assert (said.exit_code, "has heard more of its server than this answer" in said.output) == (0, True)


def test_a_board_that_has_healed_is_no_failure(bench: Bench, enrolled: Opened, answer: Callable[..., Path]) -> None:
    """Behind its first contact it has other keys and opens this answer no more: that is said, for what it is, and nothing is
    claimed to be proven."""
    path = answer(enrolled.verdict())
    words = ["agent", "greet", "--port", "port", "--answer", str(path)]
    assert greet("port", path).opened == 1
    bench.keys.begin_generation(bytearray(range(160)))
    found = greet("port", path)
    assert (found.opened, found.known, found.board.generation) == (0, 1, 1)
    said = CliRunner().invoke(build(), words)
    assert (said.exit_code, "has had its first contact: its keys are newer" in said.output) == (0, True)
    figures = json.loads(CliRunner().invoke(build(), [*words, "--json"]).output)
    assert (figures["opened"], figures["known"], figures["generation"]) == (0, 1, 1)


@pytest.mark.parametrize("change", ["byte", "other device", "cut envelope"])
def test_another_answer_proves_nothing(
    bench: Bench, enrolled: Opened, answer: Callable[..., Path], change: str
) -> None:
    """Changed on the way, or another board's: exit code 10, what to do, and the right one still opens."""
    sound = enrolled.verdict()
    other = Opened("a" * 16, bytes(32), enrolled.first_epoch, enrolled.made_s, "esp32s3", "0.1.0", enrolled.hello)
    bad = {"byte": sound[:-1] + bytes([sound[-1] ^ 1]), "other device": other.verdict(), "cut envelope": sound[:-1]}
    with pytest.raises(NotProven, match=r"could not open the answer.*Take the answer that the server gave") as error:
        greet("port", answer(bad[change]))
    assert error.value.exit_code == 10
    assert greet("port", answer(sound)).opened == 1


def test_an_answer_without_a_hello_proves_nothing(bench: Bench, enrolled: Opened, answer: Callable[..., Path]) -> None:
    """Admitted without one, the server has nothing to answer; the board is not interrupted for it."""
    bench.typed.clear()
    with pytest.raises(NotProven, match="came without a hello; the first contact proves"):
        greet("port", answer())
    assert bench.typed == []


def test_a_board_that_is_no_device(bench: Bench, answer: Callable[..., Path]) -> None:
    """It is told to be enrolled first, and starts."""
    with pytest.raises(BoardRefused, match="no device yet; enrol it first"):
        greet("port", answer(bytes(40)))
    assert bench.started == 1


def test_cut_at_each_byte(bench: Bench, enrolled: Opened, answer: Callable[..., Path]) -> None:
    """The cable is pulled anywhere: nothing has changed, and the same command ends well."""
    path = answer(enrolled.verdict())
    bench.pull()
    greet("port", path)
    sent, heard = bench.sent, bench.heard
    for at, of in [*((n, "sent") for n in range(1, sent, 53)), *((n, "heard") for n in range(1, heard, 29))]:
        bench.pull(**{of: at})
        try:
            greet("port", path)
        except Exception as error:  # any other kind fails here
            assert type(error).__name__ in ("LinkLost", "NoPrompt")
        bench.plug()
        assert greet("port", path).opened == 1


def test_an_answer_of_the_board_in_garbage(bench: Bench, enrolled: Opened, answer: Callable[..., Path]) -> None:
    """It is lost, not guessed."""

    def garble(program: str) -> None:
        bench.noise = b"7" if "greet" in program else b""

    bench.before = garble
    with pytest.raises(LinkLost, match="same command again"):
        greet("port", answer(enrolled.verdict(250)))
