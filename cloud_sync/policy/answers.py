"""The questions that a new policy begins with: in plain words, each with a default and the reason for it.

`settled` makes valid answers of what somebody said; `answers_of` takes the defaults from a policy that exists.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from cloud_sync.errors import ConfigError
from cloud_sync.model import Precision, Stream
from cloud_sync.policy.compiled import Policy
from cloud_sync.policy.period import Period
from cloud_sync.policy.vocabulary import EEA, RecipientKind

Answers = Mapping[str, str]

SENSORS: Final = ("position", "temperature", "light", "motion")
CELLS: Final = ("exact", "cell_100m", "cell_1km", "cell_10km", "region")
KINDS: Final = tuple(kind.value for kind in RecipientKind)
_MOST_RECIPIENTS: Final = 20  # a page of them; who has more edits the file
_DAY_S: Final = 86_400
_MOST_KEPT: Final = Period.parse("P3Y")  # what is kept longer is accounting material (clause table, V-29)
_MONTH: Final = Period.parse("P1M")  # GDPR Art. 12(3)


class Question(NamedTuple):
    """One question. `default` may depend on the answers before it; `check` says what is wrong, or gives the tidy answer."""

    key: str
    asks: str
    why: str
    default: Callable[[Answers], str]
    check: Callable[[str], str]


def _one_of(*words: str) -> Callable[[str], str]:
    def check(said: str) -> str:
        if said not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return said

    return check


def _text(said: str) -> str:
    if not 1 <= len(said) <= 120 or not said.isprintable():
        raise ValueError("one line of 1 to 120 characters")
    return said


def _email(said: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+", said) or len(said) > 120:
        raise ValueError("an address of the company, such as privacy@company.example")
    return said


def _country(said: str) -> str:
    if said.upper() not in EEA:
        raise ValueError("the code of a country of the European Economic Area, such as DK, NL or RO")
    return said.upper()


def _yes(said: str) -> str:
    tidy = {"y": "yes", "true": "yes", "n": "no", "false": "no"}.get(said.lower(), said.lower())
    return _one_of("yes", "no")(tidy)


def _listed(said: str, known: Iterable[str]) -> str:
    words = list(dict.fromkeys(said.replace(",", " ").split()))
    if said != "none" and (not words or not set(words) <= set(known)):
        raise ValueError(f"some of {', '.join(known)}, with commas between them, or none")
    return "none" if said == "none" else ", ".join(words)


def _kept(said: str) -> str:
    term = Period.parse(said)
    if term.shortest_s < _DAY_S or term.may_outlast(_MOST_KEPT):
        raise ValueError("a period of P1D to P3Y, such as P90D")
    return said


def _deadline(said: str) -> str:
    term = Period.parse(said)
    if term.shortest_s < 8 * _DAY_S or term.may_outlast(_MONTH):  # an erasure has a week of it
        raise ValueError("a period of P8D to P1M: P30D is later than a month from a day of February")
    return said


def recipients_of(said: str) -> list[tuple[str, str]]:
    """Name and kind of each recipient of an answer such as `host:processor, roadside:third_party`."""
    return [] if said == "none" else [(name, kind) for name, _, kind in (e.partition(":") for e in said.split(", "))]


def _recipients(said: str) -> str:
    entries = list(dict.fromkeys(said.replace(",", " ").split()))
    if said == "none":
        return said
    names = [entry.partition(":")[0] for entry in entries]
    formed = (re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name) for name in names)
    kinds = {entry.partition(":")[2] for entry in entries}
    if not entries or len(entries) > _MOST_RECIPIENTS or not all(formed) or not kinds <= set(KINDS):
        raise ValueError(f"name:kind with commas between them, or none; a kind is one of {', '.join(KINDS)}")
    if len(set(names)) < len(names):
        raise ValueError("each recipient once")
    return ", ".join(entries)


def _is(word: str) -> Callable[[Answers], str]:
    return lambda _: word


QUESTIONS: Final = (
    Question(
        "name",
        "What is the company called?",
        "its name stands in the record of processing and in the notice (GDPR Art. 30(1)(a))",
        _is("Example Company"),
        _text,
    ),
    Question("address", "What is its postal address?", "it stands beside the name", _is("Example street 1"), _text),
    Question(
        "email",
        "Where do requests about data go? An address of the company, not of a person.",
        "people write there to use their rights",
        _is("privacy@company.example"),
        _email,
    ),
    Question(
        "role",
        "Do you decide what the data is for (controller), or does your customer (processor)?",
        "who decides in fact is controller (GDPR Art. 4(7)); a private customer never is",
        _is("controller"),
        _one_of("controller", "processor"),
    ),
    Question(
        "country",
        "In which country are you established? Two letters.",
        "its authority hears complaints, its law says from which age people answer for themselves",
        _is("DK"),
        _country,
    ),
    Question(
        "tracked",
        "What is tracked: people, vehicles or goods?",
        "a position of a vehicle is a person's too; a person's own is asked for, and is coarser and shorter",
        _is("vehicles"),
        _one_of("people", "vehicles", "goods"),
    ),
    Question(
        "employees",
        "Do employees, your own or your customer's, carry or drive it?",
        "employees are rarely free to refuse their employer: then it rests on an interest that is weighed, and they are told",
        _is("no"),
        _yes,
    ),
    Question(
        "sensors",
        f"What is sensed? Of {', '.join(SENSORS)}, or none.",
        "what nobody needs, nobody senses: each is a switch of its own",
        _is("position"),
        lambda said: _listed(said, SENSORS),
    ),
    Question(
        "precision",
        f"How fine may a position be? One of {', '.join(CELLS)}.",
        "what was never sent need not be protected; 100 m finds a vehicle, 1 km shows that goods travel",
        lambda said: {"people": "cell_1km", "vehicles": "cell_100m", "goods": "cell_1km"}[said["tracked"]],
        _one_of(*CELLS),
    ),
    Question(
        "keep",
        "How long is it kept? P90D is ninety days, P12M twelve months.",
        "no longer than its purpose needs (GDPR Art. 5(1)(e)); counted from when it was sensed",
        lambda said: "P30D" if said["tracked"] == "people" else "P90D",
        _kept,
    ),
    Question(
        "recipients",
        "Who outside gets it? As name:kind, such as host:processor, roadside:third_party; or none.",
        "who is not in the register gets nothing",
        _is("none"),
        _recipients,
    ),
    Question(
        "children",
        "May children be among the people?",
        "their data is coarser and shorter, and a parent answers; the limits hold in any case",
        _is("no"),
        _yes,
    ),
    Question(
        "groups",
        "Do several people share an account?",
        "others of the account may read for the same purposes; a holder narrows a person's choice and never widens it",
        _is("no"),
        _yes,
    ),
    Question(
        "news",
        "Do you send news or offers?",
        "that is a purpose of its own, and needs a yes of its own (ePrivacy Directive Art. 13)",
        _is("no"),
        _yes,
    ),
    Question(
        "deadline",
        "Within which time do you answer requests?",
        "a month is the law's longest (GDPR Art. 12(3)); a stricter promise binds",
        _is("P1M"),
        _deadline,
    ),
)
KEYS: Final = tuple(question.key for question in QUESTIONS)


def answer(question: Question, said: str) -> str:
    """The tidy form of an answer; ConfigError says what it should have been."""
    try:
        return question.check(said.strip())
    except ValueError as error:
        raise ConfigError(f"{question.key}: {said!r} is no answer; write {error}") from None


def told(raw: Mapping[str, Any]) -> dict[str, str]:
    """Answers of a file: texts, true or false, lists of texts. ConfigError for a key that nobody asks and for other values."""
    if unknown := sorted(set(raw) - set(KEYS)):
        raise ConfigError(f"{unknown[0]}: nobody asks for it; the answers are {', '.join(KEYS)}")
    found: dict[str, str] = {}
    for key, value in raw.items():
        if isinstance(value, bool):
            found[key] = "yes" if value else "no"
        elif isinstance(value, str):
            found[key] = value
        elif isinstance(value, list) and all(isinstance(each, str) for each in value):
            found[key] = ", ".join(value) or "none"
        else:
            raise ConfigError(f"{key}: write a text, true or false, or a list of texts")
    return found


def settled(said: Mapping[str, str], usual: Mapping[str, str] | None = None) -> dict[str, str]:
    """An answer to every question: what was said, else what is usual, else the default; ConfigError for one that is none."""
    done: dict[str, str] = {}
    for question in QUESTIONS:
        given = said.get(question.key) or (usual or {}).get(question.key) or question.default(done)
        done[question.key] = answer(question, given)
    return done


def answers_of(policy: Policy) -> Mapping[str, str]:
    """What a policy answers to the questions that it has an answer to: the defaults of `policy new --from`."""
    sensed = [rule for rule in policy.rules if rule.stream not in (None, Stream.STATUS)]
    fields = {field for rule in sensed for field in rule.fields}
    names = [name for name in SENSORS if name in fields or (name == "position" and "lat" in fields)]
    finest = min((rule.precision for rule in sensed if rule.has_position), default=Precision.NONE)
    found = {"role": policy.role, "country": policy.country, "deadline": policy.rights.deadline.text}
    found["sensors"] = ", ".join(names) or "none"
    found |= {"precision": finest.name.lower()} if finest.name.lower() in CELLS else {}
    found |= {"keep": sensed[0].retention.text} if sensed else {}
    shared = {role for role, _, _ in policy.grants} & {"account_holder", "user", "managed_user", "planner"}
    found["groups"] = "yes" if shared else "no"
    found["news"] = "yes" if policy.purposes & {"newsletter", "own_marketing", "marketing"} else "no"
    return MappingProxyType({key: said for key, said in found.items() if _stands(key, said)})


def _stands(key: str, said: str) -> bool:
    """Whether this is an answer at all: a joint controller, or a company outside the EEA, has none here."""
    try:
        answer(next(question for question in QUESTIONS if question.key == key), said)
    except ConfigError:
        return False
    return True
