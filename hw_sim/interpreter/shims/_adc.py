# machine.ADC of the ESP32s; loaded by the first program that wants it.
import _link
import _ops
import machine


class ADC:
    ATTN_0DB = 0
    ATTN_2_5DB = 1
    ATTN_6DB = 2
    ATTN_11DB = 3
    WIDTH_9BIT = 9
    WIDTH_10BIT = 10
    WIDTH_11BIT = 11
    WIDTH_12BIT = 12
    _bits = 12

    def __init__(self, pin, *, sample_ns=None, atten=0):
        self._pin = getattr(pin, "id", pin)
        self.atten(atten)

    def atten(self, atten):
        # ESP32-S3 data sheet, section 4.10: range by attenuation, in uV
        self._full_uv = (950000, 1250000, 1750000, 3100000)[atten]

    def read_uv(self):
        return min(_link.call(_ops.ADC_READ, self._pin), self._full_uv)

    def read_u16(self):
        return self.read_uv() * 65535 // self._full_uv

    __getattr__ = machine._more
