"""Notices as the façade has them: what is published, who received it, who is owed one; letters, and messages to many."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import asdict
from functools import partial
from typing import Any

from cloud_sync.audit import AuditLog
from cloud_sync.consent import ConsentLedger
from cloud_sync.consent.notice import digest, particulars
from cloud_sync.disclosure import Mails
from cloud_sync.disclosure.about import rule_row
from cloud_sync.errors import ConfigError, ConsentError, Denied
from cloud_sync.facade.consents import Consents
from cloud_sync.facade.rights import Rights
from cloud_sync.gate import MailClass
from cloud_sync.gate.mail import MARKETING
from cloud_sync.model import UPLINK_STREAMS, Actor, Reason
from cloud_sync.notices import Letters, NoticeDesk, NoticeLinks
from cloud_sync.notices.campaigns import Campaign, Post, send_to_all
from cloud_sync.policy import Policy, PolicyArchive, Rule
from cloud_sync.policy.vocabulary import Role
from cloud_sync.read.rows import iso
from cloud_sync.records import Records
from cloud_sync.report.notice import notice
from cloud_sync.report.words import LANGUAGES, Words
from cloud_sync.restriction import Restrictions
from cloud_sync.stores import Clock, Database


class Notices(NoticeDesk):
    """The desk, and beside it the links of messages (`links`), letters, messages to many, and what a person sees of their data."""

    def __init__(
        self, *, records: Records, answers: Consents, rights: Rights, mails: Mails, ledger: ConsentLedger, **desk: Any
    ) -> None:
        super().__init__(**desk)
        stores: dict[str, Any] = {"database": self._database, "clock": self._clock, "policy": self._policy}
        self.links = NoticeLinks(**stores, answers=answers, addresses=records)
        self._letters = Letters(self._policy)
        self._records = records
        self._rights = rights
        self._mails = mails
        self._ledger = ledger

    # What people are told

    def text(self, language: str = "en", *, policy: str = "") -> str:
        """The notice as Markdown: of the policy in force, or of one of before, by its hash. ConfigError if that is not known."""
        found = self._policies(policy) if policy else self._policy
        if found is None:
            raise ConfigError(
                "no policy of this hash is in the archive; byleave sync notices list names those that were published"
            )
        if language not in LANGUAGES:
            raise ConfigError(f"notices are written in {' or '.join(LANGUAGES)}; {language} is none of these")
        return notice(found, language)

    def questions(self, language: str = "en") -> list[dict[str, Any]]:
        """Every purpose that rests on consent, with what people are told before they answer, the hash of it, and the way back."""
        return [
            {**particulars(self._policy, purpose, language), "text": digest(self._policy, purpose, language)}
            for purpose in sorted(self._policy.purposes)
            if self._policy.consent_rules(purpose)
        ]

    def data_map(self, *, actor: Actor, language: str = "en") -> list[dict[str, Any]]:
        """What there is of the person who asks, by category: what, why, how long, who; `Denied` for anybody else's."""
        if actor.role != Role.DATA_SUBJECT.value:
            raise Denied(Reason.ROLE_NOT_PERMITTED, "denied: role_not_permitted: a person sees their own map of data")
        words = Words(self._policy, language)
        return [_row(self._policy, list(rules), words) for rules in self._stored(actor.id)]

    def _stored(self, subject: str) -> Iterator[tuple[Rule, ...]]:
        """The rules of each category of which there is something of the person."""
        there = {part.category for part in self._records.of(subject)}
        devices = self._database.devices_of(subject)
        streams = {
            stream
            for stream in UPLINK_STREAMS
            if any(self._database.count_envelopes(device.device, stream) for device in devices)
        }
        for category in dict.fromkeys(rule.category for rule in self._policy.rules):
            rules = self._policy.rules_of(category)
            if category in there or any(rule.stream in streams for rule in rules if rule.stream is not None):
                yield rules

    def expire(self) -> int:
        """What time ends: addresses that nobody confirmed, links, receipts; how many addresses and receipts."""
        return self.links.expire() + super().expire()

    def copy_of(self, subject: str) -> dict[str, Any]:
        """What a person received, and who gave their data, as their own copy has it."""
        source = self.source(subject)
        receipts = [{**asdict(each), "at": iso(each.at)} for each in self.receipts(subject)]
        return {"receipts": receipts, "data_from": source.source if source else None}

    def cookie_until(self, subject: str, purpose: str) -> float | None:
        """Until when a cookie under a consent may live: `cookies.max_age` from the yes, or until the yes is over; None without one.

        A visit renews nothing (`cookies.renew_on_visit`): a term that slides never ends.
        """
        yes = self._ledger.yes_of(subject, purpose, self._clock.now())
        if yes is None:
            return None
        until = self._policy.parameters.period("cookies.max_age").end(yes.event_time, self._zone)
        until = until if yes.validity_until is None else min(until, yes.validity_until)
        return until if until > self._clock.now() else None

    # Letters

    def letter(self, case_id: str, language: str = "en") -> str:
        """The answer to a decided case, as text: what was done, or why not, and where to complain."""
        case = self._rights.get(case_id)
        recipients = (
            sorted({each.recipient for each in self._database.deliveries(case.subject)}) if case.carried_at else ()
        )
        told = recipients if case.right.value == "rectification" else ()
        return self._letters.answer(case, language, recipients=told, now=self._clock.now())

    def extension(self, case_id: str, reason: str, language: str = "en") -> str:
        """Why an answer needs longer, for `rights.extend`."""
        case = self._rights.get(case_id)
        due = self._rights.due(case.received_at, extended=True).due.format_iso()
        return self._letters.extension(case, reason, due, language, now=self._clock.now())

    def withdrawal(self, subject: str, purpose: str, language: str = "en") -> str:
        """That a consent has ended, as text. ConsentError where it has not been withdrawn."""
        records = self._ledger.records(subject, purpose)
        if not records or records[-1].event_state.value != "withdrawn":
            raise ConsentError(f"{purpose} was not withdrawn: there is nothing to confirm")
        return self._letters.withdrawal(records[-1], Words(self._policy, language).purpose(purpose), language)

    def provided_letter(self, subject: str, language: str = "en") -> str:
        """To a person whose data somebody else gave: who did, and the whole notice (Art. 14). ConfigError for anybody else."""
        source = self.source(subject)
        if source is None:
            raise ConfigError("nobody else gave this person's data: show the notice itself")
        return self._letters.provided(source.source, self.text(language), language, now=self._clock.now())

    # Messages to many

    def campaign(
        self,
        subjects: Iterable[str],
        *,
        actor: Actor,
        purpose: str,
        category: str,
        content: Collection[MailClass],
        text: str,
        post: Post,
        tailored: Callable[[str], str] | None = None,
        override: Actor | None = None,
    ) -> Campaign:
        """Send a text to many, one question each at the moment of its sending; who was left out, and why, is counted.

        A text that rests on consent has `{leave}` where a token goes that takes the consent back. `tailored` reads through the
        façade what is for one person alone; where it is denied the person gets what everybody gets. `override` as `mails.send`.
        """
        asked: dict[str, Any] = {"actor": actor, "purpose": purpose, "category": category, "content": content}
        leavable = bool(self._policy.consent_rules(purpose)) or purpose in MARKETING
        return send_to_all(
            subjects,
            text,
            post,
            ask=lambda subject, send: self._mails.send(**asked, subject=subject, hand_over=send, override=override),
            link=partial(self._leave_link, purpose=purpose) if leavable else None,
            tailored=tailored,
        )

    def _leave_link(self, subject: str, purpose: str) -> str:
        return self.links.leave_link(subject, purpose)


