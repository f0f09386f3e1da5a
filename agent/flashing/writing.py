"""What is typed at a board's prompt to put a release there: into a slot, or as files. After programs.LOOK, in the same session.

Nothing here starts a release, counts a start on trial or changes flash unless its name says so. Of the firmware's modules only
`slots` is used, which keeps its names for ever.
"""

# Before all else: which Python that is. Whatever comes between the two lines was printed by nobody who was asked.
GREETING = """
import sys, time
print(sys.implementation[0])
time.sleep(0.2)
print("!")
"""
GREETED, SILENT = "micropython", "!"

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

# Folders of releases, by their form alone [somebody's own may begin like them], that the start file does not name.
TIDY = """
def ours(name):
 return name[:8] == "release-" and len(name) == 20 and all(c in "0123456789abcdef" for c in name[8:])
for row in list(os.ilistdir("/")):
 if row[1] == 0x4000 and ours(row[0]) and "/" + row[0] not in {kept}: clear("/" + row[0])
"""
