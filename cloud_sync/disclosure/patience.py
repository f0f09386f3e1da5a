"""A call to somebody else's server, waited for as long as one is patient, and not longer.

A timeout of each step is no bound of the whole: a server that answers one byte at a time keeps all of them. So the call runs in a
thread of its own. Whoever waited goes on; how it ended is still to be learned when it has [what was taken late is not sent again].
"""

from __future__ import annotations

import threading
from collections.abc import Callable


class Attempt:
    """One such call, begun."""

    def __init__(self, act: Callable[[], object]) -> None:
        """Begin it. The thread holds up no end of the program."""
        self.error: Exception | None = None
        self._ended = threading.Event()
        threading.Thread(target=self._run, args=(act,), name="cloud-sync-attempt", daemon=True).start()

    def ended(self, within_s: float = 0.0) -> bool:
        """Whether it has ended, or does so within that time; then `error` is what it raised."""
        return self._ended.wait(within_s)

    def _run(self, act: Callable[[], object]) -> None:
        try:
            act()
        except Exception as error:  # of any kind: it is a stranger's
            self.error = error
        finally:
            self._ended.set()
