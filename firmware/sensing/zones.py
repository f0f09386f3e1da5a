"""Zones: what the sensors beside the receiver say waits here until a fix tells that no private zone is near.

Wire-format section 5, private zones: a reading counts only between two fixes outside every zone, each close in time.
Beyond the format's rule, the step of a reading begins outside too: its rounded time names no second in a zone.
"""

from firmware.const import const

_MAX_WAITING = const(
    64
)  # of one batch; with fixes at the directive's interval four wait at most, and motion a few more
_NEAR_S = const(60)  # a fix may be this and twice the interval away from a reading


class Zones:
    """`clear` says whether the sensors may run, `hold` takes their readings, `fix` each sound fix of the receiver.

    Without zones in the directive nothing waits. `entered()` is called when a fix lies in a zone.
    """

    def __init__(self, in_force, clock):
        self._in_force = in_force
        self._clock = clock
        self.entered = None
        self._waiting: list = []  # (second of the reading, deliver, value)
        self._last_s = None  # time of the last fix, if that lay outside
        self._since_s = 0  # of the first fix outside, of an unbroken row of them

    def __len__(self) -> int:
        return len(self._waiting)

    def keep(self) -> list:
        """What waits, and when the last fix was, as integers for `restore` behind a deep sleep."""
        waiting = [
            [held[0], held[2]] if isinstance(held[2], int) else [held[0], held[2][0]] + list(held[2][1])
            for held in self._waiting
        ]
        return [-1 if self._last_s is None else self._last_s, self._since_s, waiting]

    def restore(self, kept: list, motion, environment) -> None:
        """Go on behind it; the last two are where an event and where a reading is delivered."""
        last_s, self._since_s, waiting = kept
        self._last_s = None if last_s < 0 else last_s
        for held in waiting:
            value = held[1] if len(held) == 2 else (held[1], tuple(held[2:]))
            self._waiting.append((held[0], motion if len(held) == 2 else environment, value))

    def clear(self, step_s: int) -> bool:
        """True if no zone is known to be near: no zones, or a fresh fix outside, and the present step began after it."""
        directive = self._in_force.directive
        if directive is None or not directive.zones:
            return directive is not None
        now_s = self._clock.now_s()
        if now_s is None or self._last_s is None or abs(now_s - self._last_s) > reach_s(directive):
            return False
        return now_s - now_s % step_s >= self._since_s

    def hold(self, captured_s: int, deliver, value) -> None:
        """Call deliver(captured_s, value) when it may be: at once, at the next fix, or never."""
        if not self._in_force.directive.zones:
            deliver(captured_s, value)
            return
        if len(self._waiting) >= _MAX_WAITING:
            self._waiting.pop(0)
        self._waiting.append((captured_s, deliver, value))

    def fix(self, time_s: int, inside: bool) -> None:
        """A sound fix: what waits for it is delivered, or with all that lies open forgotten in a zone."""
        directive = self._in_force.directive
        if directive is None or not directive.zones:
            return
        if inside:
            self.forget()
            self.entered()
            return
        near_s = reach_s(directive)
        if self._last_s is None or abs(time_s - self._last_s) > near_s:
            self._since_s = time_s
        self._last_s = time_s
        waiting, self._waiting = self._waiting, []
        for held in waiting:
            if held[0] >= time_s:  # in whole seconds: the fix may be older than the reading
                self._waiting.append(held)
            elif time_s - held[0] <= near_s:
                held[1](held[0], held[2])

    def check(self) -> None:
        """Forget what has waited too long for a fix."""
        if not self._waiting:
            return
        now_s, directive = self._clock.now_s(), self._in_force.directive
        if now_s is None or directive is None:
            self._waiting = []
            return
        near_s = reach_s(directive)  # either way: a clock that is set back leaves readings of a time to come
        self._waiting = [held for held in self._waiting if abs(now_s - held[0]) <= near_s]

    def forget(self) -> None:
        """Nothing waits any more, and where the device is nobody knows."""
        self._waiting = []
        self._last_s = None


def reach_s(directive) -> int:
    """How many seconds a fix may be away from a reading to tell of it."""
    return 2 * directive.interval + _NEAR_S
