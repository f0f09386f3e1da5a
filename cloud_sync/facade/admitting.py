"""Enrolment by invitation: a line of text goes out, a sealed file comes back, and a device has keys that nobody else could read.

Good once is not a rule but the absence of a key (record 0037): one commit of the key store destroys the invitation's private key
and gives the device its own. Before it nothing has changed, whatever was refused; behind it the device is enrolled, whatever stops.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, NoReturn

from cloud_sync.audit import Kind
from cloud_sync.errors import ConfigError, EnrolmentRefused, SealBroken, StoreError, WireFormatError
from cloud_sync.facade.devices import CONTROLLER, Devices, check_person
from cloud_sync.ingest.downlinks import DownlinkSealer
from cloud_sync.ingest.hello import check_hello
from cloud_sync.ingest.pipeline import Ingest
from cloud_sync.ingest.topics import TOPIC_PREFIX, TOPIC_SUFFIX
from cloud_sync.model import EPOCH_SECONDS
from cloud_sync.model.enrolment import BegunAdmission, OpenInvitation, SealedDevice
from cloud_sync.policy import Policy
from cloud_sync.storage.tombstones import TombstoneRows
from cloud_sync.wire.enrolment import (
    MOST_CONTROLLER,
    Box,
    NewerForm,
    fingerprint,
    invitation_text,
    read_box,
    read_device,
    unseal,
)

log = logging.getLogger(__name__)

DAY_S: Final = EPOCH_SECONDS
FOR_S: Final = 14 * DAY_S
LEAST_FOR_S: Final = 60  # a minute: less is a slip of the hand
MOST_FOR_S: Final = 90 * DAY_S  # a quarter: by then nobody knows any more who has seen it
MOST_AGE_DAYS: Final = 14  # of a sealed enrolment: what lay about for longer was forgotten, or its clock was wrong
AHEAD_DAYS: Final = 1  # of the agent's clock, around midnight
_RELEASE_KEY: Final = re.compile("[0-9a-f]{64}", re.ASCII)
_ANEW: Final = "make a new invitation, and enrol the board by that one (byleave agent enrol --again)"


@dataclass(frozen=True, slots=True)
class Invitation:
    """What an agent needs to enrol a board for a person, and no secret; `fingerprint` is for comparing on both machines."""

    text: str
    id: str
    fingerprint: str
    expires_at: int  # Unix seconds


@dataclass(frozen=True, slots=True)
class Admission:
    """A device that is enrolled now; `answer` are the sealed downlinks that answer its hello, none where it had none."""

    device: str
    answer: tuple[bytes, ...] = field(repr=False)
    subject: str = ""
    board: str = ""
    firmware: str = ""


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
    ) -> Invitation:
        """An invitation to enrol one board for a person, good once and until it expires (60 s to 90 days).

        `takes_over` names a device in use whose keys end when the new one is admitted, as with `hand_over`; `provided_by` as with
        `enrol`; `release_key` is whose releases the board will take (64 hexadecimal digits). UnknownDevice as `heal`.
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
            made, public = self._invitations.make(subject, now, now + int(for_s), takes_over, provided_by)
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

    def admit(self, sealed: bytes, *, without_hello: bool = False) -> Admission:
        """Enrol the device that an agent has sealed to an invitation, and destroy the invitation's key.

        EnrolmentRefused for whatever is not exactly that; then nothing has changed, and the invitation is as good as before. One
        without a hello, whose board was cut before it had greeted, is taken only where `without_hello` says so.
        """
        self._finish_admissions()
        box = _box(sealed)
        with self.database.transaction():  # of two at once the second one finds no key
            invitation = self._invited(box)
            device = _device(box, self._invitations.private(invitation))
            self._check_days(device, invitation)
            self._check_new(device)
            _check_greeting(device, without_hello)
            begun = BegunAdmission(
                invitation.id,
                invitation.subject,
                device.device,
                self.clock.now(),
                invitation.takes_over,
                invitation.provided_by,
            )
            self._begin(begun, device.root, device.first_epoch)
        self._begun(begun)
        return Admission(device.device, self._greet(device), begun.subject, device.board, device.version)

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

    # What is refused

    def _invited(self, box: Box) -> OpenInvitation:
        invitation = self._store.invitation(box.id.hex())
        if invitation is None:
            self._refuse_closed(box.id.hex())
        if not invitation.open_at(self.clock.now()):
            raise EnrolmentRefused(f"this enrolment's invitation expired on {_day(invitation.expires_at)}; {_ANEW}")
        return invitation

    def _refuse_closed(self, ident: str) -> NoReturn:
        """The audit log knows what became of an invitation, unless its person was erased."""
        for kind in (Kind.DEVICE_ENROLLED, Kind.INVITATION_ENDED):
            for entry in self.audit.entries(kind=kind.value):
                detail = dict(entry.event.detail)
                if detail.get("invitation") != ident:
                    continue
                if kind is Kind.DEVICE_ENROLLED:
                    raise EnrolmentRefused(
                        f"this enrolment's invitation is used up: it enrolled device {detail['device']} on"
                        f" {_day(entry.event.at)}, and is good once; if that is this board, all is well, else {_ANEW}"
                    )
                raise EnrolmentRefused(
                    f"this enrolment's invitation was {detail['reason']} on {_day(entry.event.at)}, and its key is gone;"
                    f" {_ANEW}"
                )
        raise EnrolmentRefused(
            "this enrolment is for an invitation that this server does not know: it is another server's, or its person was"
            f" erased, or the key store was restored from a backup, in which no invitation is; {_ANEW}"
        )

    def _check_days(self, device: SealedDevice, invitation: OpenInvitation) -> None:
        today = int(self.clock.now()) // EPOCH_SECONDS
        first, made_on = device.first_epoch, device.first_epoch * EPOCH_SECONDS
        if first > today + AHEAD_DAYS:
            raise EnrolmentRefused(
                f"this enrolment says that it was made on {_day(made_on)}, which is to come: set the clock of the agent's"
                " machine, and enrol the board again by the same invitation (byleave agent enrol --again)"
            )
        last_day = invitation.expires_at // EPOCH_SECONDS + AHEAD_DAYS
        if not invitation.made_at // EPOCH_SECONDS - AHEAD_DAYS <= first <= last_day:
            raise EnrolmentRefused(
                f"this enrolment says that it was made on {_day(made_on)}, when its invitation was not open: set the clock"
                " of the agent's machine, and enrol the board again by the same invitation (byleave agent enrol --again)"
            )
        if first < today - MOST_AGE_DAYS:
            raise EnrolmentRefused(
                f"this enrolment was made on {_day(made_on)}, more than {MOST_AGE_DAYS} days ago; enrol the board again by"
                " the same invitation (byleave agent enrol --again)"
            )

    def _check_new(self, device: SealedDevice) -> None:
        """[An enrolment under the pseudonym of a device in use would replace that one's keys by somebody else's.]"""
        name = device.device
        known = self.database.device(name) or self._store.down(name) or self._store.tips_of(name)
        if known or self._tombstones.of_device(name):
            raise EnrolmentRefused(
                "this enrolment names a device that is enrolled already; enrol the board again by the same invitation"
                " (byleave agent enrol --again)"
            )

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


