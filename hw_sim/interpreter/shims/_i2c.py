# `machine.I2C` and `machine.SoftI2C`; loaded by the first program that wants them.
import struct

import _link
import _ops


class _Bus:
    def __init__(self, scl, sda, freq, timeout, id):
        wires = [getattr(pin, "id", pin) for pin in (scl, sda)]
        self._port = _link.call(_ops.BUS_OPEN, id, freq, struct.pack("<hhI", *wires, timeout))

    def scan(self):
        return [address for address in range(0x08, 0x78) if self._there(address)]

    def _there(self, address):
        try:
            self.writeto(address, b"")
        except OSError:
            return False
        return True

    def writeto(self, addr, buf, stop=True):
        return _link.call(_ops.BUS_WRITE, self._port, addr << 1 | bool(stop), buf)

    def writevto(self, addr, vector, stop=True):
        return self.writeto(addr, b"".join(bytes(part) for part in vector), stop)

    def readfrom_into(self, addr, buf, stop=True):
        if len(buf):
            _link.call(_ops.BUS_READ, self._port, len(buf) << 16 | addr << 1 | bool(stop), into=buf)
        else:
            self.readfrom(addr, 0, stop)

    def readfrom(self, addr, nbytes, stop=True):
        return _link.ask(_ops.BUS_READ, self._port, nbytes << 16 | addr << 1 | bool(stop))

    def readfrom_mem_into(self, addr, memaddr, buf, *, addrsize=8):
        _link.call(_ops.BUS_READ_MEM, self._port, len(buf) << 16 | addr, _memory(memaddr, addrsize), buf)

    def readfrom_mem(self, addr, memaddr, nbytes, *, addrsize=8):
        return _link.ask(_ops.BUS_READ_MEM, self._port, nbytes << 16 | addr, _memory(memaddr, addrsize))

    def writeto_mem(self, addr, memaddr, buf, *, addrsize=8):
        self.writeto(addr, _memory(memaddr, addrsize) + bytes(buf))


def _memory(memaddr, addrsize):
    if addrsize & 7 or not 0 <= addrsize <= 32:
        raise ValueError("invalid addrsize")
    return (memaddr & (1 << addrsize) - 1).to_bytes(addrsize // 8, "big")


class SoftI2C(_Bus):
    def __init__(self, scl, sda, *, freq=400000, timeout=50000):
        super().__init__(scl, sda, freq, timeout, -1)

    def init(self, scl, sda, *, freq=400000, timeout=50000):
        super().__init__(scl, sda, freq, timeout, -1)

    def start(self):
        _link.call(_ops.BUS_START, self._port)

    def stop(self):
        _link.call(_ops.BUS_STOP, self._port)

    def write(self, buf):
        return _link.call(_ops.BUS_RAW_WRITE, self._port, data=buf)

    def readinto(self, buf, nack=True):
        if len(buf):
            _link.call(_ops.BUS_RAW_READ, self._port, len(buf), into=buf)

    def deinit(self):
        pass


def _default_pins(id):
    # (scl, sda) of a controller: ports/esp32/machine_i2c.c and its boards' headers; ports/rp2/machine_i2c.c.
    machine = _link.ask(_ops.MACHINE)
    if b"RP2" in machine:
        return (5, 4) if id == 0 else (7, 6)
    if b"ESP32S3" in machine:
        return (9, 8) if id == 0 else (10, 11)
    return (18, 19) if id == 0 else (25, 26)


class I2C(_Bus):
    def __init__(self, id=0, *, scl=None, sda=None, freq=400000, timeout=50000):
        if not 0 <= id <= 1:
            raise ValueError("I2C(%d) doesn't exist" % id)
        pins = _default_pins(id) if scl is None or sda is None else ()
        self._set = id, pins[0] if scl is None else scl, pins[1] if sda is None else sda, timeout
        self._freq = freq
        if not pins:
            self.init(freq=freq)

    def __getattr__(self, name):
        if name != "_port":
            raise AttributeError(name)
        self.init(freq=self._freq)  # on pins that nobody named it matters with the first transfer
        return self._port

    def init(self, *, scl=None, sda=None, freq=400000, timeout=None):
        id, old_scl, old_sda, old = self._set
        self._set = id, old_scl if scl is None else scl, old_sda if sda is None else sda, timeout or old
        super().__init__(self._set[1], self._set[2], freq, self._set[3], id)

    def _primitive(self, *args):
        raise OSError("I2C operation not supported")

    start = stop = write = readinto = _primitive

    def deinit(self):
        pass
