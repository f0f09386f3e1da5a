# Before the program: mount the file system as the board's start-up code does. Forgotten when done.
import esp32
import vfs


def mount():
    part = esp32.Partition.find(esp32.Partition.TYPE_DATA, label="vfs")
    if not part:
        return
    part = part[0]
    try:
        fs = vfs.VfsLfs2(part, mtime=False)
    except OSError:
        head = bytearray(256)
        part.readblocks(0, head, 0)
        if head != b"\xff" * 256:
            raise OSError("the file system of this board is corrupted")
        vfs.VfsLfs2.mkfs(part)
        fs = vfs.VfsLfs2(part, mtime=False)
    vfs.mount(fs, "/")
