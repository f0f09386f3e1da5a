"""The broker: its name, its port, its certificate, and whether it takes the credentials; as the device itself will find it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from agent.board.answers import plain
from agent.examination import certificates
from agent.examination.certificates import Certificate, day
from agent.examination.findings import Device, Finding, Prompt, Unanswered, ask, ok, wrong

# The name, the connection, TLS where the settings ask for it, then the first packet of MQTT under an identifier of its own, so that
# no device's session is touched. It prints what CONNACK says, or "name", "silent", "refused", "other"; of TLS [its word], or
# ["shut"] where the other side ends it, or goes on with something else; behind it the broker's certificate, if one was shown.
# Credentials leave the board behind a handshake in which the CA has vouched for that very name, or where the settings want no TLS.
BROKER = """
import os, socket, struct, time
from binascii import a2b_base64, hexlify
seen = b""
def text(t):
 t = t.encode()
 return struct.pack(">H", len(t)) + t
def leaf(der, depth):
 global seen
 if not depth: seen = bytes(der)
 return 0
def secured(k, c):
 import tls
 from machine import RTC
 RTC().datetime(now)
 ca = c.get("ca") or ""
 at = ca.find("-----BEGIN CERTIFICATE-----") + 27
 o = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
 o.verify_mode = tls.CERT_REQUIRED
 o.load_verify_locations(a2b_base64(ca[at : ca.find("-----END", at)]))
 o.verify_callback = leaf
 k.setblocking(False)
 return o.wrap_socket(k, server_hostname=c["host"], do_handshake_on_connect=False)
def wait(f, a):
 while 1:
  r = f(a)
  if r is not None: return r
  if time.ticks_diff(until, time.ticks_ms()) < 0: raise OSError(110)
  time.sleep_ms(20)
def see(c):
 global until
 try:
  a = socket.getaddrinfo(c["host"], c["port"])[0][-1]
 except OSError:
  return "name"
 t = k = socket.socket()
 try:
  k.settimeout(6)
  try: k.connect(a)
  except OSError as e: return "refused" if e.args[0] in (104, 111) else "silent"
  user, word = c.get("user"), c.get("password")
  d = text("doctor-" + hexlify(os.urandom(4)).decode()) + (text(user) if user else b"") + (text(word) if user and word else b"")
  d = text("MQTT") + bytes((4, 2 | (128 if user else 0) | (64 if user and word else 0), 0, 10)) + d
  n = len(d)
  d = b"\\x10" + (bytes((n,)) if n < 128 else bytes((n & 127 | 128, n >> 7))) + d
  until = time.ticks_add(time.ticks_ms(), 12000)
  if c.get("tls"):
   try:
    t = secured(k, c)
    while d: d = d[wait(t.write, d):]
   except ImportError: return ["no TLS"]
   except MemoryError: return ["no memory"]
   except ValueError as e: return [str(e).strip()]
   except OSError: return ["shut"]
  else:
   k.send(d)
  d = b""
  try:
   while len(d) < 4:
    m = wait(t.read if t is not k else k.recv, 4 - len(d))
    if not m: break
    d += m
  except OSError: return "silent"
  if len(d) != 4 or d[0] != 32: return "other"
  if not d[3]: t.write(b"\\xe0\\0")
  return d[3]
 finally:
  t.close()
  k.close()
r = see(s["broker"])
print(json.dumps([r, hexlify(seen).decode()]))
"""


def program(device: Device) -> str:
    """What is typed, with this computer's time, by which the certificate is judged [the prompt has none of its own]."""
    now = time.gmtime(device.now_s)
    told = (now.tm_year, now.tm_mon, now.tm_mday, now.tm_wday, now.tm_hour, now.tm_min, now.tm_sec, 0)
    return f"{device.told}now = {told!r}\n{BROKER}"


def broker(prompt: Prompt, device: Device) -> Finding:
    """What becomes of a connection. The network is joined before."""
    try:
        answer, shown = ask(prompt, program(device))
    except Unanswered as failed:
        return failed.finding("broker")
    certificate = _read(bytes.fromhex(shown))
    if isinstance(answer, list):
        return wrong("broker", *_unsecured(answer, certificate, device))
    if certificate is not None and certificate.ends_s < device.floor_s:
        return wrong("broker", *_ahead(certificate, device))
    if answer != 0:
        return wrong("broker", *_refusal(answer))
    until = f"; its certificate is good until {day(certificate.ends_s)}" if certificate else ""
    return ok("broker", f"it is reached, and takes the credentials{until}")


