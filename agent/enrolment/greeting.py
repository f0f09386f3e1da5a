"""The server's sealed answer to a board's hello, opened by the board on the desk: proof that each holds the other's keys."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from agent.board.asking import Board, garbled, look, said
from agent.board.console import Console
from agent.board.programs import REACH
from agent.board.typed import GREET
from agent.enrolment.enrolment import going_on, hand
from agent.errors import BoardRefused, EnrolmentFileError, NotProven
from agent.files import read_bounded

MAGIC = b"byleave-answer-1\n"
MOST_ENVELOPES = 16  # a server answers a status with five at most: verdict, time, directive, healing, a release
MOST_ENVELOPE_BYTES = 1024  # docs/wire-format.md section 4
LIMIT_BYTES = len(MAGIC) + MOST_ENVELOPES * (2 + MOST_ENVELOPE_BYTES)
_ADMIT = "`byleave sync admit FILE --answer van.answer` writes one"


@dataclass(frozen=True)
class Greeting:
    """`opened`: envelopes that the board opened; `known`: those that a contact before has left behind, by their number or by
    newer keys."""

    board: Board
    opened: int
    known: int


def read(path: Path) -> list[bytes]:
    """The sealed envelopes of an answer's file, none of them a secret; none at all where a device was admitted without a hello.

    EnrolmentFileError for what is no answer.
    """
    data = read_bounded(path, limit_bytes=LIMIT_BYTES, instead=_ADMIT)
    if not data.startswith(MAGIC) or len(data) > LIMIT_BYTES:
        raise EnrolmentFileError(f"{path}: is no answer of a server; {_ADMIT}")
    at = len(MAGIC)
    envelopes: list[bytes] = []
    while at < len(data) and len(envelopes) < MOST_ENVELOPES:
        size = int.from_bytes(data[at : at + 2], "big")
        envelope = data[at + 2 : at + 2 + size]
        if not 0 < size == len(envelope) <= MOST_ENVELOPE_BYTES:
            break
        envelopes.append(envelope)
        at += 2 + size
    if at != len(data):
        raise EnrolmentFileError(f"{path}: is damaged; {_ADMIT}")
    return envelopes


def greet(port: str, path: Path) -> Greeting:
    """The board at `port` opens the answer, and starts. NotProven if it cannot; else any of agent.errors.

    Nothing is stored at the board: what the answer says comes again at the first contact, and is applied there.
    """
    envelopes = read(path)
    if not envelopes:
        raise NotProven(
            f"{path}: the server had nothing to answer, since the enrolment came without a hello; the first contact proves the "
            "keys, and nothing is lost"
        )
    with closing(Console(port)) as console, going_on(console):
        console.run(REACH)
        board = look(console)
        if not board.device:
            raise BoardRefused(f"{port}: the board is no device yet; enrol it first (`byleave agent enrol`)")
        console.hold()
        found = [_opened(console, each) for each in envelopes]
        console.restart()
    # It has other keys since its first contact, with which it opens no answer to a hello.
    if -1 in found and not board.generation:
        raise NotProven(
            f"{port}: the board, device {board.device}, could not open the answer: it was changed on the way, or is the "
            "answer to another board or to an earlier enrolment. Take the answer that the server gave for this one"
        )
    known = len([each for each in found if each <= 0])
    return Greeting(board, len(found) - known, known)


def _opened(console: Console, envelope: bytes) -> int:
    """Kind of the downlink, 0 if its number is used up, -1 if it does not open."""
    hand(console, envelope)
    values = said(console, GREET)
    if not isinstance(values, list) or len(values) != 1 or values[0] not in range(-1, 256):
        raise garbled(console)
    return int(values[0])