def _box(sealed: bytes) -> Box:
    try:
        return read_box(sealed)
    except NewerForm as error:
        raise EnrolmentRefused(f"this file {error}: bring this server and the agent to one release") from None
    except WireFormatError as error:
        raise EnrolmentRefused(f"this file {error}; name what byleave agent enrol --out has written") from None


def _device(box: Box, private: bytes) -> SealedDevice:
    try:
        return read_device(unseal(box, private))
    except SealBroken:
        raise EnrolmentRefused(
            "this enrolment does not open under its invitation: it was damaged on the way, or somebody changed it; fetch it"
            " again from the agent's machine, else enrol the board again by the same invitation"
        ) from None
    except NewerForm as error:
        raise EnrolmentRefused(f"this enrolment {error}: bring this server and the agent to one release") from None
    except WireFormatError as error:
        raise EnrolmentRefused(
            f"this enrolment is malformed ({error}); enrol the board again with an agent of this server's release"
        ) from None


def _check_greeting(device: SealedDevice, without_hello: bool) -> None:
    if not device.hello:
        if without_hello:
            return
        raise EnrolmentRefused(
            "this enrolment has no hello: the board was cut off before it greeted, and nothing proves that it has these"
            " keys; give the agent the same command again, or admit it with --without-hello"
        )
    try:
        check_hello(device)
    except (SealBroken, WireFormatError) as error:
        raise EnrolmentRefused(
            f"the hello in this enrolment is not that of a board with these keys ({error}); nothing was kept, and the"
            " invitation stays good: enrol the board again by it (byleave agent enrol --again)"
        ) from None


def _day(at: float) -> str:
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%d")
