# The ESP32-S3's `machine`, as far as the board has parts for it. What is left out says so by name.
import struct

import _link
import _ops

PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5


def reset():
    _link.call(_ops.RESET, _ops.HARD)


def soft_reset():
    _link.call(_ops.RESET, _ops.SOFT)


def deepsleep(time_ms=None):
    _link.call(_ops.RESET, _ops.DEEPSLEEP, -1 if time_ms is None else time_ms * 1000)


def lightsleep(time_ms=None):
    _link.call(_ops.LIGHTSLEEP, -1 if time_ms is None else time_ms * 1000)


_cause = None


def reset_cause():
    global _cause
    if _cause is None:  # it stays what it is until the next start
        _cause = _link.call(_ops.RESET_CAUSE)
    return _cause


def unique_id():
    return _link.ask(_ops.UNIQUE_ID)


def freq(hz=None):
    import _machine

    return _machine.freq(hz)


def idle():
    _link.call(_ops.SLEEP, 1000)


def disable_irq():
    return _link.call(_ops.IRQ_HOLD, 1)


def enable_irq(state=0):
    _link.call(_ops.IRQ_HOLD, state)


def _more(self, name):
    import _machine

    return _machine.attribute(self, name)


class Pin:
    IN = 1
    OUT = 3
    OPEN_DRAIN = 7
    PULL_DOWN = 1
    PULL_UP = 2
    IRQ_RISING = 1
    IRQ_FALLING = 2
    WAKE_LOW = 4
    WAKE_HIGH = 5
    DRIVE_0 = 0
    DRIVE_1 = 1
    DRIVE_2 = 2
    DRIVE_3 = 3
    _mode = _pull = None
    _drive = 2

    def __init__(self, id, mode=-1, pull=-1, value=None, drive=None, hold=None, **options):
        if options:
            _link.missing("machine.Pin(" + ", ".join(options) + ")")
        if not isinstance(id, int):
            import _machine

            id = _machine.pin_of(id)
        self.id = id
        if _link.call(_ops.PIN_KNOWN, id):
            raise ValueError("invalid pin")
        self.init(mode, pull, value, drive, hold)

    def init(self, mode=-1, pull=-1, value=None, drive=None, hold=None):
        if mode > 1 and _link.call(_ops.PIN_KNOWN, self.id, 1):
            raise ValueError("pin can only be input")
        if value is not None:  # before the direction, so that the output never glitches
            self.value(value)
        if mode != -1:
            self._mode, self._pull = mode, None if pull == -1 else pull
            _link.call(_ops.PIN_MODE, self.id, mode | (pull or 0) << 4 if pull not in (-1, None) else mode)
        elif pull != -1:
            self.init(self._mode or self.IN, pull)
        if drive is not None:
            self._drive = drive
        if hold is not None:
            _link.call(_ops.PIN_HOLD, self.id, 1 if hold else 0)

    def value(self, level=None):
        if level is None:
            return _link.call(_ops.PIN_GET, self.id)
        _link.call(_ops.PIN_SET, self.id, 1 if level else 0)
        return None

    __call__ = value

    def __str__(self):
        return "Pin(%d)" % self.id

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)

    __getattr__ = _more


class RTC:
    def __init__(self, id=0):
        pass

    def memory(self, data=None):
        if data is None:
            return _link.ask(_ops.RETAINED_GET)
        if len(data) > 2048:  # MICROPY_HW_RTC_USER_MEM_MAX
            raise ValueError("buffer too long")
        _link.call(_ops.RETAINED_SET, data=data)
        return None

    def datetime(self, parts=None):
        import time

        if parts is None:
            t = time.gmtime()
            return (t[0], t[1], t[2], t[6], t[3], t[4], t[5], 0)
        s = time.mktime((parts[0], parts[1], parts[2], parts[4], parts[5], parts[6]))
        _link.call(_ops.RTC_SET, s * 1000000 + parts[7])
        return None

    __getattr__ = _more


class WDT:
    def __init__(self, id=0, timeout=5000):
        if id != 0:
            raise ValueError("WDT(%d) doesn't exist" % id)
        if timeout <= 0:
            raise ValueError("WDT timeout too short")
        _link.call(_ops.WDT_START, timeout)

    def feed(self):
        _link.call(_ops.WDT_FEED)


class UART:
    INV_RX = 4
    INV_CTS = 8
    INV_TX = 32
    INV_RTS = 64
    RTS = 1
    CTS = 2
    IRQ_RX = 1
    IRQ_BREAK = 2
    IRQ_RXIDLE = 4096
    _timeout = 0
    _timeout_char = 0

    def __init__(self, id, baudrate=115200, bits=8, parity=None, stop=1, **options):
        self._id = id
        self.poll_id = _ops.UART_POLL + id
        self.init(baudrate, bits, parity, stop, **options)

    def init(
        self,
        baudrate=115200,
        bits=8,
        parity=None,
        stop=1,
        *,
        tx=-1,
        rx=-1,
        rxbuf=256,
        txbuf=256,
        timeout=0,
        timeout_char=0,
        **options,
    ):
        if options or (bits, parity, stop) != (8, None, 1):
            _link.missing("machine.UART other than 8N1, or with %s" % ", ".join(options))
        self._timeout = timeout
        self._timeout_char = timeout_char
        wires = [pin.id if isinstance(pin, Pin) else pin for pin in (tx, rx)]
        _link.call(_ops.UART_OPEN, self._id, baudrate, struct.pack("<hhH", *wires, rxbuf))

    def deinit(self):
        _link.call(_ops.UART_CLOSE, self._id)

    def any(self):
        return _link.call(_ops.UART_ANY, self._id)

    def _wait(self, timeout_ms):
        if not timeout_ms:
            return
        import select

        poller = select.poll()
        poller.register(self, select.POLLIN)
        poller.poll(timeout_ms)

    def read(self, n=None):
        limit = 65535 if n is None else n
        data = b""
        wait = self._timeout
        while len(data) < limit:
            part = _link.ask(_ops.UART_READ, self._id, limit - len(data))
            if not part:
                if not wait:
                    break
                self._wait(wait)
                wait = 0
                continue
            data += part
            wait = self._timeout_char
        return data or None

    def readinto(self, buf, n=None):
        data = self.read(len(buf) if n is None else min(n, len(buf)))
        if data is None:
            return None
        buf[: len(data)] = data
        return len(data)

    def readline(self):
        line = b""
        while not line.endswith(b"\n"):
            part = self.read(1)
            if part is None:
                break
            line += part
        return line or None

    def write(self, data):
        return _link.call(_ops.UART_WRITE, self._id, data=data.encode() if isinstance(data, str) else data)

    __getattr__ = _more


def __getattr__(name):
    import _machine

    return _machine.find(name)
