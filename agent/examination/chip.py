"""The board itself: what runs on it, its memory, its clock, its battery, its button and its LED."""

from __future__ import annotations

from agent.examination.findings import BOARD, Device, Finding, Prompt, Unanswered, ask, not_asked, ok, wrong
from agent.examination.releases import judged

# byleave's image runs in place from ROMFS (docs/decisions/0013-update.md).
IDENTITY = """
import json, os, sys
u = os.uname()
r = [u[4], u[2], 0, "", "", 0]
try:
 import vfs
 vfs.rom_ioctl
 r[2] = 1
except (ImportError, AttributeError): pass
try:
 import firmware
 from firmware.version import SECURITY, VERSION
 r[3:] = [firmware.__file__, VERSION, SECURITY]
except ImportError: pass
print(json.dumps(r))
"""
# Of a slot: index, order, size, security version, signed manifest; complete, confirmed, failed; whether the image is whole.
SLOTS = """
import json
from binascii import hexlify
from hashlib import sha256
try:
 import slots, vfs
 found = slots.both(slots.device())
except (ImportError, OSError):
 print("null")
else:
 r = []
 for order, head, slot in found:
  if head:
   marks = [slot.marked(n) for n in (0, 1, 2)]
   whole = 0
   if marks[0]:
    at = slot.base * 4096
    image = memoryview(vfs.rom_ioctl(2, 0))[at : at + head[1]]
    whole = sha256(image).digest() == head[3]
   r.append([slot.index, head[2], hexlify(head[4]).decode()] + marks + [whole])
 print(json.dumps(r))
"""
MEMORY = """
import gc
gc.collect()
print([gc.mem_free(), gc.mem_alloc()])
"""
# Two counters that a chip keeps for itself must go on together.
CLOCK = """
import json, time
r = []
a, b = time.ticks_ms(), time.ticks_us()
time.sleep_ms(100)
r = [time.ticks_diff(time.ticks_ms(), a), time.ticks_diff(time.ticks_us(), b) // 1000, time.gmtime()[0]]
print(json.dumps(r))
"""
BATTERY = "print(board.battery_mv())\n"
# The pull-up is the board's own. The LED's pin is let go for a moment: a line that stays high is held by something else.
PINS = """
import machine, time
n = 0
for _ in range(10):
 n += board.button()
 time.sleep_ms(20)
pin = board.PINS[4]
p = machine.Pin(pin, machine.Pin.IN, machine.Pin.PULL_DOWN)
time.sleep_ms(2)
held = p.value()
machine.Pin(pin, machine.Pin.OUT, value=0)
print([n, held])
"""

# A release takes some 110 KB of a Pico W's heap of 190 KB (decision 0014), and a contact some more.
LEAST_HEAP_BYTES = 120 * 1024
TICK_MS, TICK_ERROR_MS = 100, 20
# At the cell, in mV: what a protected cell is cut off at, what a full one has, with 100 mV of a divider's tolerance (the curves
# of firmware/drivers/battery.py), and what counts as empty (firmware/battery.py).
CHEMISTRIES = {"li-ion": (2400, 4300, 3400), "lifepo4": (1900, 3750, 3000), "alkaline": (1600, 3500, 2200)}
NOTHING_MV = 300
MOST_MV = 6600  # what a divider of 1:2 at 3.3 V can tell


NO_FIRMWARE = "MicroPython answers, byleave's firmware is not on the board"


def board(prompt: Prompt) -> list[Finding]:
    """Which board it is; and behind it, if that could be asked, which release, or NO_FIRMWARE."""
    try:
        machine, version, romfs, where, release, security = ask(prompt, IDENTITY)
    except Unanswered as failed:
        return [failed.finding("board")]
    seen = f"{machine}, MicroPython {version}, {'with' if romfs else 'without'} ROMFS"
    found = [ok("board", seen)]
    if not release:
        found.append(wrong("release", NO_FIRMWARE, "`byleave agent flash`"))
        return found
    place = next((name for head, name in PLACES if str(where).startswith(head)), "frozen into the build")
    seen = f"byleave {release}, security version {security}, {place}"
    try:
        slots = ask(prompt, SLOTS)
    except Unanswered as failed:
        return [*found, failed.finding("release")]
    return [*found, judged(seen, slots)]


