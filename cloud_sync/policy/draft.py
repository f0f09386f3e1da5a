"""A commented policy file of one's own, made of the answers to the questions of `answers.py`. It has no gap.

Each value that an answer decides has the answer's reason beside it; all others are defaults of the product, said to be so.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator
from typing import Final

from cloud_sync.model import Stream
from cloud_sync.policy.answers import QUESTIONS, Answers, recipients_of
from cloud_sync.policy.period import Period
from cloud_sync.policy.vocabulary import STREAM_FIELDS

_DAY_S: Final = 86_400
_SPOOL_DAYS: Final = 30  # a month without a network; longer is a drawer
_WIDTH: Final = 116
#: Stream, category, purpose, sensors and fields of a rule about what a device senses.
Sensed = tuple[str, str, str, tuple[str, ...], tuple[str, ...]]
_SENSED: Final[dict[str, Sensed]] = {
    "position": ("location", "position", "tracking", ("gnss",), ("time", "lat", "lon", "quality")),
    "motion": ("motion", "motion", "theft_alarm", ("motion",), ("time", "motion")),
}
_WHY: Final = {question.key: question.why for question in QUESTIONS}

_STANDING: Final = """\
# How people are asked. Defaults of the product: somebody who said later is left in peace, silence is no answer.
[consent]
later_cooldown = "P90D"
max_prompts = 3
answer_within = "P30D"
validity = "P24M"
gate_latency = "PT1S"
propagation_max = "PT72H"

# Where data may be: the European Economic Area, without exception.
[transfer]
allowed = ["EEA"]
mechanisms = []

# What is over is destroyed within the hour; thirteen months after a relation has ended the last trace is gone, backups
# included. What a law keeps longer is outside the sum.
[retention]
sweep = "PT1H"
total_cap = "P13M"

[backup]
horizon = "P30D"
replay_tombstones = true

# Staff come in by ticket, for an hour, with a second factor.
[access]
roles = ["support"]
"""
_PROOFS: Final = """\
# The device about itself: no sensor and nothing of the person. Without it no withdrawal could be shown to hold.
[[rule]]
category = "status"
stream = "status"
fields = {status}
purpose = ["diagnosis"]
basis = "legitimate_interest"
balancing_id = "BT-STATUS-1"
role = "controller"
retention = "P12M"
clock = "captured"
after = "delete"
recipients = []
region = "EEA"
visible_to_user = true

# The proof of what people answered, and what was done with their data: kinds and pseudonyms, never a value.
[[rule]]
category = "consent_ledger"
fields = ["purpose", "state", "time", "notice", "policy", "channel", "act", "language"]
purpose = ["rights_handling"]
basis = "legal_obligation"
legal_ref = "GDPR Art. 7(1)"
role = "controller"
retention = "P3Y"
clock = "consent.ended"
after = "delete"
recipients = []
region = "EEA"
visible_to_user = true

[[rule]]
category = "audit"
fields = ["kind", "time", "actor", "purpose", "reason", "count"]
purpose = ["rights_handling"]
basis = "legal_obligation"
legal_ref = "GDPR Art. 5(2)"
role = "controller"
retention = "P3Y"
clock = "record.created"
after = "delete"
recipients = []
region = "EEA"
visible_to_user = true
"""
_NEWS: Final = """\
# News and offers: a purpose of its own with a consent of its own. It goes when the consent ends.
[[rule]]
category = "newsletter"
fields = ["email"]
purpose = ["newsletter"]
basis = "consent"
role = "controller"
retention = "P0D"
clock = "consent.ended"
after = "delete"
recipients = []
region = "EEA"
visible_to_user = true
"""


def draft(answers: Answers) -> str:
    """The text of a policy file; `answers` has one for every question, as `answers.settled` gives them."""
    parts = [_head(answers), _company(answers), _STANDING, _limits(answers), _children(answers), _roles(answers)]
    parts += [*_recipients(answers), *_rules(answers), *([_NEWS] if answers["news"] == "yes" else [])]
    parts.append(_PROOFS.format(status=_array(STREAM_FIELDS[Stream.STATUS])))
    return "\n".join(part.rstrip("\n") + "\n" for part in parts if part)


def sensed(answers: Answers) -> list[Sensed]:
    """Stream, category, purpose, sensors and fields of each rule about what a device senses."""
    named = [] if answers["sensors"] == "none" else answers["sensors"].split(", ")
    found = [_SENSED[name] for name in ("position", "motion") if name in named]
    if around := tuple(name for name in ("temperature", "light") if name in named):
        found.append(("environment", "environment", "condition_monitoring", around, ("time", *around)))
    return found


def _note(text: str) -> str:
    return "\n".join(f"# {line}" for line in textwrap.wrap(text, _WIDTH))


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _array(words: Iterable[str]) -> str:
    listed = [_text(word) for word in words]
    line = f"[{', '.join(listed)}]"
    if len(line) <= _WIDTH - 20:
        return line
    wrapped = textwrap.wrap(", ".join(listed), _WIDTH - 4, break_on_hyphens=False)
    return "[\n" + "\n".join(f"  {each}" for each in wrapped) + ",\n]"


def _head(answers: Answers) -> str:
    lines = [_note(f"The policy of {answers['name']}, begun from these answers:")]
    lines += [_note(f"{key}: {answers[key]}, since {_WHY[key]}") for key in answers]
    lines += ["#", _note("What is not named is denied. Periods are ISO 8601. docs/policy.md explains every key.")]
    lines += [
        _note("`byleave policy check` finds gaps, `byleave policy report` writes what people and authorities read.")
    ]
    return "\n".join(lines) + "\nschema = 1"


def _company(answers: Answers) -> str:
    country, deadline = answers["country"], answers["deadline"]
    return f"""\
