# The RP2's `machine`, as far as it differs from the ESP32's.
import _base_machine
import _link
import _ops
from _base_machine import (  # noqa: F401 - of the causes of a reset the port knows two
    PWRON_RESET,
    WDT_RESET,
    disable_irq,
    enable_irq,
    freq,
    idle,
    lightsleep,
    reset,
    reset_cause,
    soft_reset,
    unique_id,
)

_WORDS = (0x4005800C, 0x400D800C)  # WATCHDOG SCRATCH0 of RP2040 and RP2350; three more follow


def __getattr__(name):
    return _base_machine.__getattr__(name)


def bootloader(timeout=None):
    _link.call(_ops.RESET, _ops.BOOT_LOADER)


def deepsleep(time_ms=None):
    lightsleep(time_ms)
    reset()


class _Memory:
    # Registers that outlive a restart; nothing else has an address here.
    def _at(self, address):
        for words in _WORDS:
            if words <= address < words + 16 and not address % 4:
                return address - words
        _link.missing("machine.mem32[0x%x]" % address)
        return None

    def __getitem__(self, address):
        at = self._at(address)
        return int.from_bytes(_link.ask(_ops.RETAINED_GET)[at : at + 4], "little")

    def __setitem__(self, address, value):
        at = self._at(address)
        data = bytearray(_link.ask(_ops.RETAINED_GET) or bytes(16))
        data[at : at + 4] = value.to_bytes(4, "little")
        _link.call(_ops.RETAINED_SET, data=data)


mem32 = _Memory()


class Pin(_base_machine.Pin):
    IN = 0
    OUT = 1
    OPEN_DRAIN = 2
    PULL_UP = 1
    PULL_DOWN = 2
    IRQ_FALLING = 4
    IRQ_RISING = 8

    def __init__(self, id, mode=-1, pull=-1, value=None, alt=None):
        if alt is not None:
            _link.missing("machine.Pin(alt=)")
        if isinstance(id, int) and not (0 <= id <= 22 or 26 <= id <= 28):
            raise ValueError("invalid pin")  # 23, 24, 25 and 29 are the radio's
        super().__init__(id, mode, pull, value)

    def init(self, mode=-1, pull=-1, value=None, drive=None, hold=None):
        if mode != -1:
            mode = (_base_machine.Pin.IN, _base_machine.Pin.OUT, _base_machine.Pin.OPEN_DRAIN)[mode]
        if pull not in (-1, None):
            pull = _base_machine.Pin.PULL_UP if pull == 1 else _base_machine.Pin.PULL_DOWN
        super().init(mode, pull, value, drive)


class RTC(_base_machine.RTC):
    memory = None


class WDT(_base_machine.WDT):
    def __init__(self, id=0, timeout=5000):
        most = _link.call(_ops.WDT_MOST)
        if timeout > most:
            raise ValueError("timeout exceeds %d" % most)
        super().__init__(id, timeout)


class UART(_base_machine.UART):
    def init(self, baudrate=115200, bits=8, parity=None, stop=1, *, tx=None, rx=None, **options):  # noqa: PLR0913
        tx, rx = [pin.id if isinstance(pin, Pin) else pin for pin in (tx, rx)]
        tx = 4 * self._id if tx is None else tx  # GP0 and GP1, GP4 and GP5
        rx = 4 * self._id + 1 if rx is None else rx
        for pin, way, name in ((tx, 0, "TX"), (rx, 1, "RX")):
            if pin & 3 != way or (pin + 4 & 8) >> 3 != self._id:
                raise ValueError("bad %s pin" % name)
        super().init(baudrate, bits, parity, stop, tx=tx, rx=rx, **options)

    IRQ_RX = 1 << 16  # no such trigger on this chip
    CTS = 1
    INV_RX = 2
    INV_TX = 1
    IRQ_BREAK = 512
    IRQ_RXIDLE = 64
    IRQ_TXIDLE = 32
    RTS = 2
