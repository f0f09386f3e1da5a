"""What is refused of a sealed enrolment, each with a sentence that says what to do; nothing here stores anything."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, NoReturn

from cloud_sync.audit import Kind
from cloud_sync.errors import EnrolmentRefused, SealBroken, WireFormatError
from cloud_sync.ingest.hello import check_hello
from cloud_sync.model import EPOCH_SECONDS
from cloud_sync.model.enrolment import OpenInvitation, SealedDevice
from cloud_sync.storage.keys import KeyRows
from cloud_sync.storage.tombstones import TombstoneRows
from cloud_sync.stores import Database
from cloud_sync.wire.enrolment import Box, NewerForm, confirmation, read_box, read_device, unseal

MOST_AGE_DAYS: Final = 14  # of a sealed enrolment: what lay about for longer was forgotten, or its clock was wrong
AHEAD_DAYS: Final = 1  # of the agent's clock, around midnight
AHEAD_S: Final = 120  # and by no more than a device's clock may be behind its keys (PROTOCOL 8)
_ANEW: Final = "make a new invitation, and enrol the board by that one (byleave agent enrol --again)"
_AGAIN: Final = "enrol the board again by the same invitation (byleave agent enrol --again)"


def box_of(sealed: bytes) -> Box:
    """The outside of a sealed enrolment, unopened."""
    try:
        return read_box(sealed)
    except NewerForm as error:
        raise EnrolmentRefused(f"this file {error}: bring this server and the agent to one release") from None
    except WireFormatError as error:
        raise EnrolmentRefused(f"this file {error}; name what byleave agent enrol --out has written") from None


def found(invitation: OpenInvitation | None, box: Box, now: float, database: Database) -> OpenInvitation:
    """The invitation of a box, if it is open."""
    if invitation is None:
        _refuse_closed(box.id.hex(), database)
    if not invitation.open_at(now):
        raise EnrolmentRefused(f"this enrolment's invitation expired on {_day(invitation.expires_at)}; {_ANEW}")
    return invitation


def _refuse_closed(ident: str, database: Database) -> NoReturn:
    """The audit log knows what became of an invitation, unless its person was erased."""
    for event in database.ends_of_invitation(ident):
        detail = dict(event.detail)
        if event.kind == Kind.DEVICE_ENROLLED:
            raise EnrolmentRefused(
                f"this enrolment's invitation is used up: it enrolled device {detail['device']} on {_day(event.at)}, and is"
                f" good once; if that is this board, all is well, else {_ANEW}"
            )
        raise EnrolmentRefused(
            f"this enrolment's invitation was {detail['reason']} on {_day(event.at)}, and its key is gone; {_ANEW}"
        )
    raise EnrolmentRefused(
        "this enrolment is for an invitation that this server does not know: it is another server's, or its person was"
        " erased, or a store was restored from a backup, in which no invitation's key is, nor an admission that came later;"
        f" {_ANEW}"
    )


def check_confirmed(sealed: bytes, invitation: OpenInvitation, confirm: str | None) -> None:
    """The file is the one whose code was told. No sentence has the file's own code [which would be typed from here]."""
    if confirm is None:
        if not invitation.confirm:
            return
        raise EnrolmentRefused(
            "this enrolment's invitation wants a confirmation code: have whoever is at the board read out the one that"
            " byleave agent enrol showed, by telephone for instance, and give it with --confirm"
        )
    # Written down, and typed with whatever stood between the groups.
    told = "".join(each for each in confirm.lower() if each.isalnum())
    if told != confirmation(sealed).replace(" ", ""):
        raise EnrolmentRefused(
            "this enrolment's confirmation code is not the one that was told: it is the file of another board, or was changed or"
            " swapped on the way. Ask again what byleave agent enrol showed at the board; if it is still another, do not admit"
            " this file, and fetch the right one from the agent's machine. The invitation stays good"
        )


def device_of(box: Box, private: bytes) -> SealedDevice:
    """What was sealed."""
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


def check_days(device: SealedDevice, invitation: OpenInvitation, now: float) -> None:
    """It was made while its invitation was open, and not long ago."""
    today, first = int(now) // EPOCH_SECONDS, device.first_epoch
    said = f"this enrolment says that it was made on {_day(first * EPOCH_SECONDS)}"
    clock = f"set the clock of the agent's machine, and {_AGAIN}"
    # Keys that begin tomorrow seal nothing of a person today [an agent in another zone's time: its board is dumb until midnight].
    if first > today + AHEAD_DAYS or (first > today and device.made_s > now + AHEAD_S):
        raise EnrolmentRefused(f"{said}, which is to come: {clock}")
    last_day = invitation.expires_at // EPOCH_SECONDS + AHEAD_DAYS
    if not invitation.made_at // EPOCH_SECONDS - AHEAD_DAYS <= first <= last_day:
        raise EnrolmentRefused(f"{said}, when its invitation was not open: {clock}")
    if first < today - MOST_AGE_DAYS:
        raise EnrolmentRefused(f"{said}, more than {MOST_AGE_DAYS} days ago; {_AGAIN}")


def check_new(name: str, database: Database, store: KeyRows, tombstones: TombstoneRows) -> None:
    """[An enrolment under the pseudonym of a device in use would replace that one's keys by somebody else's.]"""
    if database.device(name) or store.down(name) or store.tips_of(name) or tombstones.of_device(name):
        raise EnrolmentRefused(f"this enrolment names a device that is enrolled already; {_AGAIN}")


def check_greeting(device: SealedDevice, without_hello: bool) -> None:
    """A board has these keys."""
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
