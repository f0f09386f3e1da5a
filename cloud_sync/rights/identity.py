"""Who asks: a login with a second factor is enough, and without one a link to the address on file.

1. The link goes to the address on file. There is no way to name another here [a copy that goes to whoever wrote].
2. It opens once, for a day; its token is kept nowhere, only the SHA-256 of it.
3. Whether there is such a person, or an address of theirs, changes nothing that anybody sees.
4. Asking stops no clock.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from cloud_sync.errors import ConfigError, Denied
from cloud_sync.model import Actor, Reason
from cloud_sync.model.rights import Case, CaseState, Identity, IdentityLink
from cloud_sync.rights.desk import Desk
from cloud_sync.rights.rules import is_person
from cloud_sync.stores import Clock, Database

LINK_LIFE_S: Final = 24 * 3600  # clause TT-52
TOKEN_BYTES: Final = 24
MOST_LINKS: Final = 5  # of one message: more would be mail that nobody asked for
#: Hands a token to the address on file of a person, if there is one: (subject, token).
Post = Callable[[str, str], object]
_OVER: Final = "this link is used, over, or none: ask for another one"


class IdentityLinks:
    """Identifies the people of cases."""

    def __init__(self, desk: Desk, database: Database, clock: Clock) -> None:
        self._desk = desk
        self._database = database
        self._clock = clock

    def login(self, case_id: str, actor: Actor) -> list[Case]:
        """The person is logged in with a second factor: all cases of the message are theirs. `Denied` for anybody else, in the
        same words whoever they are.
        """
        case = self._desk.get(case_id)
        if not is_person(actor, case.subject):
            raise Denied(Reason.ROLE_NOT_PERMITTED, "denied: role_not_permitted: log in with a second factor")
        return self._identified(case, Identity.LOGIN, actor.id)

    def send(self, case_id: str, post: Post) -> float:
        """Send a link to the address on file; the Unix second at which it ends, the same for whoever is not known.

        `post` looks the address up by itself. ConfigError once the case is past that, and for more links than anybody needs.
        """
        case, now = self._desk.get(case_id), self._clock.now()
        if case.state is not CaseState.OPEN:
            raise ConfigError("this case needs no link: its person is identified, or it is decided")
        token = secrets.token_hex(TOKEN_BYTES)  # digits and a to f: no command line takes it for an option
        with self._database.transaction():
            if self._database.count_identity_links(case.message) >= MOST_LINKS:
                raise ConfigError(f"{MOST_LINKS} links were sent for this message: identify the person in another way")
            self._database.put_identity_link(IdentityLink(_digest(token), case.message, now, now + LINK_LIFE_S))
        post(case.subject, token)
        return now + LINK_LIFE_S

    def redeem(self, token: str) -> list[Case]:
        """Whoever opened the link is the person, for all cases of the message; ConfigError for one that opens nothing."""
        with self._database.transaction():
            link, now = self._database.identity_link(_digest(token)), self._clock.now()
            if link is None or link.used_at is not None or now >= link.ends_at:
                raise ConfigError(_OVER)
            self._database.put_identity_link(replace(link, used_at=now))
        cases = self._database.cases(message=link.message)
        return self._identified(cases[0], Identity.LINK, cases[0].subject) if cases else []

    def _identified(self, case: Case, identity: Identity, by: str) -> list[Case]:
        return [self._desk.identify(each.case_id, identity, by=by) for each in self._desk.linked(case.case_id)]


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
