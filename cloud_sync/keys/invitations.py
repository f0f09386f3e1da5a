"""One-time keys of invitations: good once, because the private half is gone with its use.

Each is wrapped as every key of the store is, and bound to all else in its row: person, times, the device that is taken over, and
who gave the data [somebody who writes into the store must not turn one person's invitation into another's, or a day into a year].
"""

from __future__ import annotations

import os
from dataclasses import astuple, replace
from typing import NamedTuple

from cloud_sync.errors import KeyDestroyed
from cloud_sync.keys.generations import new_private
from cloud_sync.keys.rows import WrappedRows
from cloud_sync.model.enrolment import BegunAdmission, OpenInvitation
from cloud_sync.wire.enrolment import ID_BYTES


class NewInvitation(NamedTuple):
    """One that was just made, with the half of its key that leaves."""

    invitation: OpenInvitation
    public: bytes


class InvitationKeys(WrappedRows):
    """The keys of all open invitations over one key store."""

    def make(
        self, subject: str, made_at: int, expires_at: int, takes_over: str, provided_by: str, *, confirm: bool = False
    ) -> NewInvitation:
        """A fresh key pair, its private half on the disk when this returns and nowhere else."""
        private, public = new_private()
        made = OpenInvitation(
            os.urandom(ID_BYTES).hex(), subject, made_at, expires_at, takes_over, provided_by, int(confirm)
        )
        self._store.put_invitation(replace(made, wrapped=self._kek.wrap(private, _identity(made))))
        return NewInvitation(made, public)

    def private(self, invitation: OpenInvitation) -> bytes:
        """The private half; SealBroken where the row is not the one that was stored."""
        return self._kek.unwrap(invitation.wrapped, _identity(invitation))

    def use_up(self, begun: BegunAdmission) -> None:
        """Destroy the key, and note for which device, in the store's transaction at hand; KeyDestroyed if it is gone already."""
        with self._store.transaction():
            if not self._store.destroy_invitation(begun.id):
                raise KeyDestroyed("the key of this invitation is gone")
            self._store.put_admission(begun)


def _identity(invitation: OpenInvitation) -> bytes:
    *row, _ = astuple(invitation)
    return invitation_identity(*row)


def invitation_identity(
    id: str, subject: str, made_at: int, expires_at: int, takes_over: str, provided_by: str, confirm: int = 0
) -> bytes:
    """What the private key is bound to; the names are the columns', since a rotation makes it from rows.

    Each text behind its length [a pseudonym may have slashes: what stands between two of them would be nobody's for sure]. One that
    wants no confirmation code has the name of before there were any; who takes the want out of a row changes its name.
    """
    texts = "/".join(f"{len(text)}:{text}" for text in (id, subject, takes_over, provided_by))
    wanted = "/confirm" if confirm else ""
    return f"byleave/1/invitation{wanted}/{made_at}/{expires_at}/{texts}".encode()
