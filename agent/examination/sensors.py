"""The three sensors, by nothing but their identity registers; and the receiver, by nothing but checksums.

No conversion is asked for and no measured value is read. Each chip has its supply for some 30 ms.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.examination.findings import BOARD, Device, Finding, Prompt, Unanswered, ask, not_asked, ok, wrong


@dataclass(frozen=True)
class Chip:
    """How a chip says what it is: `tells` is what is typed, `mask` and `value` what its first bytes must be (big-endian)."""

    name: str
    address: int
    tells: str
    mask: int = 0
    value: int = 0


# TI SNOSD82D, 7.6: DEVICE_ID. Sensirion SHT4x, 4.8: serial number, each word with its CRC, judged on the board and not told. Vishay
# 84286: ID. ROHM BH1750FVI: it has none, so its address is all. ST DocID025056, 8: WHO_AM_I, which an LIS3DH has too.
CHIPS = {
    "tmp117": Chip("TMP117", 0x48, "b.readfrom_mem(72, 15, 2)", 0x0FFF, 0x0117),
    "sht4x": Chip("SHT4x", 0x44, "serial(b)", 0xFF, 1),
    "veml7700": Chip("VEML7700", 0x10, "b.readfrom_mem(16, 7, 2)", 0xFFFF, 0x81C4),
    "bh1750": Chip("BH1750", 0x23, "bytes((b.writeto(35, b'') + 1,))", 0xFF, 1),
    "lis2dh12": Chip("LIS2DH12", 0x18, "b.readfrom_mem(24, 15, 1)", 0xFF, 0x33),
    "lis3dh": Chip("LIS3DH", 0x18, "b.readfrom_mem(24, 15, 1)", 0xFF, 0x33),
}
FITTED = {"temperature": "tmp117", "light": "veml7700", "motion": "lis2dh12"}
NOBODY = 0x77  # an address that none of these chips has: whoever acknowledges it is a data line at ground

# "held clock", "held data", "silent" with the addresses that answer, or what the chip says. A clock that is held is ETIMEDOUT, by
# MicroPython's own number or ESP-IDF's.
SENSOR = """
import time
def serial(b):
 b.writeto(68, b"\\x89")
 time.sleep_ms(2)
 d = b.readfrom(68, 6)
 for at in (0, 3):
  c = 255
  for x in d[at : at + 2]:
   c ^= x
   for _ in range(8): c = (c << 1 ^ 49) & 255 if c & 128 else c << 1
  if c != d[at + 2] or not any(d): return b"\\0"
 return b"\\1"
def see(b):
 try:
  b.readfrom({nobody}, 1)
  return ["held data"]
 except OSError as e:
  if e.args[0] in (110, 116): return ["held clock"]
 try:
  return ["says", int.from_bytes({tells}, "big")]
 except OSError as e:
  if e.args[0] in (110, 116): return ["held clock"]
 return ["silent", b.scan()]
board.sensor_power({name!r}, True)
try:
 time.sleep_ms(12)
 r = see(board.i2c({name!r}))
finally:
 board.sensor_power({name!r}, False)
