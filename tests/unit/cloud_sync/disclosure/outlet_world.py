"""An open installation under the synthetic policy, with a person, a device and readings: what tests of outlets share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cloud_sync.config import Config
from cloud_sync.consent import Evidence
from cloud_sync.errors import LinkError
from cloud_sync.model import Actor
from cloud_sync.service import CloudSync
from cloud_sync.stores import Parcel
from cloud_sync.wire import codec
from tests.properties.gate_policies import SYNTHETIC
from tests.unit.cloud_sync.ingest.ingest_world import NOON, FakeClock, ListLink, Tracker

T = int(NOON) - 3600
ME = Actor("s-1", "data_subject")
CLERK = Actor("c-1", "controller")
HELPER = Actor("e-1", "support", mfa=True)
LEAD = Actor("e-9", "staff", mfa=True)


def evidence(subject: str = "s-1", act: str = "tapped") -> Evidence:
    """Of an answer in the app."""
    return Evidence(subject, "demo-1", "app", act, "en")


@dataclass
class ListSink:
    """Takes parts, or refuses the ones whose number stands in `refuse`."""

    taken: list[Parcel] = field(default_factory=list)
    refuse: set[int] = field(default_factory=set)
    seen: list[str] = field(default_factory=list)

    def deliver(self, parcel: Parcel) -> None:
        """Take it."""
        self.seen.append(parcel.key)
        if len(self.taken) in self.refuse:
            raise LinkError("did not take it")
        self.taken.append(parcel)


class Depot:
    """An installation, open; `tracker` is a device of s-1 with leave since four hours."""

    def __init__(self, directory: Path, policy: str = SYNTHETIC) -> None:
        self.directory = directory
        path = directory / "policy.toml"
        path.write_text(policy, "utf-8")
        self.clock = FakeClock(NOON - 14_400)
        self.config = Config.in_directory(directory, policy=path, broker=None)
        self.cloud = self.open()
        self.tracker = self.enrol("s-1")
        for purpose in ("tracking", "theft_alarm"):
            self.cloud.consent.give("s-1", purpose, evidence())
        self.clock.at = NOON

    def open(self) -> CloudSync:
        """The installation, open."""
        return CloudSync.open(self.config, clock=self.clock, link=ListLink())

    def enrol(self, subject: str) -> Tracker:
        """A device of a person."""
        _, device, root, _, first, _, _ = codec.unpack(self.cloud.enrol(subject=subject, settings={}).file)
        return Tracker(device, first, root)

    def feed(self, envelopes: int = 1, *, tracker: Tracker | None = None) -> list[int]:
        """So many envelopes of twenty fixes, ten seconds apart, the last ones just before noon; their times."""
        device = tracker or self.tracker
        times = [int(NOON) - 600 - 10 * n for n in range(20 * envelopes)][::-1]
        self.take(device, [device.fixes(times[n : n + 20], version=1) for n in range(0, len(times), 20)])
        return times

    def take(self, tracker: Tracker, payloads: Sequence[bytes]) -> None:
        """Ingest; every envelope must be stored."""
        before = self.cloud.database.count_envelopes()
        self.cloud.handle([(tracker.topic, payload) for payload in payloads])
        assert self.cloud.database.count_envelopes() == before + len(payloads)

    def entries(self, kind: str, subject: str = "s-1") -> list[dict[str, Any]]:
        """The details of the log's entries of one kind about a person, in order."""
        return [dict(entry.event.detail) for entry in self.cloud.audit.entries(subject, kind)]

    def close(self) -> None:
        """Close it."""
        self.cloud.close()
