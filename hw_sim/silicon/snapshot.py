"""What a board is at one instant, to go on from later: in the same process, or from a file.

Three kinds, by what the program does at that instant (`life`):

off      no power: flash with its wear, random numbers, clock, ledger of charge, what the chips remember. Whole, and cheap.
asleep   deep sleep: that, retained memory, held pins, the alarm, and the chips that have supply, as long as none of them has
         something under way; `why_not` says which has.
running  a running interpreter cannot be copied. Flash and retained memory are there as somebody with a programmer reads them;
         the rest comes by replay: same world, same tape, same program, up to the same step (`replay`).
"""

from __future__ import annotations

import json
import struct
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hw_sim.silicon.flash_parts import Broken
from hw_sim.silicon.life import Snapshot
from hw_sim.silicon.plainstate import Busy, SnapshotError, put, taken

if TYPE_CHECKING:
    from hw_sim.board import Board

_MAGIC = b"byleave board 1\n"
FILE_LIMIT_BYTES = 128 << 20  # several times the largest flash of a board; it is read into memory whole
FLASH_LIMIT_BYTES = 64 << 20  # the largest serial flash with 24-bit and 32-bit addresses that a board here could have


@dataclass(frozen=True)
class Rest:
    """All but flash and retained memory: which board and world, when, what the program did, and the parts' states."""

    board: str
    seed: int
    start_unix_s: float
    now_us: int
    steps: int
    life: str
    why_not: str = ""
    seen: str = ""  # check sum of what the board had done by then
    parts: Mapping[str, Any] = field(default_factory=dict)


def seen(board: Board) -> str:
    """A check sum of all that a run leaves: flash, retained memory, console, bytes on the wire, charge, time."""
    digest = sha256(bytes(board.flash.data))
    charge = sorted((name, str(part)) for name, part in board.meter.uc_by_part.items())
    for piece in (
        board.retained,
        str(board.console).encode(),
        board.network.captured("up"),
        board.network.captured("down"),
        json.dumps(charge).encode(),
        str(board.world.clock.now_us).encode(),
    ):
        digest.update(struct.pack("<Q", len(piece)) + piece)
    return digest.hexdigest()


def rest_of(board: Board) -> Rest:
    """What `Board.snapshot()` adds to flash and retained memory."""
    world = board.world
    head = (board.name, world.seed, world.start_unix_s, world.clock.now_us, board.steps)
    life = "off" if not board.powered else "asleep" if board.asleep else "running"
    if life == "running":
        return Rest(*head, life, "the program runs", seen(board))
    try:
        return Rest(*head, life, parts=_parts(board))
    except Busy as busy:
        return Rest(*head, life, f"{busy} has something under way", seen(board))


def _parts(board: Board) -> dict[str, Any]:
    flash = board.flash
    return {
        "flash": {
            "wear": flash.wear,
            "counts": [flash.programs, flash.erases, flash.programmed_bytes],
            "stuck": sorted(flash.damage.stuck.items()),
            "unstable": sorted(flash.damage.unstable.items()),
            "broken": [[at, b.erases, b.programs, b.reported] for at, b in sorted(flash.damage.broken.items())],
        },
        "random": board.world.streams(),
        "chips": {name: taken(part, name) for name, part in _chips(board).items()},
        "gpio": taken(board.gpio, "gpio"),
        "inputs": sorted(board.gpio.inputs.items()),
        "meter": _ledger(board),
        "sleep": board.sleep_state(),
        "network": [board.network.opened, board.network.settlings],
        "counters": dict(board.counters),
    }


def _chips(board: Board) -> dict[str, object]:
    chips: dict[str, object] = {"receiver": board.gnss} if board.has_gnss else {}
    return chips | board.sensors | ({"modem": board.modem} if board.modem is not None else {})


