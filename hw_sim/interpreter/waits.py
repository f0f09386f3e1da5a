"""What a program on the board waits for while virtual time passes."""

from collections.abc import Callable
from dataclasses import dataclass

from hw_sim.errors import DeviceError

Result = tuple[int, bytes]


@dataclass
class Wait:
    """Ends with the first result of `ready`, or at `deadline_us` (None: never) with `expired`, an errno if negative."""

    ready: Callable[[], Result | None]
    deadline_us: int | None
    expired: Result = (0, b"")
    polls: bool = False  # looks at sockets or UARTs

    def finish(self) -> Result:
        """Outcome of a wait that ran out."""
        if self.expired[0] < 0:
            raise DeviceError(-self.expired[0])
        return self.expired


def never() -> Result | None:
    """The `ready` of a plain sleep."""
    return None
