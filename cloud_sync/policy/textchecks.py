"""Closed lists of what is collected, and the company's own words: complete, and about nothing that the rules do not have."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cloud_sync.model import LawfulBasis
from cloud_sync.policy.checks import Gap, Raw, table, tables, text, words
from cloud_sync.policy.vocabulary import SENSORS, STREAM_FIELDS, STREAMS


def _taken(raw: Raw) -> set[str]:
    """Every field of a stream that some rule has, as `stream.field`."""
    rules = [rule for rule in tables(raw.get("rule")) if text(rule.get("stream")) in STREAMS]
    return {f"{rule['stream']}.{field}" for rule in rules for field in words(rule.get("fields"))}


def closed_list(raw: Raw) -> Iterator[Gap]:
    """Where `collection.allowlist` stands it is exactly what the rules take (clause table, V-06)."""
    listed, taken = words(table(raw, "collection").get("allowlist")), _taken(raw)
    known = {f"{stream.name.lower()}.{field}" for stream, fields in STREAM_FIELDS.items() for field in fields}
    for k, name in enumerate(listed):
        if name not in taken:
            fix = "add it to a rule, or take it out" if name in known else "write it as stream.field"
            yield Gap(("collection", "allowlist", k), f"no rule takes {name}", fix)
    for name in sorted(taken.difference(listed) if listed else ()):
        yield Gap(("collection", "allowlist"), f"a rule takes {name}, which is not in the list", "add it to the list")


def switches_listed(raw: Raw) -> Iterator[Gap]:
    """Where `collection.toggles` stands it has a switch for each sensor of the rules, and no other (V-17)."""
    toggles = words(table(raw, "collection").get("toggles"))
    rules = tables(raw.get("rule"))
    used = {name for rule in rules for name in words(rule.get("sensors"))}
    used |= {"analytics"} & {text(rule.get("category")) for rule in rules}
    for k, name in enumerate(toggles):
        if (name in SENSORS or name == "analytics") and name not in used:
            yield Gap(("collection", "toggles", k), f"nothing uses {name}", "take it out: there is nothing to switch")
    for name in sorted(used.difference(toggles) if toggles else ()):
        yield Gap(("collection", "toggles"), f"{name} has no switch", "add it: each is a switch of its own")


def words_complete(raw: Raw) -> Iterator[Gap]:
    """A language with words of its own is one of the notice, has a text for each purpose, a question for each consent."""
    languages = words(table(raw, "notice").get("languages"))
    purposes, consents = _purposes(raw)
    for language, texts in table(raw, "text").items():
        if language not in languages:
            fix = "add it to notice.languages, or take the texts out"
            yield Gap(("text", language), f"{language} is no language of the notice", fix)
        for key, needed in (("purpose", purposes), ("question", consents)):
            for name in needed:
                if name not in table(texts, key):
                    message = f"no {key} for purpose {name} in {language}"
                    yield Gap(("text", language, key), message, f'add {name} = "..." under [text.{language}.{key}]')


def words_of_something(raw: Raw) -> Iterator[Gap]:
    """Words are of what the policy has: a text about nothing is a typing error."""
    purposes, consents = _purposes(raw)
    known = {
        "purpose": purposes,
        "question": consents,
        "category": [text(rule.get("category")) for rule in tables(raw.get("rule"))],
        "recipient": [text(entry.get("id")) for entry in tables(raw.get("recipient"))],
    }
    for language in table(raw, "text"):
        for key, names in known.items():
            for name in table(raw, "text", language, key):
                if name not in names:
                    message = f"{name} is no {'purpose that rests on consent' if key == 'question' else key}"
                    yield Gap(("text", language, key, name), message, "correct the name, or take it out")


def _purposes(raw: Raw) -> tuple[list[str], list[str]]:
    """All purposes, and those that rest on consent, each once."""
    rules = tables(raw.get("rule"))
    every = [purpose for rule in rules for purpose in words(rule.get("purpose"))]
    asked = [why for rule in rules if rule.get("basis") == LawfulBasis.CONSENT for why in words(rule.get("purpose"))]
    return list(dict.fromkeys(every)), list(dict.fromkeys(asked))


TEXT_CHECKS: tuple[Callable[[Raw], Iterator[Gap]], ...] = (
    closed_list,
    switches_listed,
    words_complete,
    words_of_something,
)
