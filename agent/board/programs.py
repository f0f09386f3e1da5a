"""What is typed at a board's prompt to look at it: MicroPython, kept small, for a board with 100 KB of heap.

One session of the prompt has one scope, so what LOOK defines stays for the rest (agent.flashing.writing). Nothing here starts a
release, counts a start on trial or changes flash. Of the firmware's modules only `slots` is used, which keeps its names for ever.
"""

from __future__ import annotations

# `has`: what is half written is not there [a cable that was pulled: `incompatible .mpy file`], and is written anew.
# `bare`: the path on which nothing of the file system lies, nor the first slot, which MicroPython mounts as /rom by itself.
_PATHS = """
import os, sys
if "bare" not in globals():
 path = list(sys.path)
 bare = [p for p in path if p not in ("", "/", "/lib") and not ("/rom/lib" in path and p in ("/rom", "/rom/lib"))]
def has(name):
 try:
  __import__(name)
 except MemoryError:
  raise
 except Exception:
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
  except (OSError, UnicodeError):
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
except (OSError, UnicodeError):
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

# Security version of what would start now, 0 for nothing; then nothing of it is loaded any more.
SECURITY = (
    REACH
    + """
try:
 from firmware.version import SECURITY
except ImportError:
 SECURITY = 0
for n in list(sys.modules):
 if n == "slots" or n.split(".")[0] == "firmware": del sys.modules[n]
print(SECURITY)
"""
)

MACHINE = "import os\nprint(os.uname()[4])"
BOOTLOADER = "import machine\nmachine.bootloader()"
