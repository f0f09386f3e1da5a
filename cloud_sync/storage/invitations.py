"""Open invitations, and uses of one that are under way, in the key store."""

from __future__ import annotations

from dataclasses import astuple

from cloud_sync.model.enrolment import BegunAdmission, OpenInvitation
from cloud_sync.storage.engine import Engine

_INVITATIONS = "SELECT id, subject, made_at, expires_at, takes_over, provided_by, confirm, wrapped FROM invitation"
_ADMISSIONS = "SELECT id, subject, device, at, takes_over, provided_by FROM admission"


class InvitationRows(Engine):
    """The part of `cloud_sync.stores.KeyDatabase` that enrolment by invitation uses."""

    def put_invitation(self, invitation: OpenInvitation) -> None:
        """Insert; one of this id that exists is refused."""
        self.run(
            "INSERT INTO invitation (id, subject, made_at, expires_at, takes_over, provided_by, confirm, wrapped)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            astuple(invitation),
        )

    def invitation(self, ident: str) -> OpenInvitation | None:
        """That of an id."""
        row = self.maybe(f"{_INVITATIONS} WHERE id = ?", (ident,))
        return OpenInvitation(*row) if row else None

    def invitations(self) -> list[OpenInvitation]:
        """All that are open, in the order of their making."""
        return [OpenInvitation(*row) for row in self.rows(f"{_INVITATIONS} ORDER BY made_at, id")]

    def destroy_invitation(self, ident: str) -> int:
        """Destroy one with its key, overwriting the page; the number destroyed."""
        return self.run("DELETE FROM invitation WHERE id = ?", (ident,))

    def destroy_invitations(self, subject: str, made_until: float) -> int:
        """Destroy those of a person that were made until then, overwriting the pages; the number destroyed."""
        return self.run("DELETE FROM invitation WHERE subject = ? AND made_at <= ?", (subject, made_until))

    def put_admission(self, admission: BegunAdmission) -> None:
        """Insert; one of this id that exists is refused."""
        self.run(
            "INSERT INTO admission (id, subject, device, at, takes_over, provided_by) VALUES (?, ?, ?, ?, ?, ?)",
            astuple(admission),
        )

    def admissions(self) -> list[BegunAdmission]:
        """All that are under way, in the order of their beginning."""
        return [BegunAdmission(*row) for row in self.rows(f"{_ADMISSIONS} ORDER BY at, id")]

    def end_admission(self, ident: str) -> int:
        """Forget one, overwriting the page; the number forgotten."""
        return self.run("DELETE FROM admission WHERE id = ?", (ident,))
