"""Portability to another company: a person's copy, handed over to the receiver whom the person names (GDPR Art. 20(2)).

Unlike a disclosure it rests on the person's order and not on the register of recipients: the receiver need not be listed. What
goes is what the person would be given, under their name and through the same gate, and nothing else.

1. The copy is written, whole, into a private folder that is gone afterwards. 2. It leaves in parts, in order, each a piece of one
file as it is: {"delivery", "part", "recipient", "file", "place", "text"}; the last has the manifest. 3. Whoever puts the texts of a
file together has the file of the manifest, with its SHA-256. 4. The person finds the delivery in their copy, and an erasure takes
back what a sink still holds; no part leaves once the person is erased [one that comes after what was taken back]. A receiver
outside the EEA is a warning: the data is the person's own to send.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from cloud_sync.audit import AuditLog
from cloud_sync.audit import Kind as AuditKind
from cloud_sync.disclosure.export import Export, Exporter, Kind
from cloud_sync.disclosure.manifest import MANIFEST
from cloud_sync.disclosure.parcel import SALT_BYTES, Part
from cloud_sync.errors import CloudSyncError, ConfigError, Denied, LinkError
from cloud_sync.gate.words import check_word
from cloud_sync.model import Actor, AuditEvent, Reason
from cloud_sync.model.access import Delivery, DeliveryState
from cloud_sync.policy.vocabulary import EEA
from cloud_sync.stores import Clock, Database, Sink

SOURCE: Final = "portability"  # of a delivery that is none of one stream
PURPOSE: Final = "rights_handling"
PREFIX: Final = "handing-over-"
ID_BYTES: Final = 10
PIECE_CHARACTERS: Final = 65_536  # of one part: it fits a webhook and a broker's packet
_OUTSIDE: Final = (
    "{receiver} is outside the EEA ({region}): the law of the EEA does not protect what is sent there; tell the person"
)


@dataclass(frozen=True, slots=True)
class HandedOver:
    """What a receiver took: how many rows, the SHA-256 of the manifest, and what the person is to be told."""

    delivery: str
    receiver: str
    region: str
    rows: int
    sha256: str
    parts: int
    warnings: tuple[str, ...]


class HandOver:
    """Hands portability copies over."""

    def __init__(self, exporter: Exporter, database: Database, audit: AuditLog, clock: Clock, folder: Path) -> None:
        """`folder` is that of the installation: what a copy leaves there when it is cut short goes with the next one."""
        self._folder = folder
        self._exporter = exporter
        self._database = database
        self._audit = audit
        self._clock = clock

    def send(
        self,
        subject: str,
        *,
        receiver: str,
        region: str,
        sink: Sink,
        actor: Actor,
        reference: str = "",
        withhold: Mapping[str, str] | None = None,
    ) -> HandedOver:
        """Write the copy as `actor` may and hand it to `sink`; `region` is two letters or EEA, `withhold` as the copy has it.

        `Denied` where nothing may be exported, and once the person is erased; LinkError when the receiver does not take a part,
        and then it is all sent again.
        """
        check_word(receiver, "receiver")
        if not (len(region) == 2 and region.isalpha() and region.isupper()) and region != "EEA":
            raise ConfigError(f"{region}: name the receiver's region, two capital letters or EEA")
        warnings = () if region == "EEA" or region in EEA else (_OUTSIDE.format(receiver=receiver, region=region),)
        self._clear()
        with self._private() as folder:
            made = self._exporter.write(folder / SOURCE, subject, actor=actor, kind=Kind.PORTABILITY, withhold=withhold)
            delivery = self._begun(made, receiver, actor, reference)
            parts = 0
            for part in _parts(made, delivery.delivery, receiver):
                if self._database.delivery(delivery.delivery) is None:
                    raise Denied(Reason.ERASED, "denied: erased: the person was erased while the copy was handed over")
                _deliver(sink, part)
                parts += 1
        return self._taken(made, delivery, region, parts, warnings)

    @contextmanager
    def _private(self) -> Iterator[Path]:
        """A folder of its own, locked while it is in use, and gone afterwards."""
        path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=self._folder))
        lock = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)
            os.close(lock)

    def _clear(self) -> None:
        """Remove what a power cut left in the clear: what nobody holds a lock on."""
        for left in self._folder.glob(f"{PREFIX}*"):
            with suppress(OSError):  # another process hands a copy over, or has just done so
                lock = os.open(left, os.O_RDONLY)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(left, ignore_errors=True)
                finally:
                    os.close(lock)

    def _begun(self, made: Export, receiver: str, actor: Actor, reference: str) -> Delivery:
        """On the record as stopped until it is whole [a piece that lies with the receiver and that nobody knows of]."""
        salt, name = secrets.token_bytes(SALT_BYTES), secrets.token_hex(ID_BYTES)
        what = (name, receiver, PURPOSE, SOURCE, made.subject, actor.id, 0.0, made.at, reference, salt, made.at)
        delivery = Delivery(*what, state=DeliveryState.STOPPED)
        self._database.put_delivery(delivery)
        return delivery

    def _taken(
        self, made: Export, delivery: Delivery, region: str, parts: int, warnings: tuple[str, ...]
    ) -> HandedOver:
        rows, digest, now = made.manifest.rows, made.manifest.sha256, self._clock.now()
        done = replace(delivery, state=DeliveryState.DONE, parts=parts, count=rows, commitment=digest, ended_at=now)
        with self._database.transaction():
            self._database.go_on(done)
            detail: tuple[tuple[str, str | int], ...] = (
                ("recipient", delivery.recipient),
                ("delivery", delivery.delivery),
                ("count", rows),
                ("commitment", digest),
            )
            kind = AuditKind.EXPORT_HANDED_OVER.value
            self._audit.append(AuditEvent(kind, now, delivery.actor, made.subject, detail))
        return HandedOver(delivery.delivery, delivery.recipient, region, rows, digest, parts, warnings)


def _deliver(sink: Sink, part: Part) -> None:
    """LinkError in place of what is no error of cloud_sync [a stranger's exception that quotes the copy]."""
    try:
        sink.deliver(part)
    except CloudSyncError:
        raise
    except Exception as error:
        raise LinkError(f"{part.recipient} did not take it: {type(error).__name__}") from None


def _parts(made: Export, delivery: str, receiver: str) -> Iterator[Part]:
    """The files of the manifest piece by piece, then the manifest."""
    names = [file.name for file in made.manifest.files]
    number = 0
    for name in [*names, MANIFEST]:
        with (made.folder / name).open(encoding="utf-8", newline="") as file:
            place = 0
            while text := file.read(PIECE_CHARACTERS):
                about: dict[str, Any] = {"delivery": delivery, "part": number, "recipient": receiver}
                body = json.dumps({**about, "file": name, "place": place, "text": text}, ensure_ascii=False).encode()
                yield Part(f"{delivery}-{number}-{hashlib.sha256(body).hexdigest()[:16]}", receiver, body)
                number, place = number + 1, place + len(text)
