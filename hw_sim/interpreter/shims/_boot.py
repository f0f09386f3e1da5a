# What the board's own start-up code does: mount the file system, then run the program.
import gc
import os
import sys
import time

import _link
import _ops
import _tasks
import _threads

sys.modules["_asyncio"] = _tasks  # before `asyncio` takes the built-in one
sys.modules["_thread"] = _threads


class _Alias:
    # The names with a u are the interpreter's own: the host's clock, network and files. On a chip they mean the same.
    def __init__(self, name):
        self._module = name

    def __getattr__(self, name):
        return getattr(__import__(self._module), name)


sys.modules["utime"], sys.modules["uos"] = time, os
for _name in ("socket", "select", "machine"):  # not imported before somebody wants them: they take heap
    sys.modules["u" + _name] = _Alias(_name)


class _NoModule:
    # What only an interpreter for a host has: every use fails as its import does on a chip.
    def __getattr__(self, name):
        raise ImportError("no module named 'termios'")


class _Vfs:
    # The interpreter's own without the host's files.
    def __init__(self, module):
        self._module = module

    def __getattr__(self, name):
        if name == "VfsPosix":
            raise AttributeError(name)
        return getattr(self._module, name)


class _VfsRom(_Vfs):
    # What a port with a ROMFS segment has beside it.
    def rom_ioctl(self, op, *args):
        if op == 1:
            return 1
        if op != 2 or args != (0,):
            _link.missing("vfs.rom_ioctl(%d)" % op)  # this port's segment is written as a block device
        try:
            from rp2 import segment  # here it is a block device too
        except ImportError:
            return sys.modules["_segment"]
        return segment(sys.modules["_segment"])


_vfs = _VfsRom if "_segment" in sys.modules else _Vfs
sys.modules["vfs"], sys.modules["termios"] = _vfs(__import__("vfs")), _NoModule()


class _Sys:
    # `sys` as the chip has it: programs ask it what they run on.
    def __init__(self, port, machine):
        self.platform, self._machine = port, machine

    def __getattr__(self, name):
        if name != "implementation":
            return getattr(sys, name)
        from collections import namedtuple

        own = sys.implementation
        fields = namedtuple("implementation", ("name", "version", "_machine", "_mpy", "_build"))
        return fields(own.name, own.version, self._machine, own._mpy, self.platform)


def _plan():
    import json
    import random

    plan = json.loads(_link.ask(_ops.BOOT))
    random.seed(plan["seed"])
    sys.modules["sys"] = _Sys(plan["port"], plan["machine"])
    return plan


def _mount():
    import _setup

    _setup.mount()
    del sys.modules["_setup"]


def _program(plan):
    if plan["mount"]:
        _mount()
    scope = {"__name__": "__main__"}
    if not plan["source"]:
        return _main(scope), scope
    scope["files"] = {name: _link.ask(_ops.FILE, i) for i, name in enumerate(plan["files"])}
    return compile(_link.ask(_ops.SOURCE), "<stdin>", "exec"), scope


def _file(file):
    for name in ("/" + file, "/app/" + file):
        try:
            with open(name) as f:
                return compile(f.read(), file, "exec")
        except OSError:
            pass
    return None


def _main(scope):
    boot = _file("boot.py")
    if boot:
        exec(boot, scope)  # noqa: S102 - the program of the board
    code = _file("main.py")
    if code is None:
        print("no main.py on this board")
        code = compile("", "main.py", "exec")
    return code


def boot():
    scope = {}
    try:
        plan = _plan()
        if plan.get("console"):
            import _repl

            _repl.run(_mount if plan["mount"] else None, _main if plan["main"] else None)
        code, scope = _program(plan)
        del plan
        gc.collect()
        _link.call(_ops.HEAP, gc.mem_free(), gc.mem_alloc())
        exec(code, scope)  # noqa: S102 - the program of the board
    except SystemExit:
        pass
    except BaseException as error:
        if isinstance(error, MemoryError):  # what it holds must go, or there is no room to say so
            scope.clear()
            gc.collect()
        try:
            _crashed(error)
        except MemoryError:
            _link.call(_ops.CRASH, data=b"MemoryError: and no room left to say where\n")


def _crashed(error):
    import uio as io  # the interpreter itself: without a look into the file system

    text = io.StringIO()
    sys.print_exception(error, text)
    sys.print_exception(error, sys.stdout)
    _link.call(_ops.CRASH, data=text.getvalue().encode())
