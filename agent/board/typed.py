"""What is typed at a board's prompt: programs that use the firmware's modules by names that each release keeps.

A name of the firmware in one of them must be in agent/release/shorten.py, KEPT. None of them says a key; the bytes that do go
into the variable `e` first.
"""

from __future__ import annotations

LOOK = """
import gc, json
gc.threshold(32768)
try:
 from firmware import boards, enrol
 from firmware.flash.recordlog import RecordLog
 from firmware.keystore import SLOT_BYTES, KeyStore
except ImportError:
 print(json.dumps(None))
else:
 board = boards.active()
 k = KeyStore(RecordLog(board.region("keys"), SLOT_BYTES))
 print(json.dumps([board.NAME, k.device if k.enrolled else "", k.generation, k.epoch]))
"""
# The board's share of a new device's keys, and the release that it runs.
SHARE = """
import os
from binascii import hexlify
from firmware.version import VERSION
print(json.dumps([hexlify(os.urandom(42)).decode(), VERSION]))
"""
# What came of the bytes that were typed; of a root and settings, it says nothing of either.
DIGEST = """
from binascii import hexlify
from hashlib import sha256
print(json.dumps(hexlify(sha256(e).digest()).decode()))
"""
INSTALL = """
try:
 enrol.install(RecordLog(board.region("keys"), SLOT_BYTES), board, bytes(e))
finally:
 for i in range(len(e)): e[i] = 0
"""
# `h`, which nothing else is called [a letter that changed on the wire would have it say the digest of something else].
HELLO = """
from binascii import hexlify
from hashlib import sha256
h = enrol.hello(RecordLog(board.region("keys"), SLOT_BYTES), board)
print(json.dumps([hexlify(h).decode(), hexlify(sha256(h).digest()).decode()]))
"""
# -1: it is no answer to this device.
GREET = """
from firmware.errors import FirmwareError
try:
 print(json.dumps([enrol.greet(RecordLog(board.region("keys"), SLOT_BYTES), bytes(e))]))
except FirmwareError:
 print(json.dumps([-1]))
"""
# Large pieces first: a board with 8 MB of heap is through in a second. They hang in a chain [a list that grows wants room in
# one piece, and gives up while small holes are left]; an attempt that failed may have left any of the names undone.
WIPE = """
import gc
for n in ("e", "k"): globals().pop(n, None)
gc.collect()
b = None
for n in (65536, 4096, 256, 16):
 try:
  while 1: b = b, bytearray(n)
 except MemoryError: pass
del b
gc.collect()
"""
PROGRAMS = (LOOK, SHARE, DIGEST, INSTALL, HELLO, GREET, WIPE)

_PLAIN = frozenset(range(0x20, 0x7F)) - {0x22, 0x5C}  # what stands between quotes as it is


def literal(data: bytes | bytearray) -> bytearray:
    """`e = bytearray(b"…")`, made byte by byte, so that a secret among them lies in no text. Overwrite it after use."""
    out = bytearray(b'e = bytearray(b"')
    for byte in data:
        if byte in _PLAIN:
            out.append(byte)
        else:
            out += b"\\x%02x" % byte
    out += b'")'
    return out
