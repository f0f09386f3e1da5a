"""Devices as the façade has them: how they are enrolled, healed, and handed on to somebody else."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cloud_sync.audit import AuditLog, Kind
from cloud_sync.consent.record import identifier
from cloud_sync.erasure.witness import Witness
from cloud_sync.errors import ConfigError, UnknownDevice
from cloud_sync.facade.notices import Notices
from cloud_sync.facade.settings import settings_text
from cloud_sync.ingest.answers import Answers
from cloud_sync.keys.generations import Generations
from cloud_sync.keys.invitations import InvitationKeys
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.model import EPOCH_SECONDS, Device
from cloud_sync.model.enrolment import BegunAdmission
from cloud_sync.storage.keys import KeyRows
from cloud_sync.stores import Clock, Database
from cloud_sync.wire import codec

ROOT_BYTES = 32
DEVICE_BYTES = 10  # 80 bits are 16 characters of base 32 (docs/wire-format.md section 2)
ENROLMENT_VERSION = 1
CONTROLLER = "controller"
WORD = re.compile(r"[A-Za-z0-9_.:/-]{1,64}", re.ASCII)  # what the audit log takes


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A new device: its pseudonym, and the file that the agent hands to it in RAM and then forgets."""

    device: str
    file: bytes = field(repr=False)  # it holds the root


class Devices:
    """The part of `CloudSync` that knows which device is whose."""

    clock: Clock
    database: Database
    audit: AuditLog
    notices: Notices
    _keys: LadderKeys
    _generations: Generations
    _invitations: InvitationKeys
    _answers: Answers
    _store: KeyRows
    _witness: Witness

    def enrol(self, *, subject: str, settings: Mapping[str, Any], provided_by: str = "") -> Enrolment:
        """A fresh pseudonym and fresh keys for one attempt; the root is in the returned file and nowhere else.

        `provided_by` names who gave the person's data where that is somebody else, such as an employer (`notices.provided`).
        """
        return self._enrol_in_file(subject, settings, provided_by=provided_by)

    def heal(self, device: str) -> None:
        """Begin a new generation of the device's keys at its next contact, and offer it until it has begun.

        A copy that somebody took of the device's memory opens nothing from then on. UnknownDevice for one that is not in use.
        """
        self._in_use(device)
        self._generations.wish(device)

    def hand_over(self, device: str, *, subject: str, settings: Mapping[str, Any]) -> Enrolment:
        """Another person takes the device: its keys of until now end, and the file enrols it anew, for them alone.

        What it told about the person before stays theirs, under its old pseudonym: to read, and to erase. UnknownDevice as `heal`.
        """
        return self._enrol_in_file(subject, settings, takes_over=device)

    # One path, whoever made the root

    def _enrol_in_file(self, subject: str, settings: Mapping[str, Any], **beside: str) -> Enrolment:
        text = settings_text(settings)
        check_person(subject, beside.get("provided_by", ""))
        device = base64.b32encode(os.urandom(DEVICE_BYTES)).decode("ascii").lower()
        root, now = os.urandom(ROOT_BYTES), self.clock.now()
        first_epoch = int(now) // EPOCH_SECONDS
        begun = BegunAdmission("", subject, device, now, **beside)
        with self.database.transaction():
            if begun.takes_over:
                self._in_use(begun.takes_over)
            self._begin(begun, root, first_epoch)
        self._begun(begun)
        return Enrolment(device, codec.pack([ENROLMENT_VERSION, device, root, 0, first_epoch, int(now), text]))

    def _begin(self, begun: BegunAdmission, root: bytes, first_epoch: int) -> None:
        """Inside the database's transaction, which commits after the key store's: what cannot be done was refused before.

        The key store's one commit decides. With it a device has keys and its invitation has none; what follows is carried through
        by whoever opens the stores next (`_finish_admissions`).
        """
        with self._keys.transaction():
            if begun.id:
                self._invitations.use_up(begun)
            self._keys.enrol(begun.device, root, 0, first_epoch)
            self._generations.wish(begun.device)  # the first contact heals [whoever saw the root would read all days]
        self._note_device(begun)

    def _note_device(self, begun: BegunAdmission) -> None:
        """The rows of a device that has keys, and of the one whose place it takes."""
        self.database.add_device(Device(begun.device, begun.subject, 0, begun.at))
        self._answers.enrol(begun.device)
        by: dict[str, str] = {"invitation": begun.id} if begun.id else {}
        self.audit.record(Kind.DEVICE_ENROLLED.value, CONTROLLER, begun.subject, device=begun.device, **by)
        before = self.database.device(begun.takes_over) if begun.takes_over else None
        if before is not None and before.revoked_at is None:
            self.database.update_device(replace(before, revoked_at=begun.at))
            self.audit.record(
                Kind.DEVICE_REVOKED.value, CONTROLLER, before.subject, device=before.device, reason="handed_over"
            )
        if begun.provided_by:
            self.notices.provided(begun.subject, begun.provided_by)

    def _begun(self, begun: BegunAdmission) -> None:
        """After the commits: the keys of the device before end, and nothing of the invitation stays."""
        if begun.takes_over:
            self._generations.end(begun.takes_over, int(begun.at) // EPOCH_SECONDS)
        # The key leaves the file's log too, before its use is forgotten [a reader keeps the log: then the next sweep is asked].
        if begun.id and self._invitations.vacuum():
            self._store.end_admission(begun.id)
        self._witness.note()

    def _finish_admissions(self) -> None:
        """Uses of an invitation that stopped behind the key store's commit."""
        if not self._store.admissions():
            return
        with self.database.transaction():  # whoever is at it now ends first
            begun = self._store.admissions()
            for each in begun:
                if self.database.device(each.device) is None:
                    self._note_device(each)
        for each in begun:
            self._begun(each)

    def _finish_devices(self) -> None:
        """What a stop between the commits of the stores left undone, or a restored database does not know; before any is served."""
        self._finish_admissions()
        # 1. Each device in the generation of its down chain, before anything is numbered on it.
        with self.database.transaction():
            devices = [self._answers.followed(each, self.clock.now()) for each in self.database.all_devices()]
        # 2. A device that was handed on has no ladder that leads beyond that day.
        going_on = self._generations.going_on()
        for each in devices:
            if each.revoked_at is not None and each.device in going_on:
                self._generations.end(each.device, int(each.revoked_at) // EPOCH_SECONDS)

    def _in_use(self, device: str) -> Device:
        found = self.database.device(device)
        if found is None or found.revoked_at is not None:
            raise UnknownDevice("no device of this pseudonym is in use")
        return found


def check_person(subject: str, provided_by: str) -> None:
    """ConfigError unless the subject is a pseudonym, ConsentError unless so is who gave the person's data."""
    if not WORD.fullmatch(subject):
        raise ConfigError("a subject is a pseudonym of 1 to 64 letters, digits and _.:/- (never a name)")
    if provided_by:
        identifier(subject, "subject")
        identifier(provided_by, "source")