class Noticing:
    """The part of `CloudSync` that composes notices."""

    audit: AuditLog
    clock: Clock
    consent: Consents
    database: Database
    ledger: ConsentLedger
    mails: Mails
    policy: Policy
    records: Records
    restrictions: Restrictions
    rights: Rights

    def _prepare_notices(self, archive: PolicyArchive, **facade: Any) -> None:
        """Behind rights and outlets; `facade` has `people`, `settle` and `done`."""
        self.notices = Notices(
            database=self.database,
            audit=self.audit,
            clock=self.clock,
            policy=self.policy,
            policies=archive.by_hash,
            restrictions=self.restrictions,
            child=self._young,
            records=self.records,
            answers=self.consent,
            rights=self.rights,
            mails=self.mails,
            ledger=self.ledger,
            **facade,
        )

    def _young(self, subject: str) -> bool:
        return self.ledger.bounds(subject).minor(self.policy, self.clock.now())


def _row(policy: Policy, rules: list[Rule], words: Words) -> dict[str, Any]:
    """One category of a map of data; nothing in it is ever empty."""
    rows = [rule_row(rule) for rule in rules]
    recipients = {name for row in rows for name in row["recipients"]}
    return {
        "category": rules[0].category,
        "what": [
            f"{words.category(rules[0].category)}: {', '.join(sorted({f for row in rows for f in row['fields']}))}"
        ],
        "why": [f"{words.purpose(why)} ({row['lawful_basis']})" for row in rows for why in row["purposes"]],
        "how_long": [f"{row['kept_for']} from {row['counted_from']}, then {row['afterwards']}" for row in rows],
        "who": [policy.id, *sorted(words.recipient(name) for name in recipients)],
    }
