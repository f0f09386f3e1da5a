# poll() over simulated sockets and UARTs; waiting here is where virtual time passes.
import struct

import _link
import _ops

POLLIN = 1
POLLPRI = 2
POLLOUT = 4
POLLERR = 8
POLLHUP = 16

_STREAM_POLL = 3


def _is_tls(obj):
    return type(obj).__name__ == "SSLSocket"


class _Poll:
    def __init__(self):
        self._entries = []  # [object, mask]

    def _find(self, obj):
        for entry in self._entries:
            if entry[0] is obj:
                return entry
        return None

    def register(self, obj, mask=POLLIN | POLLOUT):
        if not hasattr(obj, "poll_id") and not hasattr(obj, "ioctl") and not _is_tls(obj):
            _link.missing("select.poll of " + str(type(obj)))
        entry = self._find(obj)
        if entry:
            entry[1] = mask
        else:
            self._entries.append([obj, mask])

    def modify(self, obj, mask):
        entry = self._find(obj)
        if not entry:
            raise OSError(2)
        entry[1] = mask

    def unregister(self, obj):
        entry = self._find(obj)
        if entry:
            self._entries.remove(entry)

    def _local(self):
        # Objects in Python with an ioctl of their own, such as asyncio.ThreadSafeFlag, or one around a UART.
        ready = []
        for obj, mask in self._entries:
            if _is_tls(obj):
                continue
            if not hasattr(obj, "poll_id") or (hasattr(obj, "ioctl") and type(obj).__name__ != "socket"):
                events = obj.ioctl(_STREAM_POLL, mask)
                if events:
                    ready.append((obj, events))
        return ready

    def poll(self, timeout=-1):
        if timeout is None or timeout < 0:
            until = None
        else:
            until = _link._now_us + _link._spent_us + int(timeout * 1000)
        while True:
            ready = self._once(timeout)
            if ready is not None:
                return ready
            if until is not None:  # an interrupt came: what it did may be what is waited for
                timeout = max(0, until - _link.now_us()) / 1000

    def _once(self, timeout):
        ready = self._local()
        remote = [e for e in self._entries if hasattr(e[0], "poll_id") or _is_tls(e[0])]
        request = bytearray(4 * len(remote))
        for i, (obj, mask) in enumerate(remote):
            if _is_tls(obj):
                import _secure

                events, poll_id, wanted = _secure.beneath(obj, mask)
                if events:
                    ready.append((obj, events))
            else:
                poll_id, wanted = obj.poll_id, mask
            struct.pack_into("<HH", request, 4 * i, poll_id or 0, wanted)
        wait_us = 0 if ready else -1 if timeout is None or timeout < 0 else int(timeout * 1000)
        if not remote and not wait_us:
            return ready
        hits, answer = _link._exchange(_ops.POLL, wait_us, len(remote), request, None)
        if hits < 0:
            return None
        for i in range(0, len(answer), 4):
            index, events = struct.unpack_from("<HH", answer, i)
            obj, mask = remote[index]
            if not any(obj is other for other, _ in ready):
                ready.append((obj, events | mask if _is_tls(obj) else events))
        return ready

    def ipoll(self, timeout=-1, flags=0):
        return iter(self.poll(timeout))


def poll():
    return _Poll()


def __getattr__(name):
    if name == "select":
        import _select_lists

        return _select_lists.select
    raise AttributeError(name)
