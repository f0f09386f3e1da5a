"""Enrolment by invitation: a line of text goes out, a sealed file comes back, and a device has keys that nobody else could read.

Good once is not a rule but the absence of a key (record 0037): one commit of the key store destroys the invitation's private key
and gives the device its own. Before it nothing has changed, whatever was refused; behind it the device is enrolled, whatever stops.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field, replace
from typing import Final

from cloud_sync.audit import Kind
from cloud_sync.errors import ConfigError, StoreError
from cloud_sync.facade.admissible import (
    box_of,
    check_confirmed,
    check_days,
    check_greeting,
    check_new,
    device_of,
    found,
)
from cloud_sync.facade.devices import CONTROLLER, Devices, check_person
from cloud_sync.ingest.downlinks import DownlinkSealer
from cloud_sync.ingest.pipeline import Ingest
from cloud_sync.ingest.topics import TOPIC_PREFIX, TOPIC_SUFFIX
from cloud_sync.model import EPOCH_SECONDS
from cloud_sync.model.enrolment import BegunAdmission, OpenInvitation, SealedDevice
from cloud_sync.policy import Policy
from cloud_sync.storage.tombstones import TombstoneRows
from cloud_sync.wire.enrolment import MOST_CONTROLLER, confirmation, fingerprint, invitation_text

log = logging.getLogger(__name__)

DAY_S: Final = EPOCH_SECONDS
FOR_S: Final = 14 * DAY_S
LEAST_FOR_S: Final = 60  # a minute: less is a slip of the hand
MOST_FOR_S: Final = 90 * DAY_S  # a quarter: by then nobody knows any more who has seen it
_RELEASE_KEY: Final = re.compile("[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Invitation:
    """What an agent needs to enrol a board for a person, and no secret; `fingerprint` is for comparing on both machines."""

    text: str
    id: str
    fingerprint: str
    expires_at: int  # Unix seconds


@dataclass(frozen=True, slots=True)
class Admission:
    """A device that is enrolled now; `answer` are the sealed downlinks that answer its hello, none where it had none.

    `confirmation` is the code that the agent showed at the board, unless it was another's file.
    """

    device: str
    answer: tuple[bytes, ...] = field(repr=False)
    subject: str = ""
    board: str = ""
    firmware: str = ""
    confirmation: str = ""


class _Caught:
    """A link that keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def send(self, device: str, sealed: bytes) -> None:
        """Keep it."""
        self.sent.append(sealed)


