# The two pipes to the simulator, and the clock as last heard of.
import gc
import struct
import sys

import _ops

_rx, _tx = sys.modules.pop("_pipes")
_request = bytearray(25)
_answer = bytearray(21)
_now_us = 0
_spent_us = 0
_busy = False


class NotSimulated(BaseException):
    # Of what nothing here stands for. No Exception, so that a broad `except` cannot hide it. `module` and `attribute` say what.
    def __init__(self, name):
        super().__init__(name)
        self.module, _, self.attribute = name.split(": ")[0].partition(".")


def _exchange(op, a, b, data, into):
    global _now_us, _spent_us, _busy
    if _busy:  # a signal of Ctrl-C broke into the last one: what comes next on the pipe nobody knows
        raise SystemExit
    n = len(data)
    struct.pack_into("<BIqqI", _request, 0, op, _spent_us, a, b, n)
    _spent_us = 0
    _busy = True
    _tx.write(_request)
    if n:
        _tx.write(data)
    if _rx.readinto(_answer) != len(_answer):
        raise SystemExit
    status, _now_us, value, n = struct.unpack("<bqqI", _answer)
    blob = b""
    if n:
        if into is None:
            blob = _rx.read(n)
        else:
            _rx.readinto(memoryview(into)[:n])
    _busy = False
    if status == 4:
        import _irq  # it was asked for there

        _irq.serve(value)
        return _exchange(_ops.RESUME, 0, 0, b"", into)
    if status:
        _unusual(status, value, blob)
    return value, blob


def _unusual(status, value, blob):
    if status < 0:
        raise OSError(value)
    if status == 1:
        _measure()
    elif status == 2:
        raise KeyboardInterrupt
    else:
        raise NotSimulated(blob.decode())


def _measure():
    # The simulator asks now and then (status 1) what a collection leaves free.
    gc.collect()
    _exchange(_ops.HEAP, gc.mem_free(), gc.mem_alloc(), b"", None)


def call(op, a=0, b=0, data=b"", into=None):
    return _exchange(op, a, b, data, into)[0]


def ask(op, a=0, b=0, data=b""):
    return _exchange(op, a, b, data, None)[1]


def now_us():
    # Each reading takes 1 us, so that a loop on the clock ends; told to the simulator with the next request.
    global _spent_us
    _spent_us += 1
    if _spent_us >= 1000:  # a loop that only reads the clock must still meet its watchdog
        call(_ops.SYNC)
    return _now_us + _spent_us


def missing(name):
    call(_ops.MISSING, data=name.encode())


def absent(module, name, names):
    if name not in names.split():
        raise AttributeError(name)
    import _absent

    return _absent.Absent(module + "." + name)
