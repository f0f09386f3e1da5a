"""Programs that are typed at a board's prompt to erase it and to prove that.

They use MicroPython alone and nothing of the firmware: a board whose firmware or file system is damaged is erased as well.
Where the regions lie says docs/wiring.md. Each prints one line of JSON.
"""

from __future__ import annotations

from agent.board import typed

SECTOR_BYTES = 4096  # of every chip that MicroPython's two ports are made for

# Regions are what docs/wiring.md names: partitions on an ESP32; on an RP2 the end of what `rp2.Flash()` spans, behind the file
# system, which is longer in a build that is not byleave's [then the regions would be somebody's files].
FIND = """
import gc, hashlib, json, os, vfs
from binascii import b2a_base64, hexlify
gc.threshold(32768)
_ones = b"\\xff" * 4096
_none = bytes(256)
_buf = bytearray(4096)
_devs = {}
_rows = []
_port, _chip = os.uname()[0], os.uname()[4]
_options = {"progsize": 256} if _port == "rp2" else {}
def _row(name, dev, at):
 if dev.ioctl(5, 0) == 4096:
  _devs[name] = dev
  _rows.append([name, at, dev.ioctl(4, 0)])
if _port == "rp2":
 from rp2 import Flash
 _raw = 0x200000 if "RP2350" in _chip else 0x14000
 _parts = ("keys", _raw, 0x2000), ("rules", _raw + 0x2000, 0x2000), ("spool", _raw + 0x4000, 0x7C000), ("files", 0, _raw)
 try:
  _size = os.statvfs("/")
  _size = _size[1] * _size[2]
 except OSError:
  _size = 0
 if _size <= _raw:
  try:
   for _name, _at, _n in _parts:
    _row(_name, Flash(start=_at, len=_n), _at)
  except ValueError:
   _rows = []
 try:
  _row("slots", vfs.rom_ioctl(2, 0), -1)
 except AttributeError:
  pass
else:
 from esp32 import Partition
 _parts = {"keys": "bl_keys", "rules": "bl_rules", "spool": "bl_spool", "nvs": "nvs", "files": "vfs", "slots": "romfs"}
 for _name, _label in _parts.items():
  for _dev in Partition.find(Partition.TYPE_DATA, label=_label):
   _row(_name, _dev, _dev.info()[2])
print(json.dumps([_chip, _rows]))
"""
# A sector that does not erase is tried again, and then overwritten with zeros, which clears what it held. `over`: with zeros before
# the erase [an erase that is cut in its midst leaves some of it readable].
ERASE = """
def _zero(dev, n):
 try:
  for at in range(0, 4096, 256):
   dev.writeblocks(n, _none, at)
  dev.readblocks(n, _buf, 0)
 except OSError:
  return 0
 return 0 if any(_buf) else 1
def _erase(name, first, end, over):
 dev = _devs[name]
 bad = []
 for n in range(first, end):
  for again in 0, 1:
   if over or again:
    _zero(dev, n)
   try:
    dev.ioctl(6, n)
    dev.readblocks(n, _buf, 0)
    if _buf == _ones:
     break
   except OSError:
    pass
  else:
   bad.append([n, _zero(dev, n)])
 print(json.dumps(bad))
"""
VERIFY = """
def _verify(name, first, end):
 global _hash
 if not first:
  _hash = hashlib.sha256()
 blank = 0
 for n in range(first, end):
  _devs[name].readblocks(n, _buf, 0)
  _hash.update(_buf)
  blank += _buf == _ones
 print(json.dumps([blank, hexlify(_hash.digest()).decode() if end == _devs[name].ioctl(4, 0) else ""]))
"""
# Which chip it is, without saying so: its own number hashed behind the device's pseudonym.
MARK = """
from machine import unique_id
print(json.dumps(hexlify(hashlib.sha256({device!r} + unique_id()).digest()).decode()))
"""
# RTC memory of an ESP32: as long as it can be, so that what lies behind a shorter content goes too (MICROPY_HW_RTC_USER_MEM_MAX).
RETAINED = """
from machine import RTC
_memory = getattr(RTC(), "memory", None)
_n = 0
if _memory:
 _memory(bytes(2048))
 _n = 2048 if len(_memory()) == 2048 and not any(_memory()) else -1
 _memory(b"")
print(_n)
"""
# Of each slot (firmware/slots.py): "" blank, "release" complete and confirmed, its notes of the fetch overwritten, "forgotten"
# one that was being fetched or on trial, whose head is overwritten before its erase; "other" nothing of an update's, untouched.
SLOTS = """
def _slot(dev, last):
 dev.readblocks(last, _buf, 0)
 if _buf == _ones:
  return ""
 if _buf[:4] == b"BLS1" and not any(_buf[256:288]):
  for at in range(512, 4096, 256):
   dev.writeblocks(last, _none, at)
  dev.readblocks(last, _buf, 0)
  return "bad" if any(_buf[512:]) else "release"
 if _buf[:4] != b"BLS1" and any(_buf[:256]):
  return "other"
 dev.writeblocks(last, _none, 0)
 dev.ioctl(6, last)
 dev.readblocks(last, _buf, 0)
 return "forgotten" if _buf == _ones else "bad"
_half = _devs["slots"].ioctl(4, 0) // 2
print(json.dumps([_slot(_devs["slots"], n * _half + _half - 1) for n in (0, 1)]))
"""
# Files of the program, not of the person: [path, bytes]. Names of other files do not leave the board.
OPEN = """
try:
 vfs.umount("/")
except OSError:
 pass
try:
 _fs = vfs.VfsLfs2(_devs["files"], **_options)
except OSError:
 _fs = None
def _walk(folder, deep):
 found = []
 for entry in _fs.ilistdir(folder):
  path = folder + entry[0]
  if entry[1] == 0x4000:
   if deep and (folder != "/" or entry[0] == "firmware" or entry[0].startswith("release-")):
    found += _walk(path + "/", deep - 1)
  elif folder != "/" or entry[0] in ("main.py", "slots.py", "slots.mpy", "start"):
   found.append([path, entry[3]])
 return found
print(json.dumps(_walk("/", 4) if _fs else []))
"""
READ = """
for _ in range(8):
 _data = _file.read(2048)
 if _data:
  print(b2a_base64(_data).decode().strip())
if not _data:
 _file.close()
"""
MAKE = """
_fs = _file = None
gc.collect()
vfs.VfsLfs2.mkfs(_devs["files"], **_options)
_fs = vfs.VfsLfs2(_devs["files"], **_options)
"""
# After OPEN: entries of the root that are none of these.
OTHERS = """
print(json.dumps(len([1 for entry in _fs.ilistdir("/") if entry[0] not in {names!r}]) if _fs else -1))
"""
CHECK = """
_hash = hashlib.sha256()
_file = _fs.open(_path, "rb")
while 1:
 _data = _file.read(2048)
 if not _data:
  break
 _hash.update(_data)
_file.close()
print(json.dumps(hexlify(_hash.digest()).decode()))
"""
LIST = """
print(json.dumps([entry[0] for entry in _fs.ilistdir("/")]))
vfs.mount(_fs, "/")
"""


def wipe(kept: tuple[str, ...]) -> str:
    """Lets all go that these programs hold, but for these names, and overwrites the board's free memory."""
    return f"""
for _n in list(globals()):
 if _n[:2] != "__" and _n not in {kept!r}: globals().pop(_n)
{typed.WIPE}"""
