"""A whole server in a directory, under a policy that names its controller: for tests of what consent promises through it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from cloud_sync.config import Config
from cloud_sync.consent import Evidence
from cloud_sync.gate import Decision, Request
from cloud_sync.model import Action, Actor, Precision, Sensor
from cloud_sync.service import CloudSync
from cloud_sync.wire import codec
from tests.unit.cloud_sync.ingest.ingest_world import POLICY, FakeClock, ListLink, Tracker
from tests.unit.cloud_sync.policy.policy_world import anew

DAY_S = 86_400.0
SETTINGS = {
    "board": "esp32s3",
    "wifi": {"ssid": "depot", "key": "correct-horse"},
    "broker": {"host": "broker.example", "port": 1883, "user": "van", "password": "staple"},
}
TEXT = POLICY.read_text("utf-8")
#: The same without the table that names the controller.
NAMELESS = re.sub(r"\n\[controller\]\n[^\[]*", "\n", TEXT, count=1)
HOLDER = Evidence("h-1", "demo-1", "portal", "set_switch", "en")
PARENT = Evidence("p-1", "demo-1", "app", "tapped_allow", "en")
BY_LETTER = Evidence("p-1", "demo-1", "letter", "signed_letter", "en")


def by(subject: str, **changed: str) -> Evidence:
    """The person's own act, with single parts changed."""
    parts = {"entity_id": subject, "notice": "demo-1", "channel": "app", "act": "tapped_allow", "language": "en"}
    return Evidence(**{**parts, **changed})


class Place:
    """An installation, opened again as often as wanted."""

    def __init__(self, directory: Path, text: str = TEXT) -> None:
        self.directory = directory
        self.clock = FakeClock()
        self.link = ListLink()
        self.policy = directory / "in-force.toml"
        self.write(text)

    def write(self, text: str) -> None:
        """Another policy for the next start."""
        self.policy.write_text(anew(text), "utf-8")

    @property
    def config(self) -> Config:
        """Its configuration."""
        return Config.in_directory(self.directory / "home", policy=self.policy, broker=None)

    def open(self) -> CloudSync:
        """Open it; the directory is made the first time."""
        (self.directory / "home").mkdir(exist_ok=True)
        return CloudSync.open(self.config, clock=self.clock, link=self.link)


def enrolled(cloud: CloudSync, subject: str = "s-1") -> Tracker:
    """A device of the subject, as the tests' own half of it."""
    enrolment = cloud.enrol(subject=subject, settings=SETTINGS)
    _, device, root, _, first_epoch, _, _ = codec.unpack(enrolment.file)
    return Tracker(device, first_epoch, root)


def reads(cloud: CloudSync, subject: str = "s-1", purpose: str = "tracking", **changed: Any) -> Decision:
    """What the gate says to the person's own read of a reading of now."""
    now = cloud.clock.now()
    category = {"tracking": "position", "condition_monitoring": "environment", "theft_alarm": "motion"}.get(
        purpose, "contact"
    )
    values: dict[str, Any] = {
        "actor": Actor(subject, "data_subject"),
        "purpose": purpose,
        "action": Action.READ,
        "category": category,
        "subject": subject,
        "at": now,
        "captured_at": now,
    }
    return cloud.gate.ask(Request(**{**values, **changed}))


def senses(cloud: CloudSync, subject: str = "s-1") -> tuple[Sensor, Precision]:
    """What the person's devices may sense now."""
    permission = cloud.permission(subject)
    return permission.sensors, permission.precision
