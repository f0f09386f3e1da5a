"""What is typed at a board's prompt to look at it and to flash it: MicroPython, kept small, for a board with 100 KB of heap.

One session of the prompt has one scope, so what LOOK defines stays for the rest. Nothing here starts a release, counts a start
on trial or changes flash unless its name says so. Of the firmware's modules only `slots` is used, which keeps its names for ever.
"""

from __future__ import annotations

# `bare`: the path on which nothing of the file system lies, nor the first slot, which MicroPython mounts as /rom by itself.
_PATHS = """
import os, sys
if "bare" not in globals():
 path = list(sys.path)
 bare = [p for p in path if p not in ("", "/", "/lib") and not ("/rom/lib" in path and p in ("/rom", "/rom/lib"))]
def has(name):
 try:
  __import__(name)
 except ImportError:
  return 0
 return 1
"""

# Makes `firmware` importable at the prompt, as the next start would find it, but for a release on trial: whose start counts.
REACH = (
    _PATHS
    + """
def reach():
 sys.path[:] = bare
 if not has("slots"):
  try:
   with open("/start") as f: sys.path.append(f.read())
  except OSError:
   sys.path.append("/")
  if not has("slots"):
   return 0
 import slots
 try:
  found = slots.both(slots.device())
 except OSError:
  found = ()
 least = slots.floor(found)
 for _, head, slot in found:
  if head and slot.marked(0) and slot.marked(1) and head[2] >= least:
   if "/slot" in sys.path or slots._mount(slot, head):
    break
 return has("firmware")
reach()
"""
)

# Prints a JSON object: see flashing.Found. `feed` is for what takes long, where Console.hold keeps a watchdog quiet. Where an RP2's
# raw regions begin: RAW_START of firmware/boards/pico_w.py and pico2_w.py.
LOOK = (
    _PATHS
    + """
import gc, json
gc.collect()
def segment():
 try:
  import vfs
  r = vfs.rom_ioctl(2, 0)
  try:
   from esp32 import Partition
   r = Partition("romfs")
  except ImportError:
   if isinstance(r, int): return 0
  return r.ioctl(4, 0)
 except (AttributeError, ImportError, OSError):
  return 0
def keys():
 try:
  from esp32 import Partition
  k = [Partition.find(Partition.TYPE_DATA, label="bl_" + n) for n in ("keys", "rules", "spool")]
  if not all(k): return None
  return k[0][0]
 except ImportError:
  import rp2
 start = 0x200000 if "RP2350" in os.uname()[4] else 0x14000
 try:
  s = os.statvfs("/")
  if s[1] * s[2] > start: return None
 except OSError:
  pass
 try:
  return rp2.Flash(start=start, len=0x2000)
 except ValueError:
  return None
def used(k):
 b = bytearray(512)
 for i in (0, 1):
  k.readblocks(i, b, 0)
  if b.count(b"\\xff") < 512: return 1
 return 0
def feed():
 try:
  _held[0] = 25
 except NameError:
  pass
k = keys()
found = {"machine": os.uname()[4], "python": os.uname()[2], "regions": k is not None, "segment": segment()}
found["heap"] = gc.mem_free() + gc.mem_alloc()
found["mpy"] = getattr(sys.implementation, "_mpy", 0) & 255
found["packed"] = has("deflate")
sys.path[:] = bare
found["built"] = has("slots")
sys.path[:] = path
found["used"] = 0 if k is None else used(k)
try:
 s = os.statvfs("/")
 found["free"] = s[0] * s[3]
except OSError:
 found["free"] = 0
try:
 with open("/start") as f: found["start"] = f.read(64)
except OSError:
 found["start"] = ""
print(json.dumps(found))
"""
)

VERSION = (
    REACH
    + """
try:
 from firmware.version import VERSION
except ImportError:
 VERSION = ""
print(VERSION)
"""
)

# Takes pieces, as framing.pieces makes them, and gives each to `put`, whose answer, 16 characters, it says.
TAKE = """
import binascii, io
from hashlib import sha256
def digest(data):
 return binascii.hexlify(sha256(data).digest()[:8])
def take():
 sys.stdout.buffer.write(b"!")
 head = bytearray(24)
 room = bytearray(8192)
 while 1:
  sys.stdin.buffer.readinto(head)
  if binascii.crc32(head[:16]) != int(bytes(head[16:]), 16): raise ValueError("disturbed")
  i, n, size = int(bytes(head[:4]), 16), int(bytes(head[4:8]), 16), int(bytes(head[8:16]), 16)
  if not size: return
  data = memoryview(room)[:n]
  sys.stdin.buffer.readinto(data)
  data = bytes(data)
  for c in (1, 2, 3, 4, 5, 16): data = data.replace(bytes((16, c + 64)), bytes((c,)))
  if len(data) != size:
   try:
    import deflate
    data = deflate.DeflateIO(io.BytesIO(data), deflate.RAW, 12).read(size + 1)
   except (OSError, EOFError):
    data = b""
  feed()
  if len(data) != size: raise ValueError("disturbed")
  sys.stdout.buffer.write(put(i, data))
"""

