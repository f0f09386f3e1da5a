"""Letters about an incident, built of its record: to the authority (GDPR Art. 33(3)), to the controller, to a person (Art. 34(2)).

Every sentence is one of a closed list, filled with times, counts and words of the policy. So no letter holds anything of another
person: no pseudonym, no device, no account, and no free text. The desk adds what only it knows before it sends.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cloud_sync.breach.concerned import NOBODY_READS, SENTENCES
from cloud_sync.model.incidents import Affected, Cause, Delay, Incident, Measure, Party, Risk
from cloud_sync.policy import Policy
from cloud_sync.read.rows import iso
from cloud_sync.report.words import Words

_WHAT: Final[Mapping[Affected, str]] = {
    Affected.KEY_ENCRYPTION_KEY: "the key that wraps all keys of the data",
    Affected.KEY_BACKUP: "a backup of the key store",
    Affected.DEVICE: "a tracking device",
    Affected.STAFF: "an account of a member of the staff",
    Affected.RECIPIENT: "data that a recipient holds",
    Affected.DATABASE: "a copy of the database, without keys",
    Affected.OTHER: "personal data",
}
_HOW: Final[Mapping[Cause, str]] = {
    Cause.LOST: "was lost",
    Cause.STOLEN: "was stolen",
    Cause.ABUSED: "was abused",
    Cause.SENT_WRONG: "went to somebody for whom it was not meant",
    Cause.ATTACKED: "was attacked",
    Cause.MISTAKE: "was disclosed by mistake",
    Cause.FAILED: "was exposed by a technical failure",
    Cause.UNKNOWN: "was exposed; how is not known yet",
}
_DONE: Final[Mapping[Measure, str]] = {
    Measure.KEYS_ROTATED: "keys were changed",
    Measure.KEYS_DESTROYED: "keys were destroyed",
    Measure.DEVICE_REVOKED: "the device was revoked",
    Measure.DEVICE_HEALED: "the device began with new keys",
    Measure.ACCOUNT_CLOSED: "the account was closed",
    Measure.GRANTS_ENDED: "open leaves to look at data were ended",
    Measure.RECIPIENT_STOPPED: "the recipient gets nothing more",
    Measure.DELETION_CONFIRMED: "the recipient has confirmed that it deleted the data",
    Measure.DATA_RESTORED: "data was restored",
    Measure.FAULT_MENDED: "the fault was mended",
    Measure.STAFF_TRAINED: "staff were instructed anew",
}
_RISK: Final[Mapping[Risk, str]] = {
    Risk.UNASSESSED: "The risk to people is still being assessed.",
    Risk.UNLIKELY: "A risk to people is unlikely.",
    Risk.RISK: "There is a risk to people.",
    Risk.HIGH: "The risk to people is high.",
}
_WHY_LATE: Final[Mapping[Delay, str]] = {
    Delay.FACTS_UNKNOWN: "the facts were not known enough",
    Delay.FOUND_LATE: "that it concerns personal data was found late",
    Delay.INVESTIGATION: "telling earlier would have hindered the investigation",
    Delay.OUTAGE: "our systems were down",
}
#: What it may lead to, and what a person can do (GDPR Art. 34(2) with 33(3)(b) to (d)).
_LEADS_TO: Final[Mapping[Affected, str]] = {
    Affected.DEVICE: "Whoever has it may learn where it is taken from now on.",
    Affected.STAFF: "Somebody may know what was looked at without a reason: where you were, and when.",
    Affected.RECIPIENT: "Somebody may know what that recipient was told of you.",
    Affected.DATABASE: "Nobody can read what your device has told.",
}
_MAY_KNOW: Final = "Somebody may be able to read what was kept of you: where you were, and when."
_YOU_CAN: Final = (
    "You can stop what your device tells at any time, with its button or in your account, and have what is kept erased."
    " Do not answer messages that ask for your password because of this."
)


def letter_to(party: Party, incident: Incident, policy: Policy, *, language: str = "en") -> str:
    """The letter to the authority, to the controller, or to each person."""
    if party is Party.PERSONS:
        return _to_person(incident, policy, Words(policy, language))
    return _to_office(party, incident, policy, Words(policy, language))


def _to_office(party: Party, incident: Incident, policy: Policy, words: Words) -> str:
    head = {
        Party.AUTHORITY: f"Notification of a personal data breach to the supervisory authority of {policy.authority}",
        Party.CONTROLLER: "Notification of a personal data breach to the controller",
    }[party]
    due = incident.due.get(party)
    lines = [
        head,
        f"Reference: {incident.incident_id}",
        *([f"Our file: {incident.reference}"] if incident.reference else []),
        "",
        _happened(incident),
        f"It became known {iso(incident.known_at)}" + (f"; to be told by {iso(due)}." if due else "."),
        *_late(party, incident),
        "",
        f"Categories of data: {_categories(incident, words)}.",
        _count(incident),
        SENTENCES[incident.affected],
        _RISK[incident.risk],
        f"Measures: {_measures(incident)}.",
        "",
        f"Contact: {_contact(policy)}",
    ]
    return "\n".join(lines) + "\n"


def _to_person(incident: Incident, policy: Policy, words: Words) -> str:
    lines = [
        "About the protection of your data",
        "",
        _happened(incident),
        f"It concerns this of you: {_categories(incident, words)}.",
        _LEADS_TO.get(incident.affected, _MAY_KNOW),
        f"What we have done: {_measures(incident)}.",
        _YOU_CAN,
        "",
        f"Questions: {_contact(policy)}",
        f"You may complain to the supervisory authority of {policy.authority}.",
    ]
    return "\n".join(lines) + "\n"


def _happened(incident: Incident) -> str:
    what = _WHAT[incident.affected]
    head, until = f"{what[0].upper()}{what[1:]} {_HOW[incident.cause]}", iso(incident.happened_until)
    if not incident.happened_from:
        return f"{head}, until {until}; since when is not known."
    return f"{head}, between {iso(incident.happened_from)} and {until}."


def _late(party: Party, incident: Incident) -> list[str]:
    late = incident.late.get(party)
    return [f"It is told late because {_WHY_LATE[late]}."] if late else []


def _categories(incident: Incident, words: Words) -> str:
    return ", ".join(words.category(name) for name in incident.categories) or "not known yet"


def _measures(incident: Incident) -> str:
    return ", ".join(_DONE[measure] for measure in dict.fromkeys(incident.measures)) or "none yet"


def _count(incident: Incident) -> str:
    if incident.affected is Affected.DATABASE and not incident.concerned:
        return NOBODY_READS.partition(":")[0] + "."
    return f"People concerned: {'not counted yet' if incident.concerned is None else incident.concerned}."


def _contact(policy: Policy) -> str:
    who = policy.controller
    if who is None:
        return "see our privacy notice."
    return f"{who.name}, {who.dpo_email or who.email}."
