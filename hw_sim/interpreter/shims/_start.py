# First thing the interpreter runs: leave the host's file system behind, then start the board's boot sequence.
import sys

import vfs

_, rx, tx, shims, app, segment = sys.argv
rx = open(int(rx), "rb")
tx = open(int(tx), "wb")
for place, at in (("/rom", shims), ("/app", app)):
    if "," in at:  # an image in memory: address, size
        import uctypes

        address, size = at.split(",")
        vfs.mount(vfs.VfsRom(uctypes.bytearray_at(int(address), int(size))), place)
    else:
        vfs.mount(vfs.VfsPosix(at), place)
if segment:  # what the chip maps for ROMFS; "-" where nothing lies in it yet
    import uctypes

    address, size = segment.split(",") if "," in segment else (0, 0)
    sys.modules["_segment"] = memoryview(uctypes.bytearray_at(int(address), int(size)) if address else b"")
vfs.umount("/")
sys.path[:] = ["/rom", "/app", "", ".frozen", "/lib"]
sys.argv[:] = [""]
sys.modules["_pipes"] = (rx, tx)
for name in ("rx", "tx", "shims", "app", "segment", "_", "vfs", "uctypes", "place", "at", "address", "size"):
    globals().pop(name, None)
import _boot  # noqa: E402 - it lies on the path set above

_boot.boot()