def _ledger(board: Board) -> dict[str, Any]:
    ledger = {}
    board.meter.mark()
    for name in board.meter.currents:
        part = board.meter.part(name)
        account = part.settle()
        ledger[name] = {
            "us": [[state, ua, us] for (state, ua), us in account.us.items()],
            "uc": [[state, uc.numerator, uc.denominator] for state, uc in account.uc.items()],
            "events": dict(account.events),
            "now": [part.state, part.ua],
        }
    return ledger


# --- back


def resume(board: Board, snapshot: Snapshot) -> None:
    """Makes a new board in a new world of the same seed go on where the snapshot was taken: off, or in deep sleep.

    SnapshotError for one that was taken of a running program, of another board or world, or does not fit.
    """
    rest = snapshot.rest
    if rest is None:
        raise SnapshotError("this snapshot holds flash and retained memory only: restore() it")
    check_fits(board, rest)
    if rest.why_not:
        raise SnapshotError(f"{rest.why_not}: cut the power before the snapshot, or replay() it")
    if len(snapshot.flash) != len(board.flash.data):
        raise SnapshotError(f"{len(snapshot.flash)} bytes of flash for a board with {len(board.flash.data)}")
    try:
        board.world.clock.advance_to(rest.now_us)
        board.flash.data[:] = snapshot.flash
        board.retained = snapshot.retained
        _put_parts(board, rest)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, ZeroDivisionError) as error:
        raise SnapshotError(f"a snapshot with a part that cannot be: {error}") from error


def check_fits(board: Board, rest: Rest) -> None:
    """SnapshotError unless it was taken of such a board in such a world, and this one is new."""
    world = board.world
    mine, its = (board.name, world.seed, world.start_unix_s), (rest.board, rest.seed, rest.start_unix_s)
    if mine != its:
        raise SnapshotError(f"the snapshot is of board, seed and start {its}, this is {mine}")
    if board.powered or world.clock.now_us or board.counters["boots"]:
        raise SnapshotError("a snapshot goes into a new board in a new world, before anything has happened there")


def _put_parts(board: Board, rest: Rest) -> None:
    parts, flash = rest.parts, board.flash
    wear = [int(n) for n in parts["flash"]["wear"]]
    if len(wear) != len(flash.wear) or any(n < 0 for n in wear):
        raise SnapshotError("wear of another flash")
    flash.wear[:] = wear
    flash.programs, flash.erases, flash.programmed_bytes = map(int, parts["flash"]["counts"])
    flash.damage.stuck.update(_cells(parts["flash"]["stuck"], len(flash.data)))
    flash.damage.unstable.update(_cells(parts["flash"]["unstable"], len(flash.data)))
    for sector, *flags in parts["flash"]["broken"]:
        flash.damage.broken[int(sector)] = Broken(*map(bool, flags))
    chips = _chips(board)
    for name, state in parts["chips"].items():
        if name not in chips:
            raise SnapshotError(f"the board has no chip {name}")
        put(chips[name], state, name)
    put(board.gpio, parts["gpio"], "gpio")
    dict.update(board.gpio.inputs, {int(pin): int(level) for pin, level in parts["inputs"]})
    board.counters.update({str(name): int(n) for name, n in parts["counters"].items()})
    board.meter.mark()  # so that it does not count the requests of before once more
    _put_ledger(board, parts["meter"])
    board.network.opened, board.network.settlings = map(int, parts["network"])
    board.steps = rest.steps
    board.sleep_again(parts["sleep"], asleep=rest.life == "asleep")
    board.world.resume_streams(parts["random"])


def _cells(rows: Any, size: int) -> dict[int, int]:
    cells = {int(at): int(mask) for at, mask in rows}
    if any(not (0 <= at < size and 0 < mask < 256) for at, mask in cells.items()):
        raise SnapshotError("damaged cells outside the flash")
    return cells


