"""Continuous watching: probes at an interval, an alarm when one fails, and a report of every silence (V-31).

The moment of the last look is kept in the store, so that an installation that was down is found to have been silent.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from cloud_sync.audit import AuditLog, Kind
from cloud_sync.errors import CloudSyncError
from cloud_sync.policy import Policy
from cloud_sync.stores import Clock, Database

log = logging.getLogger(__name__)

WATCHER: Final = "watch"
LOOKED: Final = "watch/looked"  # names of marks
FAILING: Final = "watch/failing/"


@dataclass(frozen=True, slots=True)
class Alarm:
    """A probe failed, or nobody looked for `silent_s` seconds."""

    at: float
    probe: str
    silent_s: int = 0


Hears = Callable[[Alarm], None]


class Watch:
    """The watch over one installation. `look` is due every `interval_s`; somebody with a thread or a timer calls it."""

    def __init__(
        self,
        database: Database,
        policy: Policy,
        clock: Clock,
        audit: AuditLog,
        probes: Mapping[str, Callable[[], bool]],
    ) -> None:
        """`probes` by name: true means well; false, or an error of the product, is a failure."""
        self.interval_s = policy.parameters.period("monitor.interval").longest_s
        self._gap = policy.parameters.period("monitor.gap_alarm")
        self._database = database
        self._clock = clock
        self._audit = audit
        self.probes = dict(probes)
        self._hears: list[Hears] = []

    def tell(self, hears: Hears) -> None:
        """Tell `hears` of every alarm, beside the log."""
        self._hears.append(hears)

    def look(self) -> list[Alarm]:
        """Ask every probe; the alarms that are new. One that goes on failing is told once, and its end is in the log."""
        now, raised = self._clock.now(), []
        last = float(self._database.mark(LOOKED) or now)
        if self._gap.end(last) < now:
            raised.append(self._raise(Kind.WATCH_GAP, Alarm(now, WATCHER, int(now - last))))
        self._database.set_mark(LOOKED, repr(now))
        for name, probe in self.probes.items():
            well, failing = _well(probe), bool(self._database.mark(f"{FAILING}{name}"))
            if not well and not failing:
                raised.append(self._raise(Kind.WATCH_ALARM, Alarm(now, name)))
            elif well and failing:
                self._audit.record(Kind.WATCH_OVER, WATCHER, probe=name)
            if well is failing:
                self._database.set_mark(f"{FAILING}{name}", "" if well else repr(now))
        return raised

    def looked_at(self) -> float | None:
        """When somebody looked last, in whatever process; None before the first time."""
        last = self._database.mark(LOOKED)
        return float(last) if last else None

    @property
    def silent(self) -> bool:
        """Whether nobody has looked for longer than `monitor.gap_alarm`."""
        last = self.looked_at()
        return last is None or self._gap.end(last) < self._clock.now()

    def failing(self) -> dict[str, float]:
        """Probes that fail, and since when."""
        names = self._database.marks(FAILING)
        return {name.removeprefix(FAILING): float(self._database.mark(name)) for name in names}

    def _raise(self, kind: Kind, alarm: Alarm) -> Alarm:
        log.error("the watch raises an alarm: %s", kind.value)
        self._audit.record(kind, WATCHER, probe=alarm.probe, seconds=alarm.silent_s)
        for hears in self._hears:
            try:
                hears(alarm)
            except Exception:  # one broken bell must neither silence the others nor end the watch
                log.exception("whoever hears of alarms could not be told")
        return alarm


def _well(probe: Callable[[], bool]) -> bool:
    try:
        return probe()
    except CloudSyncError:
        return False
    except Exception:  # a probe of the company's own may raise anything; one that cannot look has failed
        log.exception("a probe of the watch raised what is no error of this product")
        return False
