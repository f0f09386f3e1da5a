# machine.PWM on the pin of a piezo or of another output: a square wave of a share.
import _link
import _ops


class PWM:
    def __init__(self, dest, freq=5000, duty=None, *, duty_u16=None, duty_ns=None, **options):
        self._pin = getattr(dest, "id", dest)
        self._hz, self._share = freq, 0
        if options:
            _link.missing("machine.PWM(" + ", ".join(options) + ")")
        self.init(duty=duty, duty_u16=duty_u16, duty_ns=duty_ns)

    def init(self, *, freq=None, duty=None, duty_u16=None, duty_ns=None, **options):
        if options:
            _link.missing("machine.PWM.init(" + ", ".join(options) + ")")
        self._hz = self._hz if freq is None else freq
        if duty is not None:
            if not 0 <= duty <= 1023:
                raise ValueError("duty must be between 0 and 1023")
            duty_u16 = duty * 65536 // 1024
        if duty_ns is not None:
            duty_u16 = min(duty_ns * self._hz * 65535 // 1000000000, 65535)
        if duty_u16 is not None:
            if not 0 <= duty_u16 <= 65536:
                raise ValueError("duty_u16 must be from 0 to 65535")
            self._share = 65536 if duty_u16 == 65535 else duty_u16
        _link.call(_ops.PWM, self._pin, self._hz << 17 | self._share)

    def freq(self, hz=None):
        if hz is None:
            return self._hz
        if hz <= 0:
            raise ValueError("freq must be positive")
        self.init(freq=hz)
        return None

    def duty_u16(self, share=None):
        if share is None:
            return min(self._share, 65535)
        self.init(duty_u16=share)
        return None

    def duty(self, share=None):
        if share is None:
            return min(self._share // 64, 1023)
        self.init(duty=share)
        return None

    def duty_ns(self, ns=None):
        if ns is None:
            return self._share * 1000000000 // 65536 // self._hz
        self.init(duty_ns=ns)
        return None

    def deinit(self):
        _link.call(_ops.PWM, self._pin, 0)