# --- slots

SLOTS = """
import binascii, json, slots
from hashlib import sha256
device = slots.device()
room = bytearray(4096)
def whole(base, size):
 h = sha256()
 for i in range((size + 4095) // 4096):
  device.readblocks(base + i, room, 0)
  h.update(memoryview(room)[:min(4096, size - i * 4096)])
  feed()
 return h.digest()
def told():
 out = []
 for order, head, slot in slots.both(device):
  row = [slot.index, slot.base, slot.sectors, order, slot.marked(0), slot.marked(1), slot.marked(2)]
  if head:
   row += [head[1], head[2], str(binascii.hexlify(head[3]), "ascii"), whole(slot.base, head[1]) == head[3]]
  out.append(row)
 print(json.dumps(out))
told()
"""

# 16 characters for each of the first n sectors.
SECTORS = """
for i in range({n}):
 device.readblocks({base} + i, room, 0)
 print(str(binascii.hexlify(sha256(room).digest()[:8]), "ascii"), end="")
 feed()
"""

# What the slot says of itself becomes zeros before anything of it is erased [a torn erase could bring it back].
VOID = """
if slots.Slot(device, {index}).head():
 device.writeblocks({last}, bytes(256), 0)
print(slots.Slot(device, {index}).head())
"""

WRITE_SECTORS = """
blank = b"\\xff" * 4096
def put(i, data):
 if not i < {n}: raise ValueError("disturbed")
 at = {base} + i
 device.readblocks(at, room, 0)
 if room != data:
  if room != blank: device.ioctl(6, at)
  device.writeblocks(at, data, 0)
  device.readblocks(at, room, 0)
 return digest(room)
take()
"""

WHOLE = """
print(str(binascii.hexlify(whole({base}, {size})), "ascii"))
"""

# The marks count for nothing without a head, and that has a check sum: a cut leaves no slot, or this one whole and confirmed.
SEAL = """
slot = slots.Slot(device, {index})
device.ioctl(6, {last})
slot.mark(0)
slot.mark(1)
page = bytearray(b"\\xff" * 256)
head = slots.pack_head({order}, {size}, {security}, binascii.unhexlify("{digest}"), b"")
page[:len(head)] = head
device.writeblocks({last}, page, 0)
told()
"""

# --- files

FILES = """
import binascii, json
from hashlib import sha256
def content(name):
 h = sha256()
 with open(name, "rb") as f:
  while 1:
   part = f.read(1024)
   if not part: break
   h.update(part)
 feed()
 return str(binascii.hexlify(h.digest()), "ascii")
def walk(place, out):
 for row in os.ilistdir(place or "/"):
  name = place + "/" + row[0]
  if row[1] == 0x4000: walk(name, out)
  else: out[name] = content(name)
def clear(place):
 for row in os.ilistdir(place):
  name = place + "/" + row[0]
  if row[1] == 0x4000: clear(name)
  else: os.remove(name)
  feed()
 os.rmdir(place)
"""

HASHES = """
out = {{}}
for name in {names}:
 try:
  out[name] = content(name)
 except OSError:
  pass
try:
 if {place}: walk({place}, out)
except OSError:
 pass
print(json.dumps(out))
"""

WRITE_FILES = """
names = {names}
now = None
def folders(name):
 at = name.find("/", 1)
 while at > 0:
  try:
   os.mkdir(name[:at])
  except OSError:
   pass
  at = name.find("/", at + 1)
def put(i, data):
 global now, file
 if now != i:
  if now is not None: file.close()
  folders(names[i])
  file = open(names[i], "wb")
  now = i
 file.write(data)
 return digest(data)
try:
 take()
finally:
 if now is not None: file.close()
"""

# On littlefs one step; a FAT file system does not replace.
REPLACE = """
try:
 os.rename({new}, {old})
except OSError:
 os.remove({old})
 os.rename({new}, {old})
"""

REMOVE = """
try:
 os.remove({name})
except OSError:
 pass
"""

# Folders of releases that the start file does not name.
TIDY = """
for row in list(os.ilistdir("/")):
 if row[0].startswith("release-") and "/" + row[0] not in {kept}: clear("/" + row[0])
"""

BOOTLOADER = "import machine\nmachine.bootloader()"
