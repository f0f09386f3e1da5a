"""An installation on a profile, and another text of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from cloud_sync.config import Config
from cloud_sync.consent import Evidence
from cloud_sync.model import Actor
from cloud_sync.service import CloudSync
from cloud_sync.wire import codec
from tests.unit.cloud_sync.ingest.ingest_world import FakeClock, ListLink, Tracker

PROFILES: Final = Path(__file__).parents[4] / "cloud_sync" / "policy" / "profiles"
T0: Final = 1_768_478_400.0  # 2026-01-15T12:00Z
DAY: Final = 86_400
SERVICE, CLERK = Actor("mailer", "service"), Actor("c-1", "controller", mfa=True)


class Office:
    """An installation, open as `cloud`."""

    def __init__(self, folder: Path, profile: str) -> None:
        self.folder, self.clock, self.link = folder, FakeClock(T0), ListLink()
        self.text = (PROFILES / f"{profile}.toml").read_text("utf-8")
        self.path = folder / "policy.toml"
        self.open()

    def open(self) -> None:
        """Open it."""
        self.path.write_text(self.text, "utf-8")
        config = Config.in_directory(self.folder, policy=self.path, broker=None)
        self.cloud = CloudSync.open(config, clock=self.clock, link=self.link)

    def publish(self, *changes: tuple[str, str]) -> None:
        """Open it again with another text."""
        self.cloud.close()
        for old, new in changes:
            assert old in self.text, old
            self.text = self.text.replace(old, new, 1)
        self.open()

    def evidence(self, subject: str = "s-1", **changed: Any) -> Evidence:
        """Of an act in the app, to the text in force."""
        values = {"entity_id": subject, "notice": self.cloud.policy.notice, "channel": "app", "act": "opened"}
        return Evidence(**{**values, "language": "en", **changed})

    def tracker(self, subject: str = "s-1", **more: Any) -> Tracker:
        """A device that seals as a real one does."""
        _, device, root, _, first, _, _ = codec.unpack(self.cloud.enrol(subject=subject, settings={}, **more).file)
        return Tracker(device, first, root)

    def kinds(self, tracker: Tracker, *ages_s: float) -> list[str]:
        """How a reading of each age ends."""
        times = [int(self.clock.at - age) for age in ages_s]
        messages = [(tracker.topic, tracker.environment([(time, 217, 4321)], version=9)) for time in times]
        return [outcome.kind.value for outcome in self.cloud.handle(messages)]