class Admitting(Devices):
    """The part of `CloudSync` that invites and admits."""

    policy: Policy
    _hellos: Ingest
    _tombstones: TombstoneRows
    _unclean = False  # whether a key that was destroyed is in the key store's log still

    def invite(
        self,
        *,
        subject: str,
        for_s: float = FOR_S,
        takes_over: str = "",
        provided_by: str = "",
        release_key: str = "",
        require_confirmation: bool = False,
    ) -> Invitation:
        """An invitation to enrol one board for a person, good once and until it expires (60 s to 90 days).

        `takes_over` names a device in use whose keys end when the new one is admitted, as with `hand_over`; `provided_by` as with
        `enrol`; `release_key` is whose releases the board will take (64 hexadecimal digits). UnknownDevice as
        `heal`. `require_confirmation`: `admit` takes no enrolment by it without its code [whoever has a copy could be first].
        """
        check_person(subject, provided_by)
        if not LEAST_FOR_S <= for_s <= MOST_FOR_S:
            raise ConfigError("an invitation is good for a minute at least and for 90 days at most")
        if release_key and not _RELEASE_KEY.fullmatch(release_key):
            raise ConfigError("a key of releases is the 64 hexadecimal digits of byleave sync release key")
        now = int(self.clock.now())
        with self.database.transaction():
            if takes_over:
                self._in_use(takes_over)
            until = now + int(for_s)
            made, public = self._invitations.make(
                subject, now, until, takes_over, provided_by, confirm=require_confirmation
            )
            # Without the device that is taken over [the log of one person would name another's, after that one's erasure too].
            self.audit.record(Kind.INVITATION_MADE.value, CONTROLLER, subject, invitation=made.id)
        self._witness.note()
        key = bytes.fromhex(release_key) or None
        text = invitation_text(bytes.fromhex(made.id), public, made.expires_at, self._controller(), key)
        return Invitation(text, made.id, fingerprint(text), made.expires_at)

    def invitations(self) -> list[OpenInvitation]:
        """All that are open, in the order of their making; without their keys."""
        self._finish_admissions()
        now = self.clock.now()
        return [replace(each, wrapped=b"") for each in self._store.invitations() if each.open_at(now)]

    def withdraw_invitation(self, ident: str) -> None:
        """Destroy the key of an open invitation: what is sealed to it opens for nobody. ConfigError for one that is not open."""
        with self.database.transaction():
            invitation = self._store.invitation(ident)
            if invitation is None:
                raise ConfigError("no invitation of this id is open; byleave sync invitations lists those that are")
            self._end_invitation(invitation, "withdrawn")
        self._unclean = not self._invitations.vacuum()
        self._witness.note()

    def admit(self, sealed: bytes, *, without_hello: bool = False, confirm: str | None = None) -> Admission:
        """Enrol the device that an agent has sealed to an invitation, and destroy the invitation's key.

        EnrolmentRefused for whatever is not exactly that; then nothing has changed, and the invitation is as good as before. One
        without a hello, whose board was cut before it had greeted, is taken only where `without_hello` says so. `confirm` is the
        code that the agent showed, as whoever has the board told it: another file than that one is refused.
        """
        self._finish_admissions()
        box = box_of(sealed)
        with self.database.transaction():  # of two at once the second one finds no key
            now = self.clock.now()
            invitation = found(self._store.invitation(box.id.hex()), box, now, self.database)
            check_confirmed(sealed, invitation, confirm)
            device = device_of(box, self._invitations.private(invitation))
            check_days(device, invitation, now)
            check_new(device.device, self.database, self._store, self._tombstones)
            check_greeting(device, without_hello)
            begun = BegunAdmission(
                invitation.id, invitation.subject, device.device, now, invitation.takes_over, invitation.provided_by
            )
            self._begin(begun, device.root, device.first_epoch)
        self._begun(begun)
        answer = self._greet(device)
        return Admission(device.device, answer, begun.subject, device.board, device.version, confirmation(sealed))

    def _expire_invitations(self) -> None:
        """Destroy the keys of those whose time is over, and finish what admissions left; with the sweep."""
        self._finish_admissions()
        now = self.clock.now()
        over = [each for each in self._store.invitations() if not each.open_at(now)]
        if not over and not self._unclean:
            return
        with self.database.transaction():
            for each in over:
                self._end_invitation(each, "expired")
        self._unclean = not self._invitations.vacuum()

    def _end_invitation(self, invitation: OpenInvitation, reason: str) -> None:
        if self._store.destroy_invitation(invitation.id):
            self.audit.record(
                Kind.INVITATION_ENDED.value, CONTROLLER, invitation.subject, invitation=invitation.id, reason=reason
            )

    def _controller(self) -> str:
        who = self.policy.controller
        name = who.name if who else self.policy.id
        return "".join(each for each in name if each.isprintable())[:MOST_CONTROLLER]

    # The hello

    def _greet(self, device: SealedDevice) -> tuple[bytes, ...]:
        """Store the hello and seal its verdict. What fails here is made up for by the first contact, which sends it again."""
        if not device.hello:
            return ()
        link = _Caught()
        try:
            outcomes = self._hellos.handle([(f"{TOPIC_PREFIX}{device.device}{TOPIC_SUFFIX}", device.hello)])
            DownlinkSealer(self.database, self._keys, link).answer(outcomes)
        except StoreError as error:
            log.warning("a hello was not stored and has no answer; its device sends it again: %s", error)
        return tuple(link.sent)
