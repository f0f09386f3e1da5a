"""Links that answer without a login: the second step of a sign-up, and the way out that stands in every issue.

1. A sign-up opens nothing. Without its second step the address goes when its term is over [an address that somebody else typed].
2. The way out is one step for whoever has the message, and works as long as the longest yes that it could take back.
3. A token is kept nowhere, only its SHA-256; a link that does nothing says the same whatever the reason.

The page behind a link acts on a click, never on being fetched [programs that look at links in mail before people do; RFC 8058].
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from typing import Final, Protocol

from cloud_sync.consent.record import Evidence
from cloud_sync.errors import ConfigError, ConsentError
from cloud_sync.model import ConsentRecord, ConsentState
from cloud_sync.model.notices import LinkUse, NoticeLink
from cloud_sync.policy import Policy
from cloud_sync.retention.civil import zone_of
from cloud_sync.stores import Clock, Database

TOKEN_BYTES: Final = 24
#: Hands a token to the address that was just given.
Post = Callable[[str], object]
_OVER: Final = "this link is used, over, or none"


class Answers(Protocol):
    """A person's answers (the façade's `consent`)."""

    def request(
        self, subject: str, purpose: str, evidence: Evidence, *, own_initiative: bool = False
    ) -> ConsentRecord: ...
    def give(self, subject: str, purpose: str, evidence: Evidence) -> ConsentRecord: ...
    def withdraw(self, subject: str, purpose: str, evidence: Evidence) -> ConsentRecord: ...


class Addresses(Protocol):
    """Where addresses are kept (`records.Records`)."""

    def put(self, category: str, content: dict[str, bytes]) -> str: ...
    def remove(self, record_id: str, subject: str) -> bool: ...


class NoticeLinks:
    """The links of one installation."""

    def __init__(
        self, *, database: Database, clock: Clock, policy: Policy, answers: Answers, addresses: Addresses
    ) -> None:
        self._database = database
        self._clock = clock
        self._policy = policy
        self._answers = answers
        self._addresses = addresses
        self._confirm_within = policy.parameters.period("notice.confirm_within")
        self._zone = zone_of(policy.country)

    def sign_up(self, subject: str, purpose: str, address: bytes, evidence: Evidence, post: Post) -> float:
        """Somebody asks for messages of a purpose to an address: it is kept, sealed, and `post` sends a link there.

        The Unix second at which the link ends; unless it was opened by then the address is destroyed. ConsentError as
        `consent.request`, on the person's own initiative; ConfigError where no category of records rests on that consent.
        """
        now = self._clock.now()
        rule = next((each for each in self._policy.consent_rules(purpose) if each.stream is None), None)
        if rule is None:
            raise ConfigError(f"{purpose}: no category of records rests on a consent to it; name a purpose of messages")
        with self._database.transaction():
            self._answers.request(subject, purpose, evidence, own_initiative=True)
            record_id = self._addresses.put(rule.category, {subject: address})
            ends_at = self._confirm_within.end(now, self._zone)
            token = self._link(LinkUse.CONFIRM, subject, purpose, record_id, now, ends_at)
        post(token)
        return ends_at

    def confirm(self, token: str, *, channel: str = "mail") -> ConsentRecord:
        """The link of the second step was opened: the consent is given. ConfigError for one that opens nothing.

        One step confirms one address: of other sign-ups to the same the address goes at once [one that somebody else typed].
        That of a child waits for the parent, as the yes does, behind a link of which nobody has the token.
        """
        with self._database.transaction():
            link = self._found(token, LinkUse.CONFIRM)
            self._check_text(link)
            record = self._answers.give(link.subject, link.purpose, self._evidence(link, channel, "followed_link"))
            self._database.remove_notice_link(link.link)
            for other in self._database.notice_links(link.subject):
                if other.use is LinkUse.CONFIRM and other.purpose == link.purpose:
                    self._addresses.remove(other.record_id, other.subject)
                    self._database.remove_notice_link(other.link)
            if record.event_state is ConsentState.PENDING:
                now = self._clock.now()
                ends_at = self._policy.children.pending_ttl.end(now)
                self._link(LinkUse.CONFIRM, link.subject, link.purpose, link.record_id, now, ends_at)
        return record

    def leave_link(self, subject: str, purpose: str) -> str:
        """A token that withdraws a consent to `purpose` without a login; one for each message. ConfigError for other purposes."""
        if not self._policy.consent_rules(purpose):
            raise ConfigError(f"{purpose} does not rest on consent: there is nothing to leave by a link")
        now = self._clock.now()
        return self._link(LinkUse.LEAVE, subject, purpose, "", now, self._policy.consent.validity.end(now, self._zone))

    def leave(self, token: str, *, channel: str = "mail") -> ConsentRecord | None:
        """The link was opened: the consent is withdrawn when this returns; None where nothing was given any more.

        ConfigError for a link that is over, or none.
        """
        link = self._found(token, LinkUse.LEAVE)
        records = self._database.consents(link.subject, link.purpose)
        if not records or records[-1].event_state is not ConsentState.GIVEN:
            return None
        return self._answers.withdraw(link.subject, link.purpose, self._evidence(link, channel, "followed_leave_link"))

    def expire(self) -> int:
        """Destroy the addresses of sign-ups that nobody confirmed in time, and links that have ended; how many addresses."""
        gone = 0
        for link in self._database.notice_links_ended(self._clock.now()):
            if link.use is LinkUse.CONFIRM and self._waits(link):
                continue
            with self._database.transaction():
                if link.use is LinkUse.CONFIRM and not self._confirmed(link):
                    gone += self._addresses.remove(link.record_id, link.subject)
                self._database.remove_notice_link(link.link)
        return gone

    def _confirmed(self, link: NoticeLink) -> bool:
        """Whether the person has said yes in another way meanwhile: then the address stays with that consent."""
        records = self._database.consents(link.subject, link.purpose)
        return bool(records) and records[-1].event_state is ConsentState.GIVEN

    def _check_text(self, link: NoticeLink) -> None:
        """ConfigError where another text is in force than at the sign-up [a yes to what nobody was shown]."""
        shown = next(reversed(self._database.consents(link.subject, link.purpose)), None)
        if shown is not None and shown.privacy_notice != self._policy.notice:
            raise ConfigError("the text has changed since the sign-up: show it, and let the person sign up anew")

    def _waits(self, link: NoticeLink) -> bool:
        """Whether a parent can still say yes, after the child's or after their own first one."""
        last = next(reversed(self._database.consents(link.subject, link.purpose)), None)
        if last is None or last.event_state is not ConsentState.PENDING:
            return False
        return self._clock.now() < self._policy.children.pending_ttl.end(last.event_time)

    def _link(self, use: LinkUse, subject: str, purpose: str, record_id: str, now: float, ends_at: float) -> str:
        token = secrets.token_hex(TOKEN_BYTES)
        self._database.put_notice_link(NoticeLink(_digest(token), use, subject, purpose, record_id, now, ends_at))
        return token

    def _found(self, token: str, use: LinkUse) -> NoticeLink:
        link = self._database.notice_link(_digest(token))
        if link is None or link.use is not use or self._clock.now() >= link.ends_at:
            raise ConfigError(_OVER)
        return link

    def _evidence(self, link: NoticeLink, channel: str, act: str) -> Evidence:
        records = self._database.consents(link.subject, link.purpose)
        if not records:
            raise ConsentError(_OVER)
        return Evidence(link.subject, self._policy.notice, channel, act, records[-1].language)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
