"""A release onto a board by its prompt: looked at first, only what differs is sent, every byte is read back, then it starts.

The board starts as what it was until one program of flash, or one renaming of a file, makes it what it becomes
(docs/decisions/0036-flashing-by-cable.md).
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from agent.board import answers, programs
from agent.board.console import Console
from agent.errors import AgentConfigError, AgentError, BoardRefused, LinkLost, NoPrompt, PortBusy, PortError
from agent.flashing import writing
from agent.flashing.filing import Sent, Show, send_files, unreadable
from agent.flashing.released import Release
from agent.flashing.slotting import send_image
from agent.release import make as releases
from agent.said.log import shown

# What os.uname() says of the machine, the longer words first (firmware/boards/__init__.py).
CHIPS = (("esp32s3", "ESP32S3"), ("esp32", "ESP32"), ("pico2_w", "RP2350"), ("pico_w", "RP2040"))
START_S = 3.0  # until a release that does not start has said so: two seconds to the app, and the image's hash
SETTLE_S = 2.0  # before a new MicroPython is spoken to: what comes while it makes its file system is not heard
BACK_S = 20.0  # until a board that got a new MicroPython has made its file system and is at its port again
ASK = "`byleave agent monitor` shows what it says"
FEED_S = 0.2  # how often the board hears of us while the release is compiled
# A release runs in 192 KiB where its bytecode lies in flash. As files its modules come into the heap, in time all of them
# (measured with those of a start: docs/decisions/0036-flashing-by-cable.md).
IN_PLACE_BYTES = 192 << 10


def quiet(what: str, done: int, total: int) -> None:
    """Shows nothing."""


def board_of(machine: str) -> str:
    """Name of the board by what its `os.uname()` says, "" for a chip that byleave has none with."""
    return next((name for name, chip in CHIPS if chip in machine), "")


@dataclass(frozen=True)
class Found:
    """What the prompt of a board says of it."""

    machine: str
    python: str  # version of MicroPython
    mpy: int  # version of its bytecode
    packed: int  # it unpacks DEFLATE
    regions: bool  # there is room for keys, rules and spool
    used: int  # the region of the keys is not blank: it was enrolled once
    segment: int  # sectors of the ROMFS segment, 0 for none
    heap: int
    free: int  # bytes of its file system
    built: int  # `main.py` and `slots` are built in
    start: str  # folder of the release that lies there as files

    @property
    def board(self) -> str:
        """Name of the board, "" for a chip that byleave has none with."""
        return board_of(self.machine)


@dataclass(frozen=True)
class Flashed:
    """What a board has got. `enrolled`: its start says nothing else."""

    board: str
    version: str
    security: int
    sent: Sent
    seconds: float
    enrolled: bool
    said: str = field(repr=False)  # at its start


def look(console: Console) -> Found:
    """What is at the prompt; NoPrompt for what answers otherwise than MicroPython does."""
    greet(console)
    try:
        told = answers.parsed(console.run(programs.LOOK))
        if not isinstance(told, dict) or set(told) != {each.name for each in fields(Found)}:
            raise ValueError("another form")
        kinds: dict[str, Callable[[object], Any]] = {"str": answers.text, "int": answers.number, "bool": bool}
        return Found(**{each.name: kinds[str(each.type)](told[each.name]) for each in fields(Found)})
    except ValueError:
        raise _unknown(console) from None


def greet(console: Console) -> None:
    """NoPrompt for another Python, and for a board that prints by itself at its prompt: no answer of its could be told apart."""
    lines = [answers.plain(line) for line in console.run(writing.GREETING).splitlines()]
    strange = [line for line in lines if line not in (writing.GREETED, writing.SILENT)]
    if lines == [writing.GREETED, writing.SILENT]:
        return
    if lines[1:] == [writing.SILENT] and lines[0].isidentifier():
        raise NoPrompt(
            f"{console.port}: {lines[0]} runs there, and byleave needs MicroPython; flash byleave's build of it with --image "
            "(docs/wiring.md, Flash)"
        )
    if writing.GREETED in lines and strange:
        raise NoPrompt(
            f"{console.port}: the board prints by itself while it waits at its prompt ({strange[0]}), by a timer of its boot.py "
            "for instance; remove what does that (`mpremote rm :boot.py`), and give the same command again"
        )
    raise _unknown(console)


def _unknown(console: Console) -> NoPrompt:
    return NoPrompt(f"{console.port}: what answers there is not MicroPython as byleave knows it")


def flash(port: str, *, folder: Path | None = None, board: str = "", show: Show = quiet, wait_s: float = 0) -> Flashed:
    """Gives the board at `port` the release of `folder`, or one made for it; starts it. Any of agent.errors.

    An enrolled board keeps its keys, its settings and its spool. The same command again goes on where a cable was pulled.
    `wait_s`: how long the board may take to be there.
    """
    began = time.monotonic()
    # 1. The release first, if it is there [a board must not be interrupted for nothing].
    release = Release.read(folder) if folder else None
    if wait_s:
        show("waiting for the board", 0, 0)
    with closing(_entered(port, wait_s)) as console:
        try:
            found = look(console)
            if found.used:  # what was a device may have its watchdog on, which no prompt stops
                console.hold()
            release = _checked(console, found, board, release, show)
            _check_security(console, release)
            if found.segment:
                sent = send_image(console, release, built=bool(found.built), packed=bool(found.packed), show=show)
            else:
                sent = send_files(console, release, found.start, packed=bool(found.packed), show=show)
        except BaseException as error:
            if not isinstance(error, LinkLost):
                with suppress(
                    AgentError
                ):  # it goes on as what it was, also where a program waits for the rest of a piece
                    console.interrupt()
                    console.restart(0.1)
            raise
        show("starting it", 0, 0)
        said = console.restart(START_S)
    _judge(port, said)
    seconds = round(time.monotonic() - began, 2)
    return Flashed(release.board, release.version, release.security, sent, seconds, "not enrolled" not in said, said)


def _entered(port: str, wait_s: float) -> Console:
    until_s = time.monotonic() + wait_s
    time.sleep(min(wait_s, SETTLE_S))
    while True:
        try:
            return Console(port)
        except (PortError, PortBusy, NoPrompt):
            if time.monotonic() >= until_s:
                raise
            time.sleep(0.2)


def _checked(console: Console, found: Found, board: str, release: Release | None, show: Show) -> Release:
    """The release for this board, after all that can be known before anything is written."""
    port = console.port
    # 2. Which board? [a release for another one's pins gives power to the wrong ones]
    wanted = release.board if release else board
    if board and wanted != board:
        raise AgentConfigError(f"the release is for {wanted}, and --board names {board}")
    if not found.board or (wanted or found.board) != found.board:
        raise BoardRefused(f"{port}: {found.machine} is no {wanted or 'board of byleave'}; see docs/wiring.md")
    # 3. Is there room for keys? Behind a file system of another's making the keys would be overwritten.
    if not found.regions:
        raise BoardRefused(f"{port}: MicroPython there leaves no room for keys and spool. {_needed(found.board)}")
    release = release or _made(console, found.board, show)
    if found.mpy != release.bytecode:
        raise BoardRefused(
            f"{port}: MicroPython {found.python} takes bytecode of version {found.mpy}, the release has {release.bytecode}. "
            f"{_needed(found.board)}"
        )
    # 4. Room for the release: a slot of the segment, or the heap.
    if found.segment:
        most = (found.segment // 2 - 1) * 4096
        if len(release.image) > most:
            raise BoardRefused(
                f"{port}: the release has {len(release.image)} bytes, a slot there {most}; make it smaller"
            )
        return release
    heap = IN_PLACE_BYTES + release.bytes
    if found.heap < heap:
        raise BoardRefused(
            f"{port}: MicroPython there has no ROMFS, and as files the release needs a heap of {heap} bytes, where it has "
            f"{found.heap}. {_needed(found.board)}"
        )
    return release


def _check_security(console: Console, release: Release) -> None:
    """BoardRefused for one below what would start now, in a slot, as files or built in [an old release with a known hole]."""
    said = console.run(programs.SECURITY).strip().splitlines()
    try:
        running = answers.number(answers.parsed(said[-1] if said else ""))
    except ValueError:
        raise unreadable(console) from None
    if release.security < running:
        raise BoardRefused(
            f"{console.port}: security version {release.security} is below {running}, which the board has now; "
            "flash a newer release"
        )


def _needed(board: str) -> str:
    family = "a .uf2" if board.startswith("pico") else "a merged .bin"
    return f"Flash byleave's build of MicroPython for {board} with --image, {family} (docs/wiring.md, Flash)"


def _made(console: Console, board: str, show: Show) -> Release:
    """Compiled now, while the board's watchdog is fed."""
    show("making the release", 0, 0)
    with tempfile.TemporaryDirectory(prefix="byleave-release-") as folder, ThreadPoolExecutor(1) as pool:
        making = pool.submit(releases.make, board, Path(folder))
        while not making.done():
            console.run("feed()")
            time.sleep(FEED_S)
        making.result()
        return Release.read(Path(folder))


def _judge(port: str, said: str) -> None:
    """BoardRefused unless what the board says at its start is what a board says that starts."""
    bad = "Traceback" in said or "no main.py" in said or ("not started" in said and "not enrolled" not in said)
    if bad:
        raise BoardRefused(f"{port}: the release is on the board, whole, and does not start: {shown(said) or ASK}")