[policy]
id = "policy"
version = "1"
country = "{country}"
authority = "{country}"
role = "{answers["role"]}"

[controller]
name = {_text(answers["name"])}
address = {_text(answers["address"])}
email = "{answers["email"]}"

# A new version of the text is a new question.
[notice]
version = "1"
languages = ["en"]

# From the day of receipt, whichever way a request came.
[rights]
deadline = "{deadline}"
extension_max = "P2M"
internal_target_workdays = 5
self_service = true
"""


def _limits(answers: Answers) -> str:
    rules = sensed(answers)
    taken = {f"{stream}.{field}" for stream, _, _, _, fields in rules for field in fields}
    never = [
        f"{stream.name.lower()}.{field}"
        for stream, fields in STREAM_FIELDS.items()
        for field in fields
        if stream is not Stream.STATUS and f"{stream.name.lower()}.{field}" not in taken | _PLACES
    ]
    finest = answers["precision"] if any(each[0] == "location" for each in rules) else "none"
    days = min(_SPOOL_DAYS, Period.parse(answers["keep"]).shortest_s // _DAY_S)
    return f"""\
# Nobody has a finer position, whatever a rule or a person allows.
[location]
precision = "{finest}"

# Never taken: side fields would undo a coarse position, and what no purpose needs is not sensed. Forms and imports come
# in through these sources alone: what was bought, or joined from elsewhere, is none of them.
[collection]
never = {_array(never)}
sources = ["website", "app", "form"]

# What every directive says beside its permissions. What waits on the device is never kept longer than here.
[device]
interval = "PT60S"
batch = 20
batch_age = "PT10M"
spool_age = "P{days}D"
heartbeat = "PT15M"
lease = "P30D"
"""


_PLACES: Final = {"location.place", "location.event"}  # no directive lets them leave without a place


def _children(answers: Answers) -> str:
    if answers["children"] == "no":
        return "# Children: the product's limits hold without a table (sixteen years, 1 km, thirty days, no marketing)."
    return """\
# Below this age a parent answers; where the law of a country asks for more, that holds.
[children]
policy_floor = { other = 16 }

[children.safeguards]
location = "cell_1km"
marketing = false
profiling = false
retention_max = "P30D"
"""


def _roles(answers: Answers) -> str:
    told = [purpose for _, _, purpose, _, _ in sensed(answers)]
    own = [*told, "diagnosis", *(["newsletter"] if answers["news"] == "yes" else []), "rights_handling"]
    grants = [("device", "sense", [*told, "diagnosis"]), ("service", "ingest", [*told, "diagnosis"])]
    grants += [("service", "mail", ["newsletter"])] if answers["news"] == "yes" else []
    grants += [("data_subject", "read export", own), ("controller", "read", told)]
    grants += [("controller", "disclose", told)] if answers["recipients"] != "none" else []
    grants += [(role, "read", told) for role in ("account_holder", "user")] if answers["groups"] == "yes" else []
    grants += [("support", "read", ["diagnosis"]), ("dpo", "read", ["rights_handling"])]
    lines = ["# Who may do what, for which purposes. A data subject acts on the person's own data only."]
    for role, actions, purposes in grants:
        if purposes:
            lines += [f"[[roles.{role}]]", f"actions = {_array(actions.split())}", f"purposes = {_array(purposes)}", ""]
    return "\n".join(lines)


def _recipients(answers: Answers) -> Iterator[str]:
    fields = [f"{category}.{field}" for _, category, _, _, listed in sensed(answers) for field in listed]
    for name, kind in recipients_of(answers["recipients"]) if fields else ():
        lines = ["# It gets the fields that stand here, and no others: take out what it does not need."]
        lines += ["[[recipient]]", f'id = "{name}"', f'kind = "{kind}"']
        if kind in ("processor", "sub_processor"):
            lines.append(f'agreement = "DPA-{name.upper().replace("_", "-")}"  # the contract of GDPR Art. 28(3)')
        yield "\n".join([*lines, 'region = "EEA"', f"fields = {_array(fields)}"])


def ground(answers: Answers) -> tuple[str, str, str]:
    """The lawful basis of what is sensed, the keys that go with it, and why."""
    if answers["employees"] == "yes":
        why = "Employees are rarely free to refuse: weigh the interest, write the balancing test, and tell them."
        return "legitimate_interest", 'balancing_id = "BT-TRACKING-1"\n', why
    if answers["tracked"] == "people" and answers["role"] == "controller":
        return "consent", "", "It is about a person, who is asked, purpose by purpose."
    return "contract", "", "The customer ordered it."


def _rules(answers: Answers) -> Iterator[str]:
    basis, reference, why = ground(answers)
    if answers["role"] == "processor":
        reference += 'instruction = "I-1"\n'
        why += " You act on the customer's instruction: put its reference here."
    recipients = [name for name, _ in recipients_of(answers["recipients"])]
    for stream, category, purpose, sensors, fields in sensed(answers):
        precision = f'precision = "{answers["precision"]}"\n' if stream == "location" else ""
        yield f"""\
{_note(why)}
[[rule]]
category = "{category}"
stream = "{stream}"
sensors = {_array(sensors)}
fields = {_array(fields)}
purpose = ["{purpose}"]
basis = "{basis}"
{reference}{precision}retention = "{answers["keep"]}"
clock = "captured"
after = "delete"
recipients = {_array(recipients)}
region = "EEA"
visible_to_user = true
"""
