# The RP2's controllers care which pins they get (ports/rp2/machine_i2c.c).
import _base__i2c
from _base__i2c import SoftI2C  # noqa: F401


class I2C(_base__i2c.I2C):
    def init(self, *, scl=None, sda=None, **options):
        id = self._set[0]
        for pin, way, name in (
            (self._set[1] if scl is None else scl, 1, "SCL"),
            (self._set[2] if sda is None else sda, 0, "SDA"),
        ):
            number = getattr(pin, "id", pin)
            if number & 1 != way or number >> 1 & 1 != id:
                raise ValueError("bad %s pin" % name)
        super().init(scl=scl, sda=sda, **options)