def _read(der: bytes) -> Certificate | None:
    """None where there is none, or one that says nothing to us [a broker's odd certificate is no fault of the board]."""
    with suppress(ValueError):
        return certificates.read(der)
    return None


def _unsecured(answer: list[Any], certificate: Certificate | None, device: Device) -> tuple[str, str]:
    """(what was seen, what to do) of a handshake that failed: nothing that is secret has left the board."""
    word = str(answer[-1])
    for known, told in _TLS.items():
        if known in word:
            return told(certificate, device)
    return f"TLS fails: {plain(word)}", "the broker's certificate and its TLS settings; its own log says why"


def _shut(certificate: Certificate | None, device: Device) -> tuple[str, str]:
    do = "is the port of the settings (`broker`) the broker's for TLS, commonly 8883? The broker's own log says why"
    return "it is there, and does not speak TLS", do


def _of_another_ca(certificate: Certificate | None, device: Device) -> tuple[str, str]:
    do = "the CA of the settings (`broker`, `ca`) is not the one of the broker's certificate; or somebody else answers"
    return "another CA than the settings' has signed its certificate", do


def _of_another_name(certificate: Certificate | None, device: Device) -> tuple[str, str]:
    names = ", ".join(plain(name) for name in certificate.names) if certificate else ""
    do = "the name in the settings (`broker`, `host`), or a certificate with that name among its alternative names"
    return f"its certificate is for another name{': ' + names if names else ''}", do


def _not_begun(certificate: Certificate | None, device: Device) -> tuple[str, str]:
    begins = f" before {day(certificate.begins_s)}" if certificate else ""
    do = f"by this computer's clock it is {day(device.now_s)}: set that; if it is right, the broker's certificate is early"
    return f"its certificate is not valid{begins}", do


def _expired(certificate: Certificate | None, device: Device) -> tuple[str, str]:
    when = f" on {day(certificate.ends_s)}" if certificate else ""
    do = f"renew the broker's certificate; by this computer's clock it is {day(device.now_s)}, is that right?"
    return f"its certificate has expired{when}", do


# What mbedTLS says (MBEDTLS_X509_CRT_ERROR_INFO_LIST of x509_crt.h), and what BROKER does. More than one may come: another CA
# before all else, since then the rest is a stranger's word.
_TLS: dict[str, Callable[[Certificate | None, Device], tuple[str, str]]] = {
    "shut": _shut,
    "not correctly signed by the trusted CA": _of_another_ca,
    "does not match with the expected CN": _of_another_name,
    "validity has expired": _expired,
    "validity starts in the future": _not_begun,
    "no TLS": lambda shown, device: ("this build of MicroPython has no TLS", "byleave's build: `byleave agent flash`"),
    "no memory": lambda shown, device: (
        "the board has no memory for TLS",
        "a certificate of an elliptic curve takes less than RSA",
    ),
}


def _ahead(certificate: Certificate, device: Device) -> tuple[str, str]:
    """The board's clock never goes back behind a day that it has believed once, and by that day it judges."""
    seen = (
        f"the board's clock is wrong for its certificate: that ends on {day(certificate.ends_s)}, and the board has "
        f"seen {day(device.floor_s)}"
    )
    return seen, f"enrol the board anew (--again); by this computer's clock it is {day(device.now_s)}, is that right?"


def _refusal(answer: Any) -> tuple[str, str]:
    code = plain(answer)
    return _REFUSALS.get(answer, (f"it refuses the connection (MQTT code {code})", "its own log says why"))


_CREDENTIALS = ("it refuses user or password", "the credentials of the settings (`broker`), or its list of users")
_REFUSALS: dict[int | str, tuple[str, str]] = {
    "name": (
        "its name does not resolve",
        "the name in the settings (`broker`), and whether this network has a resolver",
    ),
    "refused": (
        "its computer is there and refuses the port",
        "does the broker run, and listen on this port, to others than itself?",
    ),
    "silent": ("nobody answers there", "its address and port in the settings, and the firewall before it"),
    "other": (
        "what answers there is no MQTT broker",
        "the port in the settings: one for TLS is spoken to with `tls`; or the access point wants a sign-in page first",
    ),
    2: (
        "it refuses our identifier",
        "let the broker take other identifiers than devices'; the first contact has its own",
    ),
    4: _CREDENTIALS,
    5: _CREDENTIALS,
}
