# neopixel.NeoPixel, as the ports bring it along: colours in a buffer, shifted out by machine.bitstream.
import machine


class NeoPixel:
    ORDER = (1, 0, 2, 3)

    def __init__(self, pin, n, bpp=3, timing=1):
        self.pin, self.n, self.bpp = pin, n, bpp
        self.buf = bytearray(n * bpp)
        self.timing = timing
        pin.init(pin.OUT)

    def __len__(self):
        return self.n

    def __setitem__(self, i, colour):
        for place, value in zip(self.ORDER, colour):  # noqa: B905 - MicroPython has no strict
            self.buf[i * self.bpp + place] = value

    def __getitem__(self, i):
        return tuple(self.buf[i * self.bpp + self.ORDER[place]] for place in range(self.bpp))

    def fill(self, colour):
        for i in range(self.n):
            self[i] = colour

    def write(self):
        machine.bitstream(self.pin, 0, (400, 850, 800, 450), self.buf)
