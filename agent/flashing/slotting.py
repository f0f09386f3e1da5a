"""A release into a slot of a board's ROMFS segment (docs/decisions/0013-update.md), sector by sector, the head last."""

from __future__ import annotations

from dataclasses import dataclass, replace

from agent.board import answers
from agent.board.console import Console
from agent.errors import BoardRefused, NotProven
from agent.flashing import framing, writing
from agent.flashing.filing import Sending, Sent, Show, own_file, unreadable
from agent.flashing.released import Release

_HASH_CHARS = framing.ANSWER_BYTES


@dataclass(frozen=True)
class Slot:
    """One half of the segment, as the board tells it; `size` 0 where nothing is known of it."""

    index: int
    base: int
    sectors: int
    order: int
    complete: bool
    confirmed: bool
    failed: bool
    size: int = 0
    security: int = 0
    digest: str = ""
    whole: bool = False

    @property
    def starts(self) -> bool:
        """It holds a release that may start, confirmed or on trial."""
        return self.size > 0 and self.complete and self.whole and (self.confirmed or not self.failed)


def send_image(console: Console, release: Release, *, built: bool, packed: bool, show: Show) -> Sent:
    """What was sent. Nothing that starts today is touched before the head of the new one is there.

    BoardRefused for a release below the confirmed security version; NotProven where flash holds other bytes than were sent.
    """
    if not built:  # what chooses the slot lies beside them, and does nothing before there is a main.py
        console.run(writing.FILES)
        own_file(console, "/slots.mpy", release.files["slots.mpy"], packed=packed)
    console.run("sys.path[:] = bare" if built else "sys.path[:] = path")
    slots = _slots(console, console.run(writing.SLOTS))
    floor = max([0] + [slot.security for slot in slots if slot.size and slot.confirmed])
    # 1. Never below what was confirmed [an old release with a known hole].
    if release.security < floor:
        raise BoardRefused(
            f"{console.port}: security version {release.security} is below {floor}, which was confirmed on this board; "
            "flash a newer release"
        )
    kept = _kept(slots, floor)
    if kept and _is_there(kept, slots, release):
        done = Sent("slot", kept.index, 0, len(release.image), 0)
    else:
        target = next(slot for slot in sorted(slots, key=lambda slot: slot.index) if slot is not kept)
        done = _write(console, target, max(slot.order for slot in slots) + 1, release, packed, show)
    if not built:
        console.run(writing.REMOVE.format(name="'/start'"))
        own_file(console, "/main.py", release.files["main.py"], packed=packed)
    return done


def _slots(console: Console, said: str) -> list[Slot]:
    """Both, the newer first; NotProven for what are not two."""
    try:
        told = answers.parsed(said)
        if not isinstance(told, list) or not all(isinstance(row, list) and len(row) in _ROWS for row in told):
            raise ValueError("no slots")
        found = [_slot(row) for row in told]
        if sorted(slot.index for slot in found) != [0, 1]:
            raise ValueError("not two")
    except ValueError:
        raise unreadable(console) from None
    return found


_ROWS = (7, 11)  # fields of a slot of which nothing is known, and of one with a head


def _slot(row: list[object]) -> Slot:
    index, base, sectors, order, complete, confirmed, failed, *rest = (answers.number(value) for value in row[:9])
    slot = Slot(index, base, sectors, order, bool(complete), bool(confirmed), bool(failed))
    if not rest:
        return slot
    return replace(slot, size=rest[0], security=rest[1], digest=answers.text(row[9]), whole=bool(row[10]))


def _kept(slots: list[Slot], floor: int) -> Slot | None:
    """The slot that must not be touched: what starts, best confirmed; else what remembers the confirmed security version."""
    known = [slot for slot in slots if slot.size and (slot.confirmed or slot.starts)]
    rank = {slot.index: (slot.starts and slot.security >= floor, slot.confirmed, slot.order) for slot in known}
    return max(known, key=lambda slot: rank[slot.index], default=None)


def _is_there(kept: Slot, slots: list[Slot], release: Release) -> bool:
    """It is what the next start chooses: the newest, whole and confirmed."""
    newest = all(not slot.starts or slot.order <= kept.order for slot in slots)
    return newest and kept.starts and kept.confirmed and kept.digest == release.digest


def _write(console: Console, slot: Slot, order: int, release: Release, packed: bool, show: Show) -> Sent:
    blocks = _blocks(release.image)
    last, n = slot.base + slot.sectors, len(blocks)
    # 2. Its head goes first [a start in the midst of it must not find a release there].
    if console.run(writing.VOID.format(index=slot.index, last=last)).strip() != "None":
        raise NotProven(f"{console.port}: slot {slot.index} cannot be freed: its flash does not take what is written")
    # 3. Only sectors that hold other bytes [a cable that was pulled; a release of which most is there].
    there = console.run(writing.SECTORS.format(base=slot.base, n=n)).strip()
    hashes = [there[at : at + _HASH_CHARS] for at in range(0, len(there), _HASH_CHARS)]
    missing = {i: block for i, block in enumerate(blocks) if hashes[i : i + 1] != [framing.answer(block).decode()]}
    console.run(writing.TAKE)
    code = writing.WRITE_SECTORS.format(base=slot.base, n=n)
    sending = Sending(console, packed, show)
    sending.send(code, list(missing.items()), "sector")
    # 4. Read back whole, on the board.
    show("reading back", 0, 0)
    found = console.run(writing.WHOLE.format(base=slot.base, size=len(release.image))).strip()
    if found != release.digest:
        raise NotProven(
            f"{console.port}: slot {slot.index} holds other bytes than were sent; give the same command again"
        )
    # 5. The head, in one program of flash: from here on it is what starts.
    head = {"order": order, "size": len(release.image), "security": release.security, "digest": release.digest}
    rows = _slots(console, console.run(writing.SEAL.format(index=slot.index, last=last, **head)))
    now = next(row for row in rows if row.index == slot.index)
    if not (now.starts and now.confirmed and now.digest == release.digest and now.order == order):
        raise NotProven(f"{console.port}: the head of slot {slot.index} does not hold; give the same command again")
    size = len(release.image)
    return Sent("slot", slot.index, min(size, len(missing) * framing.BLOCK_BYTES), size, sending.line_bytes)


def _blocks(image: bytes) -> list[bytes]:
    size = framing.BLOCK_BYTES
    return [image[at : at + size].ljust(size, b"\xff") for at in range(0, len(image), size)]
