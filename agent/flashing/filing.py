"""Files of a release on a board's file system: sent, read back by their hash, and put in place by one renaming."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from agent.board import answers
from agent.board.console import Console
from agent.errors import BoardRefused, NotProven
from agent.flashing import framing, writing
from agent.flashing.released import Release

Show = Callable[[str, int, int], None]  # what is being done, how much of it is, of how much (0: nobody knows)
_BLOCK_BYTES = 4096  # littlefs gives each file whole ones, and each folder two


@dataclass(frozen=True)
class Sent:
    """What of a release went to a board, and what it is there: `way` "slot" or "files". `line_bytes`: all that the line carried
    for it."""

    way: str
    slot: int | None
    sent_bytes: int
    total_bytes: int
    line_bytes: int


class Sending:
    """Pieces to one board, each held against what the board says of it. `line_bytes`: what went over the line for them."""

    def __init__(self, console: Console, packed: bool, show: Show) -> None:
        self._console, self._packed, self._show = console, packed, show
        self.line_bytes = 0

    def send(self, code: str, pieces: list[tuple[int, bytes]], what: str) -> None:
        """Nothing for no piece. NotProven at the first that the board has otherwise."""
        if not pieces:
            return
        total, done = sum(len(data) for _, data in pieces), 0
        self._show("sending", 0, total)
        line = self._line(pieces)
        answers = self._console.hand_over(code, line, last=framing.end(), answer_bytes=framing.ANSWER_BYTES)
        for (number, data), answer in zip(pieces, self._checked(answers), strict=True):
            if answer != framing.answer(data):
                raise NotProven(
                    f"{self._console.port}: {what} {number} arrived or was stored with other bytes, or the board printed "
                    "something by itself; try another cable, and give the same command again"
                )
            done += len(data)
            self._show("sending", done, total)

    def _line(self, pieces: list[tuple[int, bytes]]) -> Iterator[bytes]:
        for number, data in pieces:
            framed = framing.piece(number, data, packed=self._packed)
            self.line_bytes += len(framed)
            yield framed

    def _checked(self, answers: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from answers
        except BoardRefused as error:
            if "disturbed" in str(error):
                raise NotProven(
                    f"{self._console.port}: bytes were changed on the line; try another cable, and give the same command again"
                ) from None
            raise


def own_file(console: Console, name: str, data: bytes, *, packed: bool) -> None:
    """Makes a file of the board's root hold this, if it does not: beside it first, then by renaming. After writing.FILES."""
    if hashes(console, [name]).get(name) == _digest(data):
        return
    new = name + ".new"
    console.run(writing.TAKE)
    Sending(console, packed, _unseen).send(writing.WRITE_FILES.format(names=repr([new])), _pieces([data]), "file")
    if hashes(console, [new]).get(new) != _digest(data):
        raise NotProven(f"{console.port}: {name} cannot be stored: it reads back otherwise")
    console.run(writing.REPLACE.format(new=repr(new), old=repr(name)))


def send_files(console: Console, release: Release, start: str, *, packed: bool, show: Show) -> Sent:
    """What was sent. The release gets a folder of its own, and starts once the start file names it; `start`: what it names now."""
    console.run(writing.FILES)
    place = f"/release-{release.folder_digest[:12]}"
    wanted = {f"{place}/{name}": data for name, data in release.files.items() if name != "main.py"}
    console.run(writing.TIDY.format(kept=repr([place, start])))
    there = hashes(console, [], place)
    missing = {name: data for name, data in wanted.items() if there.get(name) != _digest(data)}
    _check_room(console, missing)
    console.run(writing.TAKE)
    names = list(missing)
    sending = Sending(console, packed, show)
    sending.send(writing.WRITE_FILES.format(names=repr(names)), _pieces(missing.values()), "file")
    show("reading back", 0, 0)
    if hashes(console, [], place) != {name: _digest(data) for name, data in wanted.items()}:
        raise NotProven(f"{console.port}: {place} holds other bytes than were sent; give the same command again")
    own_file(console, "/start", place.encode(), packed=packed)
    own_file(console, "/main.py", release.files["main.py"], packed=packed)
    console.run(writing.TIDY.format(kept=repr([place])))
    return Sent("files", None, sum(map(len, missing.values())), sum(map(len, wanted.values())), sending.line_bytes)


def hashes(console: Console, names: list[str], place: str = "") -> dict[str, str]:
    """SHA-256 by name: of these files as far as they are there, and of all below `place`."""
    said = console.run(writing.HASHES.format(names=repr(names), place=repr(place)))
    try:
        told = answers.parsed(said)
        if not isinstance(told, dict):
            raise ValueError("no hashes")
    except ValueError:
        raise unreadable(console) from None
    return {str(name): str(value) for name, value in told.items()}


def unreadable(console: Console) -> NotProven:
    """What the board answers is no answer."""
    return NotProven(
        f"{console.port}: the board's answer cannot be read; press its reset button and give the same command again"
    )


def _check_room(console: Console, files: dict[str, bytes]) -> None:
    folders = {name.rpartition("/")[0] for name in files}
    blocks = sum(-(-len(data) // _BLOCK_BYTES) for data in files.values()) + 2 * len(folders) + 4
    try:
        free = answers.number(answers.parsed(console.run("s = os.statvfs('/')\nprint(s[0] * s[3])")))
    except ValueError:
        raise unreadable(console) from None
    if free < blocks * _BLOCK_BYTES:
        raise BoardRefused(
            f"{console.port}: its file system has {free} bytes free, and the release needs {blocks * _BLOCK_BYTES}; "
            "remove files of yours, or use a build with ROMFS (docs/wiring.md, Flash)"
        )


def _pieces(contents: Iterable[bytes]) -> list[tuple[int, bytes]]:
    size = framing.BLOCK_BYTES
    return [(i, data[at : at + size]) for i, data in enumerate(contents) for at in range(0, len(data), size)]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _unseen(what: str, done: int, total: int) -> None:
    """Small files are there at once."""