print(json.dumps(r))
"""
HELD = {"held clock": "the clock line (SCL) stays low", "held data": "the data line (SDA) stays low"}
WIRES = "look for water or solder between the pads, and at the pull-up resistors and the sensor's own supply pin (docs/wiring.md)"


def sensor(prompt: Prompt, device: Device, name: str) -> Finding:
    """One of FITTED: whether the bus is free, somebody answers, and it is the chip that the settings name."""
    chip = CHIPS.get(device.part(name, FITTED[name]))
    if chip is None:
        return wrong(name, "the settings name a part that there is no driver for", "enrol it with a part that exists")
    program = BOARD + SENSOR.format(nobody=NOBODY, tells=chip.tells, name=name)
    try:
        answer, *rest = ask(prompt, program)
    except Unanswered as failed:
        return failed.finding(name)
    if answer in HELD:
        return wrong(name, HELD[answer], WIRES)
    if answer == "silent":
        return _silent(name, chip, rest[0])
    if rest[0] & chip.mask != chip.value:
        return wrong(name, f"another chip answers in the place of a {chip.name}", _rename(name, ""))
    return ok(name, f"{chip.name} answers")


def _silent(name: str, chip: Chip, others: list[int]) -> Finding:
    there = [other for other in others if other != NOBODY]
    if not there:
        do = "is it placed, and has it its supply? A cold joint looks like this (docs/wiring.md)"
        return wrong(name, f"no answer of a {chip.name}", do)
    known = next((found.name for found in CHIPS.values() if found.address == there[0]), "")
    like = f", as a {known} would" if known else ""
    return wrong(name, f"no answer of a {chip.name}; somebody answers at 0x{there[0]:02x}{like}", _rename(name, known))


def _rename(name: str, known: str) -> str:
    chip = known.lower() or "…"
    return f'say which chip it is when you enrol it: "parts": {{"{name}": "{chip}"}} in the settings; or place the right one'


# Listens for a frame of u-blox or a sentence of NMEA whose checksum is right, and never looks into one. UBX-MON-VER is asked for,
# since a receiver may be silent for a minute otherwise; it has no position. What came is overwritten.
RECEIVER = """
import time
buf = bytearray(1024)
view = memoryview(buf)
def right(n):
 d = view[:n]
 for at in range(n - 7):
  if d[at] == 0xB5 and d[at + 1] == 0x62:
   end = at + 8 + d[at + 4] + 256 * d[at + 5]
   if end <= n:
    a = b = 0
    for x in d[at + 2 : end - 2]:
     a = a + x & 255
     b = b + a & 255
    if a == d[end - 2] and b == d[end - 1]: return True
  elif d[at] == 36:
   x = 0
   for end in range(at + 1, min(n - 2, at + 83)):
    if d[end] == 42:
     if bytes(d[end + 1 : end + 3]) == b"%02X" % x: return True
     break
    x ^= d[end]
 return False
def listen(baud):
 n = 0
 u = board.uart_gnss(baud)
 u.write(b"\\xb5b\\x0a\\x04\\x00\\x00\\x0e\\x34")
 for _ in range(13):
  time.sleep_ms(100)
  got = u.read(1024 - n) if n < 1024 else None
  if got:
   view[n : n + len(got)] = got
   n += len(got)
   if right(n): break
 else:
  return 1 if n else 0
 return 2
best = 0
board.led(True)
board.gnss_power(True)
try:
 time.sleep_ms(400)
 for baud in (38400, 9600, 38400, 9600):
  best = max(best, listen(baud))
  if best == 2: break
finally:
 board.gnss_power(False)
 if {standby}:
  time.sleep_ms(500)
  for baud in (38400, 9600):
   u = board.uart_gnss(baud)
   u.write({sleep!r})
   time.sleep_ms(60)
 for i in range(1024): buf[i] = 0
 board.led(False)
print(best)
"""
# UBX-RXM-PMREQ: backup, until EXTINT (firmware/drivers/standby.py); the first byte may be lost.
_PMREQ = bytes.fromhex("ff b562 0241 1000 00000000 00000000 06000000 20000000")


def _standby() -> bytes:
    a = b = 0
    for byte in _PMREQ[3:]:
        a = (a + byte) & 0xFF
        b = (b + a) & 0xFF
    return _PMREQ + bytes((a, b))


def receiver(prompt: Prompt, device: Device) -> Finding:
    """Whether anything that it says is whole."""
    standby = device.part("receiver", "switched") == "standby"
    try:
        best = int(ask(prompt, BOARD + RECEIVER.format(standby=int(standby), sleep=_standby())))
    except Unanswered as failed:
        return failed.finding("receiver")
    if best == 2:
        return ok("receiver", "it speaks, and its checksums are right")
    if best:
        do = "is its speed one of 38400 and 9600 baud? Else its line to the board is disturbed: shorten it, look at its ground"
        return wrong("receiver", "something comes, and no checksum of it is right", do)
    return wrong(
        "receiver", "it says nothing", "its load switch, its supply, and TX and RX, which cross over (docs/wiring.md)"
    )


def receiver_spared() -> Finding:
    """A device that is somebody's."""
    why = "the device is enrolled, so its receiver stays without power"
    return not_asked("receiver", why, "--receiver, if the person whom it is about agrees")
