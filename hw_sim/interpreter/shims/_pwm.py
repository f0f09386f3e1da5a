# machine.PWM on the pin of a piezo: a square wave, or none.
import _link
import _ops


class PWM:
    def __init__(self, dest, *, freq=5000, duty_u16=0, **options):
        self._pin = dest if isinstance(dest, int) else dest.id
        if options:
            _link.missing("machine.PWM(" + ", ".join(options) + ")")
        if not 0 <= duty_u16 <= 65535:
            raise ValueError("duty_u16 must be from 0 to 65535")
        _link.call(_ops.PWM, self._pin, freq if 0 < duty_u16 < 65535 else 0)

    def deinit(self):
        _link.call(_ops.PWM, self._pin, 0)

    def __getattr__(self, name):
        if name in ("freq", "duty", "duty_u16", "duty_ns", "init"):
            _link.missing("machine.PWM." + name)
        raise AttributeError(name)
