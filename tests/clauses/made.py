"""The world of section 0 of the clause table: T0, persons, devices, frame F, over an installation on a company's own profile.

world = made.world("ct")
tracker = world.tracker("u-1")
world.yes("u-1", "private_tracking")
world.feed(tracker, count=500)
with world.denies("purpose_mismatch"):
    world.read(U1, "marketing")
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from cloud_sync.config import Config
from cloud_sync.consent import Evidence
from cloud_sync.errors import Denied
from cloud_sync.ingest.outcome import Outcome
from cloud_sync.model import EPOCH_SECONDS, Actor, Precision
from cloud_sync.read.query import Fixes
from cloud_sync.retention.report import SweepReport
from cloud_sync.service import CloudSync
from cloud_sync.wire import codec
from tests.unit.cloud_sync.ingest.ingest_world import FakeClock, ListLink, Tracker

PROFILES: Final = Path(__file__).parents[2] / "cloud_sync" / "policy" / "profiles"
DAY: Final = 86_400
HOUR: Final = 3_600
#: Within a second after a moment: enough for a clock to have moved.
SOON: Final = 1
LAT: Final = 55.676098  # frame F: a public square
LON: Final = 12.568337
HERE: Final = (556_760_980, 125_683_370)

#: U1 and U2 are users of one account, H its holder, P a planner who is connected to U1, Q one who is not, E1 support with an
#: open ticket on U1, E2 without; each logged in with a second factor. Who is connected or has a ticket is for the test to say.
U1, U2 = Actor("u-1", "data_subject", mfa=True), Actor("u-2", "data_subject", mfa=True)
H = Actor("h-1", "controller", mfa=True)
P, Q = Actor("p-1", "planner", mfa=True), Actor("q-1", "planner", mfa=True)
E1, E2 = Actor("e-1", "support", mfa=True), Actor("e-2", "support", mfa=True)
LEAD = Actor("lead-1", "staff", mfa=True)
DPO = Actor("dpo-1", "dpo", mfa=True)
CLERK = Actor("c-1", "controller", mfa=True)
SERVICE = Actor("service", "service")


def at(text: str) -> float:
    """Unix seconds of a time in UTC, such as 2026-01-15T12:00."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


T0: Final = at("2026-01-15T12:00")