PLACES = (("/rom", "in ROMFS"), ("/slot", "in a slot"), ("/", "as files"))


def memory(prompt: Prompt) -> Finding:
    """How much there is, with next to nothing loaded."""
    try:
        free, taken = ask(prompt, MEMORY)
    except Unanswered as failed:
        return failed.finding("memory")
    seen = f"{(free + taken) // 1024} KiB of heap, {free // 1024} KiB free"
    if free + taken < LEAST_HEAP_BYTES:
        do = "a build of MicroPython with more heap for Python, or a board with more memory"
        return wrong("memory", f"{seen}; the firmware needs {LEAST_HEAP_BYTES // 1024} KiB", do)
    return ok("memory", seen)


def clock(prompt: Prompt, device: Device, epoch: int, now_s: float) -> Finding:
    """Whether it runs, and whether the keys' day is one that can be."""
    try:
        ms, us, year = ask(prompt, CLOCK)
    except Unanswered as failed:
        return failed.finding("clock")
    if any(abs(span - TICK_MS) > TICK_ERROR_MS for span in (ms, us)):
        return wrong("clock", f"{TICK_MS} ms are {ms} ms and {us} ms by the board's counters", "the chip is broken")
    if device.enrolled and not -DAYS_BEHIND <= epoch - int(now_s // 86_400) <= 1:
        return wrong(
            "clock",
            "the keys' day and this computer's day lie too far apart",
            "set this computer's clock; if that is right, enrol the board anew",
        )
    known = "the chip's clock is set" if year >= 2025 else "the time is not known yet: the first contact brings it"
    return ok("clock", f"it runs; {known}")


DAYS_BEHIND = 4096  # of one jump of the keys (firmware/keystore.py, MAX_JUMP)


def battery(prompt: Prompt, device: Device) -> Finding:
    """Whether its voltage is one that its cells can have."""
    try:
        mv = int(ask(prompt, BOARD + BATTERY))
    except Unanswered as failed:
        return failed.finding("battery")
    chosen = device.settings.get("battery", "li-ion")
    if isinstance(chosen, list):
        least, most, empty, name = NOTHING_MV, MOST_MV, int(chosen[1]), "of these settings"
    else:
        least, most, empty = CHEMISTRIES.get(chosen, CHEMISTRIES["li-ion"])
        name = f"({chosen})"
    if mv < NOTHING_MV:
        return wrong("battery", f"{mv} mV: nothing is there", "connect it, and the divider to its pin (docs/wiring.md)")
    if not least <= mv <= most:
        do = "name the right chemistry in the settings (`battery`), or look at the divider: two equal resistors"
        return wrong("battery", f"{mv} mV: no voltage of a battery {name}", do)
    if mv < empty:
        return wrong("battery", f"{mv} mV: empty for a battery {name}", "charge it: below this nothing is sensed")
    return ok("battery", f"{mv} mV, plausible for a battery {name}")


def pins(prompt: Prompt) -> list[Finding]:
    """Button and LED."""
    try:
        pressed, held = ask(prompt, BOARD + PINS)
    except Unanswered as failed:
        return [failed.finding("button"), not_asked("led", "the pins could not be asked")]
    found = [ok("button", "not pressed")]
    if pressed == 10:
        do = "let it go, or look for what holds its line at ground: a device so started senses nothing"
        found = [wrong("button", "held down", do)]
    if held:
        return [
            *found,
            wrong("led", "its line is held high", "look for a short: it would be lit for ever and tell nothing"),
        ]
    return [*found, ok("led", "its line is free")]
