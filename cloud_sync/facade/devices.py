"""Devices as the façade has them: how they are enrolled, healed, and handed on to somebody else."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cloud_sync.audit import AuditLog, Kind
from cloud_sync.erasure.witness import Witness
from cloud_sync.errors import ConfigError, UnknownDevice
from cloud_sync.facade.notices import Notices
from cloud_sync.facade.settings import settings_text
from cloud_sync.ingest.answers import Answers
from cloud_sync.keys.generations import Generations
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.model import EPOCH_SECONDS, Device
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
    _answers: Answers
    _witness: Witness

    def enrol(self, *, subject: str, settings: Mapping[str, Any], provided_by: str = "") -> Enrolment:
        """A fresh pseudonym and fresh keys for one attempt; the root is in the returned file and nowhere else.

        `provided_by` names who gave the person's data where that is somebody else, such as an employer (`notices.provided`).
        """
        text = settings_text(settings)
        if not WORD.fullmatch(subject):
            raise ConfigError("a subject is a pseudonym of 1 to 64 letters, digits and _.:/- (never a name)")
        now = self.clock.now()
        first_epoch = int(now) // EPOCH_SECONDS
        device = base64.b32encode(os.urandom(DEVICE_BYTES)).decode("ascii").lower()
        root = os.urandom(ROOT_BYTES)
        self._keys.enrol(device, root, 0, first_epoch)
        self._generations.wish(device)  # the first contact heals [whoever saw the root would read all days]
        with self.database.transaction():
            self.database.add_device(Device(device, subject, 0, now))
            self._answers.enrol(device)
            self.audit.record(Kind.DEVICE_ENROLLED.value, CONTROLLER, subject, device=device)
        if provided_by:
            self.notices.provided(subject, provided_by)
        self._witness.note()
        return Enrolment(device, codec.pack([ENROLMENT_VERSION, device, root, 0, first_epoch, int(now), text]))

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
        before = self._in_use(device)
        enrolment = self.enrol(subject=subject, settings=settings)
        with self.database.transaction():
            self.database.update_device(replace(before, revoked_at=self.clock.now()))
            self.audit.record(
                Kind.DEVICE_REVOKED.value, CONTROLLER, before.subject, device=device, reason="handed_over"
            )
        self._generations.end(device, int(self.clock.now()) // EPOCH_SECONDS)
        self._witness.note()
        return enrolment

    def _finish_devices(self) -> None:
        """What a stop between the commits of the stores left undone, or a restored database does not know; before any is served."""
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
