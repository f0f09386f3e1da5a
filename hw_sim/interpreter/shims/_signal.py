# machine.Signal: a pin whose active level may be low.
import _link


class Signal:
    def __init__(self, pin, *args, invert=False, **options):
        if isinstance(pin, (int, str)):
            from machine import Pin

            pin = Pin(pin, *args, **options)
        elif args or options:
            raise TypeError("Signal(pin, *, invert=False)")
        self._pin, self._invert = pin, bool(invert)

    def value(self, on=None):
        if on is None:
            return self._pin.value() ^ self._invert
        return self._pin.value(bool(on) ^ self._invert)

    __call__ = value

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)

    def __getattr__(self, name):
        return _link.absent("machine.Signal", name, "init toggle irq mode pull drive")