class World:
    """An installation on a profile, open as `cloud`, at T0; `changes` replace texts of its policy, each of which must be there."""

    cloud: CloudSync

    def __init__(
        self, folder: Path, profile: str, changes: Sequence[tuple[str, str]] = (), *, start: float = T0
    ) -> None:
        self.folder = folder
        self.clock, self.link = FakeClock(start), ListLink()
        self.text = (PROFILES / f"{profile}.toml").read_text("utf-8")
        for old, new in changes:
            self.text = changed(self.text, old, new)
        self.policy = folder / "policy.toml"
        self.policy.write_text(self.text, "utf-8")
        self.open()

    # The installation

    def open(self, **config: Any) -> CloudSync:
        """Open it, again or for the first time; keywords replace fields of its configuration."""
        made = Config.in_directory(self.folder, policy=self.policy, broker=None)
        self.cloud = CloudSync.open(replace(made, **config), clock=self.clock, link=self.link)
        return self.cloud

    def reopen(self, text: str | None = None) -> CloudSync:
        """Close and open, as it is or with another policy text."""
        self.cloud.close()
        if text is not None:
            self.text = text
            self.policy.write_text(text, "utf-8")
        return self.open()

    def close(self) -> None:
        """Close it; again does nothing."""
        self.cloud.close()

    # Time

    @property
    def now(self) -> float:
        """Unix seconds."""
        return self.clock.at

    def later(self, *, days: float = 0, hours: float = 0, seconds: float = 0) -> None:
        """Let so much time pass at once; the sweep does not run meanwhile."""
        self.clock.at += days * DAY + hours * HOUR + seconds

    def sweep(self) -> SweepReport:
        """One sweep: the hour passes, then it runs. That days have passed since the last one is right here."""
        self.later(hours=1)
        return self.cloud.sweep(clock_confirmed=True)

    # People and their answers

    def evidence(self, subject: str, act: str = "tapped_allow") -> Evidence:
        """Of an answer in the app, to the text in force."""
        return Evidence(subject, self.cloud.policy.notice, "app", act, "en")

    def yes(self, subject: str, *purposes: str, precision: Precision | None = None) -> None:
        """The person allows these purposes, now."""
        for purpose in purposes:
            self.cloud.consent.give(subject, purpose, self.evidence(subject), precision=precision)

    def withdraw(self, subject: str, *purposes: str) -> None:
        """The person takes these consents back, now."""
        for purpose in purposes:
            self.cloud.consent.withdraw(subject, purpose, self.evidence(subject, "tapped_withdraw"))

    # Devices and frames

    def tracker(self, subject: str = "u-1", *, told: bool = True) -> Tracker:
        """D1: a new device of the person's, which seals as a real one does; where the policy asks for that, the person was told."""
        if told and self.cloud.notices.closed(subject):
            self.cloud.notices.receive(subject, self.evidence(subject, "opened"))
        _, device, root, _, first, _, _ = codec.unpack(self.cloud.enrol(subject=subject, settings={}).file)
        return Tracker(device, first, root)

    def take(self, tracker: Tracker, *payloads: bytes) -> list[Outcome]:
        """Receive these, in one batch."""
        return self.cloud.handle([(tracker.topic, payload) for payload in payloads])

    def feed(
        self, tracker: Tracker, count: int = 20, *, precision: int = Precision.EXACT, version: int = 1, step: int = 10
    ) -> list[int]:
        """So many fixes at F, `step` seconds apart up to now, twenty to an envelope; all must be stored. Their times."""
        first = int(self.now) - step * (count - 1)
        times = [first + step * n for n in range(count)]
        pieces = [piece for day in _by_day(times) for piece in _by_twenty(day)]
        sealed = [tracker.fixes(piece, precision=precision, place=HERE, version=version) for piece in pieces]
        before = self.rows()
        self.take(tracker, *sealed)
        assert self.rows() == before + len(sealed)
        return times

    def rows(self) -> int:
        """Envelopes in the store."""
        return self.cloud.database.count_envelopes()

    # Reading, and being told no

    def read(self, actor: Actor, purpose: str, *, subject: str = "u-1", days: float = 400, **asked: Any) -> Fixes:
        """The person's positions of the days up to now."""
        return self.cloud.read_location(
            actor=actor, purpose=purpose, subject=subject, start=self.now - days * DAY, end=self.now + HOUR, **asked
        )

    def logged(self, kind: str, subject: str | None = None) -> list[dict[str, Any]]:
        """Details of the log's entries of a kind, of a person or of all."""
        return [dict(entry.event.detail) for entry in self.cloud.audit.entries(subject, kind)]

    @contextmanager
    def denies(self, reason: str, *, times: int = 1) -> Iterator[None]:
        """deny(reason): refused with that reason, nothing stored or removed, and one entry in the audit log for each of `times`.

        The block raises `Denied`, or (with more than one of `times`) catches it itself each time.
        """
        rows, before = self.rows(), len(self.logged("gate.denied"))
        if times == 1:
            with pytest.raises(Denied) as denied:
                yield
            assert str(denied.value.reason) == reason
        else:
            yield
        entries = self.logged("gate.denied")[before:]
        assert [entry["reason"] for entry in entries] == [reason] * times
        assert self.rows() == rows


def changed(text: str, old: str, new: str) -> str:
    """A text with the first `old` replaced; it must be there, or the test would show nothing."""
    assert old in text, old
    return text.replace(old, new, 1)


class Made:
    """What one clause test makes: worlds in a folder of its own, and patches; all undone by `close`."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.patch = folder, patch
        self.worlds: list[World] = []

    def world(self, profile: str, *changes: tuple[str, str], start: float = T0) -> World:
        """A fresh installation on a profile (ct, cg, mm, st, tt, demo), with these replacements in its text."""
        folder = self.folder / f"world-{len(self.worlds)}"
        folder.mkdir()
        made = World(folder, profile, changes, start=start)
        self.worlds.append(made)
        return made

    def text(self, profile: str, *changes: tuple[str, str]) -> Path:
        """A policy file alone, for the loader and the command line."""
        text = (PROFILES / f"{profile}.toml").read_text("utf-8")
        for old, new in changes:
            text = changed(text, old, new)
        path = self.folder / f"{profile}-{len(list(self.folder.iterdir()))}.toml"
        path.write_text(text, "utf-8")
        return path

    def close(self) -> None:
        """Close all worlds."""
        for world in self.worlds:
            world.close()


def _by_day(times: Sequence[int]) -> list[list[int]]:
    """An envelope holds captures of one UTC day."""
    days: dict[int, list[int]] = {}
    for time in times:
        days.setdefault(time // EPOCH_SECONDS, []).append(time)
    return list(days.values())


def _by_twenty(times: Sequence[int]) -> list[Sequence[int]]:
    return [times[n : n + 20] for n in range(0, len(times), 20)]
