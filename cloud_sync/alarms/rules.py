"""Rules as the desk has them, and as they are sealed: what is watched, to whom it tells, when it was armed, what it has seen.

All of this says where somebody lives, or when they are away; it stands under the person's key, and goes with it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any, Final

from cloud_sync.alarms.history import History
from cloud_sync.alarms.watch import Watch, watch_of, watch_value
from cloud_sync.errors import ConfigError
from cloud_sync.keys.personkeys import PersonKeys
from cloud_sync.model.alarms import AlarmRow

MOST_LABEL: Final = 80  # characters
MOST_ADDRESS: Final = 320  # characters: the longest e-mail address (RFC 3696 erratum 1690: 64 + 1 + 255)
MOST_ARMINGS: Final = 64  # changes that are remembered: captures may come in a day late
LEAST_QUIET_S, MOST_QUIET_S = 60, 86_400


@dataclass(frozen=True, slots=True)
class Alarm:
    """A rule, open. `label` is the person's own word for it, of nobody else's concern: it is in no message and decides nothing."""

    rule_id: str
    subject: str
    purpose: str
    watch: Watch
    channel: str
    to: str
    label: str
    quiet_s: int
    made_at: float
    armings: tuple[tuple[float, bool], ...] = ()

    @property
    def armed(self) -> bool:
        """Whether it is armed now."""
        return bool(self.armings) and self.armings[-1][1]

    def arm(self, at: float, on: bool) -> Alarm:
        """The same, armed or not from a moment on."""
        return replace(self, armings=(*self.armings, (at, on))[-MOST_ARMINGS:])


@dataclass
class Seen:
    """What a rule has seen, by device, and what is still to be told: when the first and the last of it began."""

    histories: dict[str, History] = field(default_factory=dict)
    pending: tuple[int, int] | None = None

    def of(self, device: str) -> History:
        """Of one device."""
        return self.histories.setdefault(device, History())

    def forget(self, device: str, start: int, end: int) -> None:
        """Nothing of a device's span, nor what of it is still to be told."""
        self.of(device).forget(start, end)
        if self.pending is not None:
            left = [at for at in self.pending if not start <= at < end]
            self.pending = (left[0], left[-1]) if left else None

    def value(self) -> list[Any]:
        """As JSON."""
        return [{name: history.to_value() for name, history in self.histories.items()}, self.pending]

    def add(self, starts: list[int]) -> None:
        """These are to be told."""
        if starts:
            known = self.pending or (starts[0], starts[0])
            self.pending = min(known[0], *starts), max(known[1], *starts)


class Sealer:
    """Rules under their people's keys."""

    def __init__(self, people: PersonKeys) -> None:
        self._people = people

    def row(self, alarm: Alarm, heard_at: float, seen: Seen) -> AlarmRow:
        """The rule as it is stored."""
        value = {
            **watch_value(alarm.watch),
            "rule": [alarm.channel, alarm.to, alarm.label, alarm.quiet_s, alarm.armings],
        }
        sealed = self._people.seal(alarm.subject, json.dumps(value).encode(), _identity(alarm.rule_id, "rule"))
        memory = self.memory(alarm, seen)
        kind, stream = alarm.watch.kind, int(alarm.watch.source.stream)
        head = alarm.rule_id, alarm.subject, kind, stream, alarm.purpose, alarm.channel
        return AlarmRow(*head, alarm.made_at, heard_at, sealed, memory)

    def alarm(self, row: AlarmRow) -> Alarm:
        """The rule again; `SealBroken` once the person's key is gone."""
        value: dict[str, Any] = json.loads(self._people.open(row.subject, row.sealed, _identity(row.rule_id, "rule")))
        channel, to, label, quiet_s, armings = value.pop("rule")
        changes = tuple((at, on) for at, on in armings)
        head = row.rule_id, row.subject, row.purpose, watch_of(value)
        return Alarm(*head, channel, to, label, quiet_s, row.made_at, changes)

    def lives(self, subject: str, at: float) -> bool:
        """Whether the person has a key from before that moment; nobody does who was erased since."""
        return self._people.older(subject, at)

    def memory(self, alarm: Alarm, seen: Seen) -> bytes:
        """What it has seen, sealed."""
        value = json.dumps(seen.value()).encode()
        return self._people.seal(alarm.subject, value, _identity(alarm.rule_id, "memory"))

    def seen(self, row: AlarmRow) -> Seen:
        """The same, open."""
        histories, pending = json.loads(self._people.open(row.subject, row.memory, _identity(row.rule_id, "memory")))
        opened = {name: History.of_value(value) for name, value in histories.items()}
        return Seen(opened, tuple(pending) if pending else None)


def check_quiet(quiet_s: int) -> int:
    """The value, or ConfigError."""
    if not LEAST_QUIET_S <= quiet_s <= MOST_QUIET_S:
        raise ConfigError(f"quiet_s: a rule is quiet for {LEAST_QUIET_S} s to a day after a message")
    return quiet_s


def check_address(to: str) -> str:
    """The value, or ConfigError; what an address of a channel is, the channel says [it may not be connected here]."""
    if len(to) > MOST_ADDRESS or not to.isprintable():
        raise ConfigError(f"an address has at most {MOST_ADDRESS} characters, in one line")
    return to


def check_label(label: str) -> str:
    """The value, or ConfigError."""
    if len(label) > MOST_LABEL or not label.isprintable():
        raise ConfigError(f"a label has at most {MOST_LABEL} characters, in one line")
    return label


def _identity(rule_id: str, part: str) -> bytes:
    return f"byleave/1/alarm/{rule_id}/{part}".encode()
