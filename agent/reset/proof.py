"""The file of a factory reset: what it says, whether it can be so, and whether the board reads so still.

Nothing signs it: a board that is empty has no key left to sign with, and the agent has none. Anybody can write such a file. It is
worth what whoever made it is believed, and what somebody else finds at the board.
"""

from __future__ import annotations

import calendar
import hashlib
import json
import re
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

from agent.board.answers import plain
from agent.board.console import Console
from agent.errors import AgentError, NotProven
from agent.files import read_bounded
from agent.reset import erasing
from agent.reset.factory import PERSONAL, Erased
from agent.reset.regions import MOST_SECTORS, REQUIRED, Known, Region, ask, known, mark, read_back

FORM = "byleave-factory-reset-1"
MOST_BYTES = 256 << 10  # a release as files has 110 of them, 120 bytes each here
RETAINED_BYTES = (0, 2048)
# Written to by no start of a board that is no device; the file system is made anew, and an ESP32 heads its NVS at each start.
STAY_EMPTY = ("keys", "rules", "spool")
_TEXTS = ("form", "byleave", "began", "ended", "chip", "chip_mark", "board", "device")
_KINDS: dict[str, type] = {
    **dict.fromkeys(_TEXTS, str),
    **dict.fromkeys(("proven", "memory_overwritten", "flash_firmware_again"), bool),
    **dict.fromkeys(("regions", "slots"), list),
    "retained_bytes_zeroed": int,
    "file_system": dict,
}
_SHA256, _DEVICE = re.compile("[0-9a-f]{64}"), re.compile("[a-z2-7]{16}|")
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Proof:
    """A file that contradicts itself nowhere."""

    chip: str
    chip_mark: str
    board: str
    device: str
    began: str
    ended: str
    byleave: str
    regions: tuple[Region, ...]
    kept: tuple[str, ...]
    sha256: str  # of the file's bytes


def told(erased: Erased, began_s: float, ended_s: float) -> dict[str, Any]:
    """What the file says."""
    times = {"began": _utc(began_s), "ended": _utc(ended_s)}
    return {"form": FORM, "byleave": version("byleave"), **times, **erased.fields()}


def _utc(unix_s: float) -> str:
    return time.strftime(_TIME, time.gmtime(unix_s))


def read(path: Path, now_s: float) -> Proof:
    """The file. NotProven where it contradicts itself, or says less than such a file says; AgentError where it cannot be read."""
    data = read_bounded(path, limit_bytes=MOST_BYTES, instead="give the file of --proof", refusal=AgentError)
    try:
        said = json.loads(data) if len(data) <= MOST_BYTES else None
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict) or said.get("form") != FORM:
        raise AgentError(f"{path}: is not the file of a factory reset ({FORM}); give the one that --proof wrote")
    amiss = sorted(name for name, kind in _KINDS.items() if type(said.get(name)) is not kind)
    if amiss:
        raise NotProven(f"{path}: does not say {', '.join(amiss)} as such a file does; it was changed or damaged")
    try:
        against = list(_against(said, now_s))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        against = ["a part of it is of another form"]
    if against:
        raise NotProven(f"{path}: cannot be so: {'; '.join(against)}; it was changed or damaged")
    kept = tuple(row["path"] for row in said["file_system"]["program_files_kept"])
    texts = {name: said[name] for name in _TEXTS[1:]}
    return Proof(**texts, regions=_regions(said), kept=kept, sha256=hashlib.sha256(data).hexdigest())


def _against(said: dict[str, Any], now_s: float) -> Iterator[str]:
    """What speaks against it."""
    if not (said["proven"] and said["memory_overwritten"] and said["file_system"]["made_anew"] is True):
        yield "it does not say that all was done"
    if any(plain(said[name]) != said[name] for name in _TEXTS):
        yield "a text of it is none of a board's"
    regions = _regions(said)
    names = [each.name for each in regions]
    if len(set(names)) < len(names) or REQUIRED.difference(names) or not set(names) <= {*PERSONAL, "slots"}:
        yield f"it must have each of {', '.join(sorted(REQUIRED))} once"
    for row, each in zip(said["regions"], regions, strict=True):
        if not 0 < each.sectors <= MOST_SECTORS or row["bytes"] != each.size or row["sectors_erased"] != each.sectors:
            yield f"sizes of region {each.name} do not agree"
        elif row["sha256"] != each.erased_sha256:
            yield f"the SHA-256 of region {each.name} is not that of {each.size} bytes of 0xFF"
    placed = sorted((each.offset, each.size) for each in regions if each.offset >= 0)
    if any(at + size > then for (at, size), (then, _) in pairwise(placed)):
        yield "two regions lie over each other"
    if said["retained_bytes_zeroed"] not in RETAINED_BYTES or not _DEVICE.fullmatch(said["device"]):
        yield "its retained memory or its device is none that there can be"
    digests = [said["chip_mark"], *(row["sha256"] for row in said["file_system"]["program_files_kept"])]
    if not all(_SHA256.fullmatch(each) for each in digests):
        yield "one of its SHA-256 is none"
    began_s, ended_s = (calendar.timegm(time.strptime(said[name], _TIME)) for name in ("began", "ended"))
    if not began_s <= ended_s <= now_s + 86_400:
        yield "its times are not in order, or have not come yet"


def _regions(said: dict[str, Any]) -> tuple[Region, ...]:
    rows = [(row["name"], row["offset"], row["sectors"]) for row in said["regions"]]
    if any([type(value) for value in row] != [str, int, int] for row in rows):
        raise ValueError("a region of another form")
    return tuple(Region(*row) for row in rows)


def compare(port: str, proof: Proof) -> tuple[Region, ...]:
    """Reads the board at `port` again; its regions that are empty as the file says. The board starts its program behind it.

    NotProven for another board, for one that is a device again, and where a sector reads otherwise.
    """
    with closing(Console(port)) as console:
        try:
            return _compared(console, proof)
        finally:
            with suppress(AgentError):
                console.restart()


def _compared(console: Console, proof: Proof) -> tuple[Region, ...]:
    there = known(console)
    _same(console, proof, there)
    console.run(erasing.VERIFY)
    empty = tuple(each for each in proof.regions if each.name in STAY_EMPTY)
    for each in empty:
        blank, digest = read_back(console, each)
        if (blank, digest) != (each.sectors, each.erased_sha256):
            raise NotProven(
                f"{console.port}: region {each.name} is not empty any more, {each.sectors - blank} of its sectors read otherwise; "
                "something was written to it since"
            )
    ask(console, erasing.OPEN)
    others = ask(console, erasing.OTHERS.format(names=sorted({path.split("/")[1] for path in proof.kept})))
    if others != 0:
        raise NotProven(
            f"{console.port}: its file system has something that the file does not name; it was put there since"
        )
    return empty


def _same(console: Console, proof: Proof, there: Known) -> None:
    if there.chip != proof.chip or mark(console, proof.device) != proof.chip_mark:
        raise NotProven(f"{console.port}: this is another board than the file's")
    if there.device:
        raise NotProven(
            f"{console.port}: the board is a device again ({there.device}): what it has now is that one's, and nothing of the "
            "file can be read at it any more"
        )
    if not set(proof.regions) <= set(there.regions):
        raise NotProven(f"{console.port}: the board's flash is laid out otherwise than the file says")
