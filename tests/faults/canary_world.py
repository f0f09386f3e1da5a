"""A person with a word of their own in every field of every place that can hold one, and how to look for these words afterwards."""

from __future__ import annotations

import hashlib
import logging
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from cloud_sync.alarms import Theft
from cloud_sync.config import Config
from cloud_sync.consent import Evidence
from cloud_sync.disclosure import FileSink
from cloud_sync.erasure.places import PLACES, Fate, Store
from cloud_sync.errors import CloudSyncError
from cloud_sync.keys.personkeys import PersonKeys
from cloud_sync.logs import JsonLines
from cloud_sync.model import COUNTERS, PERSONAL_STREAMS, Actor
from cloud_sync.model.access import SilentNotice
from cloud_sync.model.alarms import AlarmMessage
from cloud_sync.model.enrolment import BegunAdmission
from cloud_sync.model.keeping import Shred
from cloud_sync.model.notices import LinkUse, NoticeLink
from cloud_sync.places import PostgresqlUrl
from cloud_sync.policy import Clock
from cloud_sync.read.sources import LOCATION
from cloud_sync.releases.store import FILE, OfferRow
from cloud_sync.service import CloudSync
from cloud_sync.storage.engine import Engine
from cloud_sync.storage.keybackup import restore
from cloud_sync.web.metrics import text as metrics_text
from cloud_sync.wire import codec
from cloud_sync.wire.envelope import open_uplink, parse_uplink
from cloud_sync.wire.fields import MOST_EPOCH
from tests.properties.gate_policies import SYNTHETIC
from tests.unit.cloud_sync.consent.joining import join
from tests.unit.cloud_sync.ingest.ingest_world import NOON, FakeClock, ListLink, Tracker
from tests.unit.cloud_sync.storage.cluster import cluster
from tests.unit.cloud_sync.storage.places import copy_store, places

SUBJECT, OTHER = "canary-subject", "s-2"
ME, CLERK, SERVICE = Actor(SUBJECT, "data_subject"), Actor("c-1", "controller"), Actor("service", "service")
HELPER = Actor("e-1", "support", mfa=True)
HOME = (556_700_000, 125_600_000)
T = int(NOON) - 3600
SETTINGS = {
    "board": "esp32s3",
    "wifi": {"ssid": "canary-ssid", "key": "canary-wifi-key"},
    "broker": {"host": "canary-broker.example", "port": 1883},
}
STORES = ("telemetry.db", "keys.db")
#: What stays by right, each with the places in which it is found afterwards, and in no other.
KEPT = {
    "subject": {
        *("telemetry.device.subject", "telemetry.consent.subject", "telemetry.consent.record"),
        *("telemetry.consent_bound.subject", "telemetry.consent_bound.record", "telemetry.restriction.subject"),
        *("telemetry.record_part.subject", "telemetry.clock_event.name", "keys.record_key.subject"),
        *("telemetry.audit_leaf.subject", "telemetry.audit_leaf.event"),  # that a record is kept, and why
        *("telemetry.rights_case.subject", "telemetry.notice_receipt.subject", "telemetry.notice_receipt.entity"),
    },
    "receipt": {"telemetry.notice_receipt.receipt_id"},
    "incident": {  # nobody's name is beside it
        *("telemetry.incident_event.incident_id", "telemetry.audit_leaf.event", "tombstones.witness.name"),
    },
    "case": {"telemetry.rights_case.case_id", "telemetry.rights_event.case_id"},
    "message": {"telemetry.rights_case.message"},
    "device": {
        *("telemetry.incident_event.detail", "tombstones.witness.mark"),  # of an incident, which is kept
        *("telemetry.device.device", "telemetry.directive_state.device", "keys.tip.device", "keys.down.device"),
        *("keys.leaf.device", "keys.heal_wish.device", "keys.heal_offer.device", "tombstones.tombstone.device"),
        "keys.invitation.takes_over",  # of somebody else, who is to have it
    },
    "channel": {"telemetry.notice_receipt.channel", "telemetry.consent.record", "telemetry.consent_bound.record"},
    "act": {"telemetry.notice_receipt.act", "telemetry.consent.record", "telemetry.consent_bound.record"},
    # That somebody founded the group is about nobody in it.
    "group": {"telemetry.consent_bound.group_id", "telemetry.consent_bound.record", "telemetry.audit_leaf.event"},
    "kept record": {
        *("telemetry.record_part.record_id", "telemetry.clock_event.name", "telemetry.audit_leaf.event"),
        "keys.record_key.record_id",
    },
    "shared record": {"telemetry.record_part.record_id", "keys.record_key.record_id"},  # somebody else's part of it
    "restriction": {"telemetry.restriction.reference"},
    "erasure": {"tombstones.witness.name"},  # that one waited, and waits no more
}
#: What a cleaned table of PostgreSQL may still hold in free space: names, and nothing that opens (record 0022).
FREE_SPACE = frozenset({"record"})


