"""An open installation with a person who has a device, a portal, and a channel that remembers what it took."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cloud_sync.alarms import Alarm, Watch
from tests.unit.cloud_sync.disclosure.outlet_world import ME, NOON, Depot, ListSink

PORTAL = "https://portal.example/alert/"
START = int(NOON)
HOME = (556_700_000, 125_600_000)
AWAY = (557_700_000, 125_600_000)  # eleven kilometres north


class Watched(Depot):
    """`told` are the messages that the channel `app` took; `go` lets time pass and the alarms work."""

    def __init__(self, directory: Path, **more: Any) -> None:
        super().__init__(directory, **more)
        self.sink = ListSink()
        self.connect()

    def connect(self) -> None:
        """The integrator says how alarms go out."""
        self.cloud.alarms.connect(PORTAL, app=self.sink)

    def reopen(self) -> None:
        """A restart."""
        self.cloud.close()
        self.cloud = self.open()
        self.connect()

    def set(self, watch: Watch, purpose: str, **more: Any) -> Alarm:
        """The person's rule, by the channel `app`, quiet for ten minutes."""
        alarm, _ = self.cloud.alarms.set(ME, watch, **{"purpose": purpose, "channel": "app", "quiet_s": 600, **more})
        return alarm

    def send(self, *payloads: bytes) -> None:
        """Stored, and looked at."""
        self.take(self.tracker, payloads)
        self.cloud.alarms.work()

    def at(self, seconds: float) -> int:
        """So many seconds after noon it is; that moment."""
        self.clock.at = NOON + seconds
        return START + int(seconds)

    @property
    def told(self) -> int:
        """How many messages were taken."""
        return len(self.sink.taken)

    def starts(self) -> list[int]:
        """When what the messages are about began, in seconds after noon."""
        links = [self.cloud.database.alert(parcel.key) for parcel in self.sink.taken]
        return [int(link.start) - START for link in links if link is not None]

    def warm(self, *rows: tuple[int, int], now: bool = True) -> bytes:
        """An envelope of temperatures: (seconds after noon, 0.1 °C)."""
        if now:
            self.clock.at = max(self.clock.at, NOON + rows[-1][0])
        return self.tracker.environment([(START + at, value, None) for at, value in rows], version=1)

    def moved(self, *rows: tuple[int, int]) -> bytes:
        """An envelope of motion: (seconds after noon, bits)."""
        self.clock.at = max(self.clock.at, NOON + rows[-1][0])
        return self.tracker.motion([(START + at, bits) for at, bits in rows], version=1)

    def fixes(self, place: tuple[int, int], times: Sequence[int]) -> bytes:
        """An envelope of fixes at one place, at so many seconds after noon."""
        self.clock.at = max(self.clock.at, NOON + times[-1])
        return self.tracker.fixes([START + at for at in times], place=place, version=1)
