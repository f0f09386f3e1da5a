# sys.stdin, sys.stdout.buffer, input() and micropython.kbd_intr of a board whose console is a serial port. What is
# printed goes the interpreter's own way.
import builtins
import os
import sys

import _link
import _ops


def _read(n, timeout_us=-1):
    data = b""
    while n < 0 or len(data) < n:
        part = _link.ask(_ops.STDIN_READ, n - len(data) if n > 0 else 256, timeout_us)
        if not part:
            break
        data += part
    return data


class _Bytes:
    poll_id = _ops.STDIN_POLL

    def read(self, n=-1):
        return _read(n)

    def readinto(self, buf, n=None):
        data = _read(len(buf) if n is None else min(n, len(buf)))
        buf[: len(data)] = data
        return len(data)

    def readline(self):
        line = b""
        while not line.endswith((b"\n", b"\r")):
            line += _read(1)
        return line

    def write(self, data, n=None):
        _link.call(_ops.STDOUT_WRITE, data=data if n is None else memoryview(data)[:n])
        return len(data) if n is None else n


class _In(_Bytes):
    buffer = _Bytes()

    def read(self, n=-1):
        return _read(n).decode()

    def readline(self):
        return self.buffer.readline().decode()


class _Out:
    buffer = _In.buffer

    def __init__(self, stream):
        self._stream = stream

    def __getattr__(self, name):
        return getattr(self._stream, name)


class _Over:
    # A module of the interpreter, some of its names replaced.
    def __init__(self, module, **names):
        self._module = module
        for name, value in names.items():
            setattr(self, name, value)

    def __getattr__(self, name):
        return getattr(self._module, name)


def _kbd_intr(char):
    _link.call(_ops.KBD_INTR, char)


def _input(prompt=""):
    print(prompt, end="")
    line = ""
    while True:
        char = _read(1).decode()
        if char in "\r\n":
            print()
            return line
        if char in "\x08\x7f":
            if line:
                line = line[:-1]
                print("\x08 \x08", end="")
        else:
            line += char
            print(char, end="")


def _ilistdir(*path):
    # Our own modules and the release lie in ROM; what is mounted for them is no file of the board.
    for entry in _files(*path):
        if entry[0] not in ("rom", "app") or entry[1:3] != (0x4000, 0):
            yield entry


def _listdir(*path):
    return [entry[0] for entry in os.ilistdir(*path)]


_files = os.ilistdir


def install():
    import micropython

    os.ilistdir, os.listdir = _ilistdir, _listdir

    out = _Out(sys.stdout)
    sys.modules["micropython"] = _Over(micropython, kbd_intr=_kbd_intr)
    sys.modules["sys"] = _Over(sys, stdin=_In(), stdout=out, stderr=out)
    builtins.input = _input