def _put_ledger(board: Board, ledger: Mapping[str, Any]) -> None:
    for name, row in ledger.items():
        part = board.meter.part(name)
        account = part.settle()
        account.us.clear()
        account.us.update({(str(state), float(ua)): int(us) for state, ua, us in row["us"]})
        account.uc.clear()
        account.uc.update({str(state): Fraction(int(up), int(down)) for state, up, down in row["uc"]})
        account.events.clear()
        account.events.update(Counter({str(state): int(n) for state, n in row["events"].items()}))
        part.draw(str(row["now"][0]), float(row["now"][1]))


def replay(board: Board, snapshot: Snapshot, story: Callable[[], object]) -> None:
    """Brings a new board to the instant of a snapshot that was taken of a running program.

    `story()` drives the board as the first run did (program, power_on, run, ...); it is left at the snapshot's step. Give the
    network its tape first (`network.play`). SnapshotError where the run differs or ends before.
    """
    rest = snapshot.rest
    if rest is None:
        raise SnapshotError("this snapshot does not say when it was taken")
    check_fits(board, rest)
    if not board.leave_at(rest.steps, rest.now_us, story):
        raise SnapshotError(f"the story ended after {board.steps} steps, the snapshot was taken after {rest.steps}")
    if rest.seen and seen(board) != rest.seen:
        raise SnapshotError("the run differs from the one of the snapshot: another program, tape or story")


# --- files


def save(snapshot: Snapshot, path: Path) -> None:
    """Writes it: a head, JSON, the flash compressed, a check sum. It holds the device's keys: readable by its owner only."""
    rest = snapshot.rest
    if rest is None:
        raise SnapshotError("this snapshot holds flash and retained memory only")
    text = json.dumps({**vars(rest), "retained": snapshot.retained.hex()}).encode()
    flash = zlib.compress(snapshot.flash)
    body = _MAGIC + struct.pack("<III", len(text), len(flash), len(snapshot.flash)) + text + flash
    path.touch(mode=0o600)
    path.write_bytes(body + struct.pack("<I", zlib.crc32(body)))


def load(path: Path) -> Snapshot:
    """Reads it; SnapshotError for a file that is none, of another version, or damaged."""
    try:
        if path.stat().st_size > FILE_LIMIT_BYTES:
            raise SnapshotError(f"{path.name}: larger than {FILE_LIMIT_BYTES >> 20} MiB")
        content = path.read_bytes()
    except OSError as error:
        raise SnapshotError(f"{path}: {error.strerror}") from error
    body, check = content[:-4], content[-4:]
    if not body.startswith(_MAGIC) or check != struct.pack("<I", zlib.crc32(body)):
        raise SnapshotError(f"{path.name}: no snapshot of this version, or damaged")
    try:
        return _parsed(body[len(_MAGIC) :])
    except (struct.error, zlib.error, ValueError, TypeError, KeyError, RecursionError) as error:
        raise SnapshotError(f"{path.name}: {error}") from error


def _parsed(body: bytes) -> Snapshot:
    text_bytes, packed_bytes, flash_bytes = struct.unpack_from("<III", body)
    begin = struct.calcsize("<III")
    if begin + text_bytes + packed_bytes != len(body) or flash_bytes > FLASH_LIMIT_BYTES:
        raise SnapshotError("a snapshot whose lengths do not fit")
    told = json.loads(body[begin : begin + text_bytes])
    flash = zlib.decompressobj().decompress(body[begin + text_bytes :], flash_bytes + 1)
    if len(flash) != flash_bytes:
        raise SnapshotError("a snapshot whose flash has another length")
    retained = bytes.fromhex(told.pop("retained"))
    rest = Rest(**told)
    kinds = {"board": str, "seed": int, "start_unix_s": (int, float), "now_us": int, "steps": int}
    if not all(isinstance(getattr(rest, name), kind) for name, kind in kinds.items()) or rest.now_us < 0:  # type: ignore[arg-type]
        raise SnapshotError("a snapshot with a head that cannot be")
    if rest.life not in ("off", "asleep", "running") or not isinstance(rest.parts, dict):
        raise SnapshotError("a snapshot with a head that cannot be")
    return Snapshot(flash, retained, rest)
