# machine.Timer: it calls back in virtual time.
import _irq
import _link
import _ops


class Timer:
    ONE_SHOT = 0
    PERIODIC = 1

    def __init__(self, id=-1, **options):
        self.callback = None
        self._number = len(_irq.timers)
        for number, timer in enumerate(_irq.timers):
            if timer is None or (id >= 0 and timer._id == id):  # a hardware timer is one, whoever names it
                self._number = number
                break
        else:
            _irq.timers.append(None)
        _irq.timers[self._number] = self
        self._id = id
        if options:
            self.init(**options)

    def init(self, *, mode=PERIODIC, period=-1, freq=-1, callback=None, hard=False, tick_hz=1000):
        us = int(1000000 / freq) if freq > 0 else int(period * 1000000 / tick_hz)
        if us <= 0:
            raise ValueError("invalid period")
        self.callback = callback
        self._us, self._since = us, _link.now_us()
        _link.call(_ops.TIMER, self._number, (us if mode else -us) if callback else 0)

    def deinit(self):
        if self._number is not None:
            _link.call(_ops.TIMER, self._number, 0)
            _irq.timers[self._number] = None
            self._number = None

    def value(self):
        return (_link.now_us() - self._since) % self._us // 1000
