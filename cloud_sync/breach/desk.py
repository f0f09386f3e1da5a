"""The breach desk: opens an incident, finds whom it concerns, tells, and closes; every step in the book and the audit log.

    incident = cloud.breaches.open("key_backup", cause="stolen", happened_from=monday, happened_until=tuesday, by="dpo-1")
    cloud.breaches.find(incident.incident_id, by="dpo-1").people
    cloud.breaches.assess(incident.incident_id, "high", by="dpo-1")
    cloud.breaches.letter(incident.incident_id, "authority")

Clocks run from when it became known (GDPR Art. 33(1)), which may be before it was entered here, and never after.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection
from enum import StrEnum
from typing import Any, Final, TypeVar

from cloud_sync.audit import Kind
from cloud_sync.breach.book import IncidentBook
from cloud_sync.breach.concerned import Concerned, Finder
from cloud_sync.breach.letters import letter_to
from cloud_sync.breach.telling import LettersLeft, Round
from cloud_sync.errors import ConfigError
from cloud_sync.gate.words import check_word
from cloud_sync.model.incidents import (
    Affected,
    Cause,
    Delay,
    Exempt,
    Incident,
    IncidentEvent,
    Measure,
    Party,
    Reporter,
    Risk,
)
from cloud_sync.policy import Policy
from cloud_sync.policy.vocabulary import ControllerRole

ID_BYTES: Final = 10
#: Kinds of incident that name which one it is.
NAMED: Final = frozenset({Affected.DEVICE, Affected.STAFF, Affected.RECIPIENT})

Word = TypeVar("Word", bound=StrEnum)


class BreachDesk:
    """Incidents of one installation."""

    def __init__(self, book: IncidentBook, finder: Finder, policy: Policy) -> None:
        self._book, self._finder, self._policy = book, finder, policy

    # The record

    def open(
        self,
        affected: Affected | str,
        *,
        cause: Cause | str = Cause.UNKNOWN,
        by: str,
        which: str = "",
        happened_from: float | None = None,
        happened_until: float | None = None,
        known_at: float | None = None,
        reporter: Reporter | str = Reporter.STAFF,
        categories: Collection[str] = (),
        reference: str = "",
    ) -> Incident:
        """Open an incident; its clocks run from `known_at` (now, if left out). ConfigError says what is wrong.

        It happened from `happened_from` (unknown: since there is data) to `happened_until` (unknown: until now). `which` is
        the device, account or recipient; `categories` are those of the policy (none named: all); `reference` is a word of your own
        files.
        """
        now = self._book.clock.now()
        what, known = _word(Affected, affected), now if known_at is None else known_at
        until = max(now if happened_until is None else happened_until, 0.0)
        since = 0.0 if happened_from is None else happened_from
        if not 0 <= known <= now:
            raise ConfigError("an incident became known at a moment, and not in the time to come; name when it did")
        if not 0 <= since <= until <= now:
            raise ConfigError("an incident happened from one moment to another, and not in the time to come")
        if what in NAMED and not which:
            raise ConfigError(f"{what.value}: name which one")
        named = self._categories(categories)
        detail = {
            "affected": what.value,
            "which": check_word(which, "which") if which else "",
            "cause": _word(Cause, cause).value,
            "from": since,
            "until": until,
            "known_at": known,
            "reporter": _word(Reporter, reporter).value,
            "categories": list(named),
            "reference": check_word(reference, "reference") if reference else "",
            "due": {party.value: at for party, at in self._due(named, known).items()},
        }
        return self._book.append(
            secrets.token_hex(ID_BYTES), Kind.BREACH_OPENED, by=check_word(by, "by"), detail=detail
        )

    def report(self, *, by: str, known_at: float | None = None, affected: Affected | str = Affected.OTHER) -> Incident:
        """Somebody tells of an abuse, or of weak protection: an incident at once, and the clocks run from the report."""
        return self.open(affected, by=by, known_at=known_at, reporter=Reporter.PERSON)

    def assess(self, incident_id: str, risk: Risk | str, *, by: str) -> Incident:
        """Say how high the risk is to people; where it is high they are to be told without delay (GDPR Art. 34(1))."""
        incident, level = self._open_one(incident_id), _word(Risk, risk)
        detail: dict[str, Any] = {"risk": level.value}
        if level.value == self._policy.parameters["breach.subject_if"] and incident.exempt is None:
            target = self._policy.parameters.period("breach.subject_target")
            detail["persons_due"] = target.end(incident.known_at)
        return self._book.append(incident_id, Kind.BREACH_ASSESSED, by=by, detail=detail)

    def measure(self, incident_id: str, *measures: Measure | str, by: str) -> Incident:
        """Say what was done about it."""
        incident = self._open_one(incident_id)
        for each in [_word(Measure, measure) for measure in measures]:
            incident = self._book.append(incident_id, Kind.BREACH_MEASURED, by=by, detail={"measure": each.value})
        return incident

    # Who is concerned

    def find(self, incident_id: str, *, by: str, also: Collection[str] = ()) -> Concerned:
        """Work out whom it concerns, with those whom the desk names beside; again whenever something more is known."""
        incident = self._open_one(incident_id)
        with self._book.database.transaction():
            named = [check_word(subject, "also") for subject in also]
            self._book.database.add_concerned(incident_id, named, self._book.clock.now())
            found = self._finder.find(incident)
            self._book.database.add_concerned(incident_id, found.people, self._book.clock.now())
            left = len(self._book.database.concerned(incident_id, untold=True))
        detail = {
            "count": len(found.people),
            "left": left,
        }  # of a commit of its own: the witness hears of it behind that
        self._book.append(incident_id, Kind.BREACH_CONCERNED, by=by, detail=detail)
        return found

    def concerned(self, incident_id: str, *, untold: bool = False) -> list[str]:
        """Those who were found, in order; with `untold` those who have not been told."""
        self._book.get(incident_id)
        return self._book.database.concerned(incident_id, untold=untold)

    # Telling

    def letter(self, incident_id: str, party: Party | str, *, language: str = "en") -> str:
        """The letter to the authority, to the controller, or to each person, as the record is now."""
        return letter_to(_word(Party, party), self._book.get(incident_id), self._policy, language=language)

    def told(self, incident_id: str, party: Party | str, *, by: str, late: Delay | str | None = None) -> Incident:
        """Say that the authority, or the controller, was told now. After the term it says why (GDPR Art. 33(1))."""
        incident, who = self._open_one(incident_id), _word(Party, party)
        if who is Party.PERSONS:
            raise ConfigError("people are told one by one: use tell_people")
        if who in incident.told:
            raise ConfigError(f"the {who.value} was told already; a supplement is a letter, and no second notification")
        detail = {"party": who.value}
        if self._book.clock.now() > incident.due.get(who, float("inf")):
            if late is None:
                raise ConfigError("the term is over: say why it is told late")
            detail["late"] = _word(Delay, late).value
        return self._book.append(incident_id, Kind.BREACH_TOLD, by=by, detail=detail)

    def tell_people(
        self, incident_id: str, hand_over: Callable[[str, str], None], *, by: str, language: str = "en"
    ) -> Incident:
        """Hand each person's letter over who was found and not told yet: hand_over(subject, letter), in a thread of its own.

        One by one, each waited for half a minute at most. Who does not get it stops nobody else: at the end `LettersLeft` names
        them, and another call is theirs alone.
        """
        incident = self._open_one(incident_id)
        if incident.concerned is None:
            raise ConfigError("nobody has looked whom it concerns: find them first")
        text = letter_to(Party.PERSONS, incident, self._policy, language=language)
        round_ = Round(self._book, incident_id, by)
        try:
            round_.go(self._book.database.concerned(incident_id, untold=True), lambda subject: hand_over(subject, text))
        finally:
            untold = self._book.database.concerned(incident_id, untold=True)
            detail = {"party": Party.PERSONS.value, "count": round_.told, "left": len(untold)}
            incident = self._book.append(incident_id, Kind.BREACH_TOLD, by=by, detail=detail)
        if untold:
            raise LettersLeft(tuple(untold), round_.told) from round_.error
        return incident

    def exempt(self, incident_id: str, reason: Exempt | str, *, by: str) -> Incident:
        """Say why people need not be told one by one although the risk is high (GDPR Art. 34(3))."""
        self._open_one(incident_id)
        return self._book.append(
            incident_id, Kind.BREACH_EXEMPTED, by=by, detail={"exempt": _word(Exempt, reason).value}
        )

    def close(self, incident_id: str, *, by: str) -> Incident:
        """Close it: the risk was assessed, and everybody was told who is to be told. ConfigError says who is missing."""
        incident = self._open_one(incident_id)
        if incident.risk is Risk.UNASSESSED:
            raise ConfigError("the risk was not assessed: say how high it is, be it unlikely")
        needed = [party for party in incident.due if incident.waits(party)]
        if (
            incident.risk is Risk.UNLIKELY
        ):  # GDPR Art. 33(1): the authority need not be told; a controller must (Art. 33(2))
            needed = [party for party in needed if party is Party.CONTROLLER]
        if needed:
            raise ConfigError(f"not told yet: {', '.join(party.value for party in needed)}")
        return self._book.append(incident_id, Kind.BREACH_CLOSED, by=by)

    # Looking

    def get(self, incident_id: str) -> Incident:
        """One incident; ConfigError where there is none."""
        return self._book.get(incident_id)

    def register(self) -> list[Incident]:
        """Every incident, reported or not, in order of opening (GDPR Art. 33(5))."""
        return self._book.all()

    def events(self, incident_id: str) -> list[IncidentEvent]:
        """What happened to it, in order."""
        self._book.get(incident_id)
        return self._book.database.incident_events(incident_id)

    def _open_one(self, incident_id: str) -> Incident:
        incident = self._book.get(incident_id)
        if incident.closed_at is not None:
            raise ConfigError("this incident is closed; open another one that refers to it")
        return incident

    def _categories(self, named: Collection[str]) -> tuple[str, ...]:
        known = {rule.category for rule in self._policy.rules}
        if unknown := sorted(set(named) - known):
            raise ConfigError(f"{', '.join(unknown)}: no category of the policy")
        return tuple(sorted(named or known))

    def _due(self, categories: Collection[str], known_at: float) -> dict[Party, float]:
        """Whoever decides for itself on some of the data tells the authority, a processor tells its controller."""
        period = self._policy.parameters.period
        roles = {rule.role for rule in self._policy.rules if rule.category in categories}
        due: dict[Party, float] = {}
        if roles - {ControllerRole.PROCESSOR}:
            due[Party.AUTHORITY] = period("breach.authority_deadline").end(known_at)
        if ControllerRole.PROCESSOR in roles:
            due[Party.CONTROLLER] = period("breach.processor_to_controller").end(known_at)
        return due


def _word(kind: type[Word], value: str) -> Word:
    try:
        return kind(value)
    except ValueError:
        raise ConfigError(f"{value!r}: write one of {', '.join(kind)}") from None
