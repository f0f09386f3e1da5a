"""An installation that tests open, and the devices of its people."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from cloud_sync.config import Config
from cloud_sync.consent import Evidence
from cloud_sync.model import Actor
from cloud_sync.service import CloudSync, Enrolment
from cloud_sync.wire import codec
from tests.unit.cloud_sync.ingest.ingest_world import NOON, POLICY, FakeClock, ListLink, Tracker
from tests.unit.cloud_sync.storage.places import places

ME = Actor("s-1", "data_subject")
GIVE = Evidence("s-1", "demo-1", "app", "tapped_allow", "en")
TAKE_BACK = Evidence("s-1", "demo-1", "app", "tapped_withdraw", "en")
T = int(NOON) + 60


def tracker_of(enrolment: Enrolment) -> Tracker:
    """The device that was handed this enrolment file."""
    _, device, root, _, first_epoch, _, _ = codec.unpack(enrolment.file)
    return Tracker(device, first_epoch, root)


class Setting:
    """An installation in a directory, without a broker."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = FakeClock()
        self.link = ListLink()

    def config(self, **changes: Any) -> Config:
        """Its configuration."""
        values = {"policy": POLICY, "broker": None, **changes}
        config = Config.in_directory(self.directory, **values)
        return replace(config, **places(self.directory)._asdict())

    def open(self) -> CloudSync:
        """Open it, again or for the first time."""
        return CloudSync.open(self.config(), clock=self.clock, link=self.link)
