# Before the program: the frozen `_boot` of the port, or the one that the program's build freezes in its place.


def mount():
    try:
        import _frozen_boot  # noqa: F401
    except ImportError:
        pass
    else:
        return
    import rp2
    import vfs

    storage = rp2.Flash()
    try:
        fs = vfs.VfsLfs2(storage, progsize=256)
    except:  # noqa: E722 - as ports/rp2/modules/_boot.py does it: whatever the error was, all is formatted
        vfs.VfsLfs2.mkfs(storage, progsize=256)
        fs = vfs.VfsLfs2(storage, progsize=256)
    vfs.mount(fs, "/")
