"""The way to the server: access point and broker, modem, or serial line; whichever the settings name."""

from __future__ import annotations

import binascii
import struct

from agent.examination import brokers
from agent.examination.findings import BOARD, Device, Finding, Prompt, Unanswered, ask, not_asked, ok, wrong

# 12 s of the console's 30: an association with DHCP takes 2 to 8 s on a weak signal. It stays joined for the broker.
JOIN = """
import network, time
r = None
try:
 board.radio_connect(s)
 for _ in range(60):
  if board.radio_connected(): break
  time.sleep_ms(200)
 else:
  r = network.WLAN(network.STA_IF).status()
except OSError:
 r = 0
print(json.dumps(r))
"""
MODEM = """
import asyncio
from firmware.drivers.sim7080g import Sim7080g
from firmware.errors import DriverError
m = Sim7080g(board.modem())
def pin():
 raise DriverError("PIN")
async def see():
 r = "silent"
 try:
  await asyncio.wait_for_ms(m.start(), 16000)
  r = "no SIM"
  await asyncio.wait_for_ms(m.unlock(pin), 6000)
  r = "ready"
 except asyncio.TimeoutError: pass
 except DriverError as e: r = r if str(e) in ("modem does not answer", "no SIM") else str(e)
 return r
print(json.dumps(asyncio.run(see())))
"""
MODEM_OFF = """
import asyncio
from firmware.drivers.sim7080g import Sim7080g
print(json.dumps(asyncio.run(Sim7080g(board.modem()).power_off())))
"""
SERIAL = """
import time
u = board.uart_link(s["serial"]["baudrate"])
u.read()
d, r = b"", None
for n in range(40):
 if n % 10 == 0: u.write({ping!r})
 time.sleep_ms(100)
 d = (d + (u.read() or b""))[-600:]
 if {there!r} in d: r = 1
 elif {away!r} in d: r = 0
 if r is not None: break
print(json.dumps([r, bool(d)]))
"""
_PING, _PONG = 7, 8  # docs/serial-link.md

# network.STAT_* of the ESP32 port and of the RP2's radio, as far as they tell why.
NO_ACCESS_POINT, WRONG_KEY = (200, 201, 211, -2), (202, 204, 210, -3)


def link(prompt: Prompt, device: Device) -> list[Finding]:
    """Findings of the link that the settings name; the radio is left on, to be switched off with all else."""
    settings = device.settings
    if "serial" in settings:
        return [_serial(prompt, device)]
    if "modem" in settings:
        return [_modem(prompt, device)]
    if "wifi" not in settings:
        return [not_asked("radio", "no settings say how it reaches its server", "--settings board.json")]
    found = _joined(prompt, device)
    if found.state != "ok":
        return [found, not_asked("broker", "there is no network to reach it by")]
    return [found, brokers.broker(prompt, device)]


def _joined(prompt: Prompt, device: Device) -> Finding:
    try:
        status = ask(prompt, device.told + JOIN)
    except Unanswered as failed:
        return failed.finding("radio")
    if status is None:
        return ok("radio", "it joins the access point")
    if status in WRONG_KEY:
        return wrong(
            "radio",
            "the access point does not take the key",
            "the key of the settings (`wifi`): enrol it with the right one",
        )
    if status in NO_ACCESS_POINT:
        do = "is the name right, letter by letter, the access point on, and on 2.4 GHz? These boards hear no other"
        return wrong("radio", "the access point is not in reach", do)
    return wrong("radio", "it joins no access point within 12 s", "try nearer to it; then its list of addresses (DHCP)")


def _modem(prompt: Prompt, device: Device) -> Finding:
    if device.name not in ("esp32", "esp32s3"):
        return wrong(
            "radio", "the settings name a modem, which this board cannot have", "enrol it with `wifi` or `serial`"
        )
    try:
        answer = ask(prompt, BOARD + MODEM)
        off = ask(prompt, BOARD + MODEM_OFF)
    except Unanswered as failed:
        return failed.finding("modem")
    if answer in _MODEMS:
        return wrong("modem", *_MODEMS[answer])
    if answer not in ("ready", "PIN"):
        do = "the card in a telephone tells more; a SIM7080G is the modem that is driven"
        return wrong("modem", f"it answers: {answer}", do)
    if not off:
        return wrong("modem", "it answers, and does not switch off", "its line PWRKEY")
    return ok("modem", "it answers, and its SIM " + ("is ready" if answer == "ready" else "wants its PIN"))


_MODEMS = {
    "silent": ("no answer to AT", "its supply (2 A at its peaks), PWRKEY, and TX and RX, which cross over"),
    "no SIM": ("it answers, and finds no SIM", "put the card in, contacts down, while the modem has no power"),
}


def frame(kind: int, body: bytes = b"") -> bytes:
    """One frame of docs/serial-link.md with the number 0; short ones only."""
    data = struct.pack(">BHH", kind, 0, len(body)) + body
    data += struct.pack(">I", binascii.crc32(data))
    stuffed = b"".join(bytes((len(part) + 1,)) + part for part in data.split(b"\0"))
    return b"\0" + stuffed + b"\0"


def _serial(prompt: Prompt, device: Device) -> Finding:
    there, away = frame(_PONG, b"\1"), frame(_PONG, b"\0")
    program = SERIAL.format(ping=frame(_PING), there=there, away=away)
    try:
        state, heard = ask(prompt, device.told + program)
    except Unanswered as failed:
        return failed.finding("serial")
    if state == 1:
        return ok("serial", "a gateway answers, and has its broker")
    if state == 0:
        return wrong(
            "serial", "a gateway answers, and can take nothing", "its broker, and `byleave agent gateway --status`"
        )
    if heard:
        return wrong(
            "serial",
            "something comes, and no frame of it is whole",
            "the speed (`baudrate`) on both sides, and the ground wire",
        )
    return wrong("serial", "no gateway answers", "does it run? TX and RX cross over (docs/serial-link.md)")
