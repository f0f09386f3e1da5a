"""The flash: raw regions, record logs, spool and file system. Nothing is written but a
file of 1 KiB, more than littlefs keeps beside a name, which is deleted again.
"""

from __future__ import annotations

from typing import Any

from agent.examination.findings import BOARD, Device, Finding, Prompt, Unanswered, ask, not_asked, ok, wrong
from agent.words import counted

# Both record logs, looked at before anything loads them, since loading wipes what is no record (firmware/flash/recordlog.py: slots
# of 512 bytes; magic, length, sequence, CRC-32). Of each: sectors; slots with a record, with something else; highest sequence.
LOGS = """
import struct
from binascii import crc32
from firmware.errors import FirmwareError
def see(label):
 r = board.region(label)
 good = other = last = 0
 for at in range(0, r.sectors * r.sector_bytes, 512):
  d = r.read(at, 512)
  magic, n, turn, crc = struct.unpack_from(">HHII", d)
  if magic == 0x4B52 and n <= 500 and crc32(d[12 : 12 + n], crc32(d[:8])) == crc:
   good += 1
   last = max(last, turn)
  elif any(d) and any(b != 255 for b in d):
   other += 1
 return [r.sectors, good, other, last]
a = []
for label in ("keys", "rules"):
 try:
  a.append(see(label))
 except FirmwareError as e:
  a.append(str(e))
print(json.dumps(a))
"""
# The spool's sectors by their heads (firmware/flash/spool.py): sectors; heads that are none; highest sequence.
SPOOL = """
import struct
from binascii import crc32
from firmware.errors import FirmwareError
try:
 r = board.region("spool")
 bad = last = 0
 for n in range(r.sectors):
  d = r.read(n * r.sector_bytes, 20)
  turn, _, crc = struct.unpack_from(">III", d, 4)
  if crc32(d[4:12], r.sectors) == crc and turn % r.sectors == n:
   last = max(last, turn)
  elif any(b != 255 for b in d[4:]):
   bad += 1
 print([r.sectors, bad, last])
except FirmwareError as e:
 print(json.dumps(str(e)))
"""
# As each start opens it.
WAITING = """
from firmware.flash.spool import Spool
s = Spool(board.region("spool"))
print([s.count(), s.lost, s.bytes_free()])
"""
FILES = """
import json, os
try:
 v = os.statvfs("/")
 try:
  d = b"0123456789abcdef" * 64
  with open("/.doctor", "wb") as f: f.write(d)
  with open("/.doctor", "rb") as f: r = [v[0] * v[4], f.read() == d]
 finally:
  try: os.remove("/.doctor")
  except OSError: pass
except OSError as e:
 r = e.args[0]
print(json.dumps(r))
"""

# Erases of a sector that a maker vouches for (Winbond W25Q64JV data sheet, 2), and the share from which it is told.
RATED_ERASES, WORN_SHARE = 100_000, 0.8
SLOTS_IN_SECTOR = 8
LEAST_FREE_BYTES = (
    16 * 1024
)  # settings are written beside the old ones: 4 KiB, with a certificate, and littlefs' own blocks
ENOSPC = 28
FULL_BYTES = 2048  # as firmware/app.py: room for two envelopes
MAKE_ROOM = "delete what is not byleave's: `mpremote ls`, `mpremote rm`"
FACTORY = "`byleave agent reset --factory`, then enrol it"


def logs(prompt: Prompt) -> list[Finding]:
    """The regions of keys and rules. To be asked before anything else that opens them."""
    try:
        answers = ask(prompt, BOARD + LOGS)
    except Unanswered as failed:
        return [failed.finding("keys"), not_asked("rules", "the regions could not be asked")]
    return [_log(part, answer) for part, answer in zip(("keys", "rules"), answers, strict=True)]


def _log(part: str, answer: Any) -> Finding:
    if isinstance(answer, str):
        return _no_region(part, answer)
    sectors, good, other, last = answer
    if other:
        seen = f"{other} of {sectors * SLOTS_IN_SECTOR} places {'holds' if other == 1 else 'hold'} what is no record"
        do = "the next start wipes that; if this is said again, the flash is worn"
        return wrong(part, seen, do if good else f"another product's data, or damaged: {FACTORY}")
    erases = last // (sectors * SLOTS_IN_SECTOR)
    return _worn(part, erases) or ok(
        part, "one record" if good else "no record yet: not enrolled" * (part == "keys") or "empty"
    )


def _worn(part: str, erases: int) -> Finding | None:
    if erases < RATED_ERASES * WORN_SHARE:
        return None
    seen = f"{erases * 100 // RATED_ERASES} % of the erases that its flash is made for"
    return wrong(part, seen, "replace the board before its flash fails")


def _no_region(part: str, said: str) -> Finding:
    return wrong(part, f"no raw flash for it: {said}", "byleave's build of MicroPython: `byleave agent flash`")


def spool(prompt: Prompt, device: Device) -> Finding:
    """The spool: that it can be opened, and what it says of itself."""
    try:
        answer = ask(prompt, BOARD + SPOOL)
        if isinstance(answer, str):
            return _no_region("spool", answer)
        sectors, bad, last = answer
        if bad:
            seen = f"{bad} of {sectors} sectors {'holds' if bad == 1 else 'hold'} what is no spool"
            return wrong("spool", seen, f"another product's data, or damaged: {FACTORY}")
        return _worn("spool", last // sectors) or _waiting(prompt, device, sectors)
    except Unanswered as failed:
        return failed.finding("spool")


def _waiting(prompt: Prompt, device: Device, sectors: int) -> Finding:
    if not device.enrolled:
        return ok("spool", f"{counted(sectors, 'sector')}, not in use yet")
    count, lost, free = ask(prompt, BOARD + WAITING)
    seen = f"{counted(count, 'envelope waits', 'envelopes wait')}, {lost} given up, {free // 1024} KiB free"
    if free < FULL_BYTES:
        return wrong("spool", seen, "let it reach its server: the next envelopes replace what still waits")
    return ok("spool", seen)


def files(prompt: Prompt, device: Device) -> Finding:
    """The file system, and the settings in it."""
    try:
        answer = ask(prompt, FILES)
    except Unanswered as failed:
        return failed.finding("files")
    if isinstance(answer, int):
        if answer == ENOSPC:
            return wrong("files", "the file system is full", MAKE_ROOM)
        seen = f"the file system cannot be used (error {answer})"
        return wrong("files", seen, f"it is damaged, or its flash is worn: {FACTORY}")
    free, same = answer
    if not same:
        return wrong(
            "files", "what was written is not what is read", f"its flash is worn: {FACTORY}, or replace the board"
        )
    if device.enrolled and not device.given and not device.settings:
        return wrong(
            "files", "the settings cannot be read", "enrol it again: a file system was formatted, or is damaged"
        )
    seen = f"writable, {free // 1024} KiB free"
    return ok("files", seen) if free >= LEAST_FREE_BYTES else wrong("files", seen, MAKE_ROOM)