class Link(ListLink):
    """A link that remembers whose retained messages were cleared."""

    def __init__(self) -> None:
        super().__init__()
        self.cleared: list[str] = []

    def forget(self, device: str) -> None:
        """Remember."""
        self.cleared.append(device)


@dataclass
class Copies:
    """What somebody has kept a copy of, sealed."""

    rows: list[Any]
    limits: tuple[int, bytes]
    directives: list[tuple[str, int, bytes]]
    parts: list[Any]


class Home:
    """An installation with such a person in it, and somebody else beside."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = FakeClock(NOON - 14_400)
        self.link = Link()
        (directory / "carrier").mkdir()
        policy = directory / "policy.toml"
        policy.write_text(SYNTHETIC, "utf-8")
        config = Config.in_directory(directory, policy=policy, broker=None)
        self.config = replace(config, **places(directory)._asdict())
        self.handler = logging.FileHandler(directory / "service.log")
        self.handler.setFormatter(JsonLines())
        logging.getLogger("cloud_sync").addHandler(self.handler)
        self.words: dict[str, str] = {"subject": SUBJECT}
        self.cloud = self.open()
        self._fill()
        self.copies = self._copies()

    def open(self) -> CloudSync:
        """The installation, open."""
        cloud = CloudSync.open(self.config, clock=self.clock, link=self.link)
        cloud.sinks["carrier"] = FileSink(self.directory / "carrier")
        return cloud

    def close(self) -> None:
        """Close it."""
        self.cloud.close()
        logging.getLogger("cloud_sync").removeHandler(self.handler)
        self.handler.close()

    def evidence(self, subject: str = SUBJECT) -> Evidence:
        """Of an answer."""
        return Evidence(subject, "demo-1", self.word("channel"), self.word("act"), "en")

    def word(self, name: str) -> str:
        """The word of a field, and the same each time."""
        return self.words.setdefault(name, f"canary-{name.replace(' ', '-')}")

    # Filling

    def _fill(self) -> None:
        cloud = self.cloud
        enrolment = cloud.enrol(subject=SUBJECT, settings=SETTINGS)
        assert b"canary-wifi-key" in enrolment.file
        self.words |= {"settings": "canary-wifi-key", "ssid": "canary-ssid", "device": enrolment.device}
        _, device, root, _, first, _, _ = codec.unpack(enrolment.file)
        self.tracker = Tracker(device, first, root)
        for purpose in ("tracking", "theft_alarm", "marketing"):
            cloud.consent.give(SUBJECT, purpose, self.evidence())
        cloud.limits.set(SUBJECT, zones=[(5567, 1256)], hours=[(61, 122)], evidence=self.evidence())
        self.clock.at = NOON
        self._readings()
        self._access()
        self._alarms()
        self._records()
        self._bounds()
        self._cases()
        self._notices()
        self._invitations()
        self._waiting()
        (self.directory / "metrics.txt").write_text(metrics_text(cloud.figures()))

    def _readings(self) -> None:
        cloud, tracker = self.cloud, self.tracker
        self.live = cloud.live_location(actor=ME, purpose="tracking", subject=SUBJECT)
        times = [T + 10 * n for n in range(40)]
        payloads = [tracker.fixes(times[:20], place=HOME, version=9), tracker.fixes(times[20:], place=HOME, version=9)]
        payloads.append(tracker.environment([(T, 217, 4321), (T + 60, 218, 4322)], version=9))
        payloads.append(tracker.motion([(T, 1), (T + 120, 2)], version=9))
        payloads.append(tracker.status())
        cloud.handle([(tracker.topic, b"no envelope")])  # so that the log says something
        self.handler.flush()
        assert b"malformed" in (self.directory / "service.log").read_bytes()
        before = cloud.database.count_envelopes()
        cloud.handle([(tracker.topic, payload) for payload in payloads])
        assert cloud.database.count_envelopes() == before + len(payloads)
        assert self.live.take(1.0) is not None and self.live._items and self.live._rows
        cloud.heal(tracker.name)
        cloud.database.add_shreds([Shred(tracker.name, 0, 1, int(NOON) // 86_400 - 1, COUNTERS)])
        cloud.releases.offer(OfferRow(tracker.name, b"release!", "2", 1, 1, NOON, done=True))
        cloud.releases.note_version(tracker.name, "canary-version")
        self.words["version"] = "canary-version"

    def _access(self) -> None:
        cloud = self.cloud
        cloud.staff.open_ticket(self.word("ticket"), SUBJECT, by="desk")
        asked: dict[str, Any] = {"purposes": ["tracking"], "categories": ["position"], "by": HELPER}
        grant = cloud.staff.open(HELPER, SUBJECT, ticket=self.word("ticket"), **asked)
        self.words["grant"] = grant.grant
        cloud.read_location(actor=HELPER, purpose="tracking", subject=SUBJECT, start=T, end=NOON)
        cloud.relations.begin("p-1", "planner", SUBJECT, by=SUBJECT)
        cloud.relations.begin(SUBJECT, "parent", OTHER, by=OTHER)
        signed = {"purpose": "legal_reporting", "start": T, "end": NOON, "by": Actor("c-8", "controller", mfa=True)}
        cloud.approvals.approve(self.word("approval"), "police", SUBJECT, **signed)  # type: ignore[arg-type]
        record = self.word("signed record")
        cloud.approvals.approve(self.word("order"), "police", SUBJECT, record=record, **signed)  # type: ignore[arg-type]
        silent = self.word("silent notice"), SUBJECT, "police", self.word("silent delivery"), self.word("order")
        cloud.database.put_silent_notice(SilentNotice(*silent, NOON + 60), NOON)
        asked = {"actor": CLERK, "purpose": "tracking", "subject": SUBJECT, "recipient": "carrier"}
        cloud.disclosures.deliver(LOCATION, start=0, end=NOON, delivery=self.word("delivery"), **asked)
        [part] = (self.directory / "carrier").iterdir()
        assert b"55.66" in part.read_bytes() or b"55.67" in part.read_bytes()
        link = cloud.alerts("https://portal.example/alert/").send(
            LOCATION, actor=SERVICE, purpose="tracking", subject=SUBJECT, start=T, end=NOON, sink=_Deaf()
        )
        self.words["alert"] = link.link

    def _alarms(self) -> None:
        """A rule of the person's, a message of it on its way, and an incident with their device of which they are to be told."""
        cloud = self.cloud
        asked = {"purpose": "theft_alarm", "channel": "mail", "to": "canary-to@example.org", "label": "canary-label"}
        rule, _ = cloud.alarms.set(ME, Theft(parked_s=600), **asked)  # type: ignore[arg-type]
        self.words |= {"alarm rule": rule.rule_id, "alarm to": "canary-to", "alarm label": "canary-label"}
        message = AlarmMessage(self.word("alarm message"), rule.rule_id, SUBJECT, NOON, 0, NOON)
        cloud.database.put_alarm_message(message)
        incident = cloud.breaches.open("device", which=self.words["device"], by="dpo-1").incident_id
        cloud.breaches.find(incident, by="dpo-1")
        cloud.breaches.tell_people(incident, lambda _, letter: None, by="dpo-1")
        self.words["incident"] = incident

    def _records(self) -> None:
        records = self.cloud.records
        records.put("billing", {SUBJECT: b"canary-billing-content"}, record_id=self.word("kept record"))
        records.put("contact", {SUBJECT: b"canary-contact-content"}, record_id=self.word("record"))
        parts = {SUBJECT: b"canary-shared-content", OTHER: b"somebody else's content"}
        records.put("contact", parts, record_id=self.word("shared record"))
        records.note(Clock.INVOICE_ISSUED, record=self.word("kept record"), at=T)
        records.note(Clock.PURPOSE_CONCLUDED, record=self.word("record"), at=T)
        records.note(Clock.RELATION_ENDED, subject=SUBJECT, at=T)
        self.words |= {"billing content": "canary-billing-content", "contact content": "canary-contact-content"}

    def _bounds(self) -> None:
        cloud = self.cloud
        cloud.groups.found(self.word("group"), Evidence("holder-1", "demo-1", "app", "tapped", "en"))
        join(cloud.groups, self.word("group"), SUBJECT, Evidence("holder-1", "demo-1", "app", "tapped", "en"))
        cloud.ages.declare(SUBJECT, date(2014, 7, 5), self.evidence(), country="DK")
        [month] = [bound.month for bound in cloud.database.bounds_of(SUBJECT) if bound.month]
        self.words["month"] = month
        restricted = cloud.restrictions.restrict(SUBJECT, "objection", by="desk", reference=self.word("lifted"))
        cloud.restrictions.lift(restricted.restriction_id, by="desk", told=True)
        cloud.restrictions.restrict(SUBJECT, "accuracy_contested", by="desk", reference=self.word("restriction"))

    def _cases(self) -> None:
        """A letter that asks for something, and a link by which whoever wrote it is to show who they are."""
        rights, sent = self.cloud.rights, list[str]()
        letter = {"received_at": self.clock.at, "channel": "letter", "by": "desk"}
        [case] = rights.open(SUBJECT, "rectification", content=b"canary-case-content", **letter).cases  # type: ignore[arg-type]
        rights.identity.send(case.case_id, lambda _, token: sent.append(token))
        self.words |= {"case": case.case_id, "message": case.message, "case content": "canary-case-content"}
        self.words["link"] = hashlib.sha256(sent[0].encode()).hexdigest()

    def _notices(self) -> None:
        """Data that an employer gave, a notice that was received, and a link that waits for its second step."""
        cloud = self.cloud
        cloud.notices.provided(SUBJECT, self.word("source"))
        self.words["receipt"] = cloud.notices.receive(SUBJECT, self.evidence()).receipt_id
        link = NoticeLink(
            self.word("sign-up link"), LinkUse.CONFIRM, SUBJECT, "marketing", self.word("address"), NOON, NOON + 86_400
        )
        cloud.database.put_notice_link(link)

    def _invitations(self) -> None:
        """One of the person's that is open, and one whose use is not through; somebody else's, who is to have the device."""
        cloud = self.cloud
        self.words["invitation"] = cloud.invite(subject=SUBJECT, provided_by=self.word("source")).id
        cloud.invite(subject=OTHER, takes_over=self.tracker.name)
        used = self.words["used invitation"] = secrets.token_hex(16)
        cloud._store.put_admission(BegunAdmission(used, SUBJECT, self.tracker.name, NOON, "", self.word("source")))

    def _waiting(self) -> None:
        """An erasure that a hold kept, which is released."""
        cloud = self.cloud
        year = {"review_at": NOON + 86_400, "by": "lawyer-1"}
        on_person = cloud.holds.place(self.word("hold"), subject=SUBJECT, **year)  # type: ignore[arg-type]
        on_device = cloud.holds.place(self.word("hold of device"), device=self.tracker.name, **year)  # type: ignore[arg-type]
        assert cloud.erase(subject=SUBJECT).held
        for hold in (on_person, on_device):
            cloud.holds.release(hold.hold_id, by="lawyer-1", approved_by="lawyer-2")
        [waiting] = cloud.database.waiting()
        self.words["erasure"] = waiting.erasure_id
        rows = cloud.database.envelopes(self.tracker.name, 1, 0, MOST_EPOCH)
        cloud.live.committed(rows)  # it waits again for whoever has subscribed
        self.live._items.append("a reading that was not taken yet")  # type: ignore[arg-type]
        assert self.live._open and len(self.live._rows) >= 2

    # Looking

    def sightings(self) -> dict[str, set[str]]:
        """By word, the store, table and column in which it stands."""
        found: dict[str, set[str]] = {name: set() for name in self.words}
        for place, value in self._cells():
            for name, word in self.words.items():
                if word.encode() in value:
                    found[name].add(place)
        return found

    def _cells(self) -> Iterator[tuple[str, bytes]]:
        stores: dict[str, Engine] = {
            "telemetry": self.cloud.database,
            "keys": self.cloud._store,
            "tombstones": self.cloud._tombstones,
        }
        for name, store in stores.items():
            for table in (*store.tables, "migration"):
                columns = store.columns(table)
                for row in store.rows(f"SELECT {', '.join(columns)} FROM {table}"):  # noqa: S608
                    yield from ((f"{name}.{table}.{c}", _bytes(v)) for c, v in zip(columns, row, strict=True))
        with closing(sqlite3.connect(self.directory / FILE)) as raw:
            for table in ("release", "offer", "runs"):
                cursor = raw.execute(f"SELECT * FROM {table}")  # noqa: S608
                columns = [each[0] for each in cursor.description]
                for row in cursor:
                    yield from ((f"releases.{table}.{c}", _bytes(v)) for c, v in zip(columns, row, strict=True))

    def raw(self) -> dict[str, int]:
        """By word that must go, how often it stands in any byte of any file."""
        self.handler.flush()
        files = [path.read_bytes() for path in sorted(self.directory.rglob("*")) if path.is_file()]
        if isinstance(self.config.database, PostgresqlUrl):
            for name in ("telemetry", "keys"):
                cluster(name).run("SELECT pg_switch_wal()", "CHECKPOINT", "SELECT pg_switch_wal()", "CHECKPOINT")
                files.append(cluster(name).bytes())
        everything = b"\0".join(files)
        passed = FREE_SPACE if isinstance(self.config.database, PostgresqlUrl) else frozenset[str]()
        gone = {name: word for name, word in self.words.items() if name not in KEPT and name not in passed}
        return {name: everything.count(word.encode()) for name, word in gone.items()}

    def left(self) -> list[str]:
        """Everything that an erasure of the person should have taken and has not."""
        allowed = {
            f"{place.store}.{place.name}.{column}"
            for place in PLACES
            if place.fate is not Fate.NOBODY
            for column in place.stays
        }
        found = []
        for name, there in self.sightings().items():
            found += [f"{name} in {place}" for place in sorted(there - (KEPT.get(name, set()) & allowed))]
        found += [f"{name} in a file" for name, count in self.raw().items() if count]
        told = b"".join((self.directory / name).read_bytes() for name in ("service.log", "metrics.txt"))
        found += [f"{name} in log or metrics" for name, word in self.words.items() if word.encode() in told]
        found += [f"{name} opens" for name, count in self.opening().items() if count]
        found += [f"a file of {path.name}" for path in (self.directory / "carrier").iterdir()]
        rows = sum(self.cloud.database.count_envelopes(self.tracker.name, stream) for stream in PERSONAL_STREAMS)
        found += [f"{rows} sealed readings"] * bool(rows)
        waiting = len(self.live._rows) + len(self.live._items) + len(self.live._follower._opener._chains)
        found += ["a live subscription"] * bool(waiting or self.live._open)
        found += ["retained messages"] * (self.tracker.name not in self.link.cleared)
        return found

    def _copies(self) -> Copies:
        database, person = self.cloud.database, self.cloud._store.person(SUBJECT)
        assert person is not None
        rows = [
            row for stream in PERSONAL_STREAMS for row in database.envelopes(self.tracker.name, stream, 0, MOST_EPOCH)
        ]
        state = database.directive_state(self.tracker.name)
        assert state is not None
        contents = {"record": b"canary-contact-content"}
        parts = [each for each in database.parts_of(SUBJECT) if each.record_id == self.words["record"]]
        assert contents and len(parts) == 1
        return Copies(rows, (person.revision, person.limits), [(state.device, state.version, state.current)], parts)

    def opening(self) -> dict[str, int]:
        """Of the copies that somebody kept of what is sealed, how many a key that is still there opens; no tombstone is asked."""
        cloud, copies = self.cloud, self.copies
        people = PersonKeys(cloud._store, cloud._keys._kek, self.clock)
        revision, limits = copies.limits
        return {
            "readings": sum(self._opens(row) for row in copies.rows),
            "limits": _tried(lambda: people.open(SUBJECT, limits, f"byleave/1/limits/{SUBJECT}/{revision}".encode())),
            "directive": sum(
                _tried(lambda: people.open(SUBJECT, current, f"byleave/1/directive/{device}/{version}".encode()))  # noqa: B023
                for device, version, current in copies.directives
            ),
            "record": sum(
                _tried(
                    lambda: cloud.records._keys.open(
                        part.record_id,  # noqa: B023
                        SUBJECT,
                        part.sealed,  # noqa: B023
                        f"{part.category}/{part.created_at!r}".encode(),  # noqa: B023
                    )
                )
                for part in copies.parts
            ),
        }

    def _opens(self, row: Any) -> int:
        leaf = self.cloud._store.leaf(*row.id[:4])
        if leaf is None:
            return 0
        chain = lambda: self.cloud._keys.open_leaf(leaf).key(row.id.counter)  # noqa: E731
        return _tried(lambda: open_uplink(row.id.device, parse_uplink(row.payload), chain()))

    # Backups

    def back_up(self) -> Path:
        """Copies of both stores as they are, and a backup of the keys by the product's own command."""
        folder = self.directory.parent / f"backup-{secrets.token_hex(4)}"
        folder.mkdir()
        self.cloud.back_up_keys(folder / "keys.backup")
        self.cloud.close()
        for name in STORES:
            copy_store(name, self.directory, folder)
        self.cloud = self.open()
        return folder

    def restore(self, folder: Path, *, by_command: bool) -> None:
        """Put them back and open: the database, and the keys as a copy or by the product's own command."""
        self.cloud.close()
        copy_store("telemetry.db", folder, self.directory)
        if by_command:
            for path in self.directory.glob("keys.db*"):
                path.unlink()
            restore(folder / "keys.backup", self.config.keys, self.clock.at, lambda made: made + 30 * 86_400)
        else:
            copy_store("keys.db", folder, self.directory)
        shutil.rmtree(folder)
        self.cloud = self.open()


class _Deaf:
    """A sink that keeps nothing."""

    def deliver(self, parcel: Any) -> None:
        """Taken."""


def _tried(opening: Any) -> int:
    try:
        return int(bool(opening()))
    except CloudSyncError:
        return 0


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


__all__ = ["KEPT", "SUBJECT", "Home", "Store"]
